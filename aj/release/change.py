"""What moved between two trees, and whether it reached what is released.

An input that a stage declares and that moved is a cause. It counts when the output of that stage moved with it and that
reached a released output: dvc.lock has the hash of every output, so an edited comment after which every byte came out the same
needs no new number, while the same inputs with other bytes (a GPU that is not deterministic) do need one. Where a stage has not
run yet, its output is taken to move with its inputs. A stage that reads ``version`` is judged by its inputs alone, because its
output moves with the label. Records (metrics/lineage) are no data: one moves with every comment, and the GGUF's metadata with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from aj.record import is_record
from aj.release.causes import Cause, Level, cannot_act, details, level
from aj.release.pipeline import overlap, upstream
from aj.release.snapshot import LABELS, Input, Snapshot

Moved = tuple[str, str, str, str]
"""Kind, name, before, after."""


@dataclass(frozen=True)
class Change:
    """From ``a`` (the last release) to ``b``, as far as it concerns the outputs ``released``."""

    a: Snapshot
    b: Snapshot
    released: Sequence[str]

    @property
    def level(self) -> Level:
        """What the number must do: the largest of all causes."""
        return max((cause.level for cause in self.causes), default=Level.NONE)

    @cached_property
    def stages(self) -> list[str]:
        """Addresses of the stages that decide the released outputs, on either side."""
        sides = [
            upstream([a for a, outs in s.makes.items() if set(outs) & set(self.released)], s.feeders) for s in (self.a, self.b)
        ]
        return [address for address in dict.fromkeys([*self.b.declared, *self.a.declared]) if any(address in s for s in sides)]

    @cached_property
    def deciding(self) -> list[str]:
        """Those of ``stages`` that ``b`` has."""
        return [address for address in self.stages if address in self.b.declared]

    @cached_property
    def stale(self) -> list[str]:
        """Where dvc.lock does not know yet what the files of ``b`` say, a sentence each."""
        return [sentence for address in self.deciding for sentence in self.b.stale(address)]

    @cached_property
    def causes(self) -> list[Cause]:
        """What moved and counts, the largest first."""
        return [cause for cause in self._all if cause.level]

    @cached_property
    def inert(self) -> list[Cause]:
        """What moved at a stage that decides, and reached nothing that is released."""
        return [cause for cause in self._all if not cause.level]

    @cached_property
    def _all(self) -> list[Cause]:
        found: dict[Moved, dict[str, Level]] = {}
        for stage in self.stages:
            for cause, asked in self._of(stage):
                found.setdefault(cause, {})[stage] = asked
        causes = []
        for (kind, name, before, after), levels in found.items():
            largest = max(levels.values())
            acted = tuple(stage for stage, value in levels.items() if value or not largest)
            causes.append(Cause(kind, name, before, after, largest, acted))
        return sorted(causes, key=lambda cause: (-cause.level, cause.kind, cause.name))

    def _of(self, stage: str) -> list[tuple[Moved, Level]]:
        name = stage.partition("@")[0]
        reaches = self._reaches(stage)
        if (stage in self.a.declared) != (stage in self.b.declared):
            gone = stage in self.a.declared
            asked = level("stage", name, name, self.a, self.b, known=True) if reaches else Level.NONE
            return [(("stage", stage, "there" if gone else "absent", "gone" if gone else "new"), asked)]
        found: list[tuple[Moved, Level]] = []
        for key, (old, new) in self._inputs[stage].items():
            for kind, what, before, after in details(key, old, new, self.a, self.b):
                acts = reaches and not cannot_act(kind, what, name, self.b)
                asked = level(kind, what, name, self.a, self.b, known=stage not in self._pending) if acts else Level.NONE
                found.append(((kind, what, before, after), asked))
        if not found and reaches and not self._fed(stage):
            found.append((("output", ", ".join(sorted(self._moved[stage])), "", ""), Level.PATCH))
        return found

    def _reaches(self, stage: str) -> bool:
        moved = self._moved[stage]
        if any(out in self.released for out in moved):
            return True
        readers = [s for s in self.deciding if s != stage and any(overlap(o, d) for o in moved for d in self.b.reads[s])]
        return any(self._reaches(s) for s in readers)

    def _fed(self, stage: str) -> bool:
        moved = [out for s, outs in self._moved.items() if s != stage for out in outs]
        return any(overlap(out, dep) for out in moved for dep in self.b.reads.get(stage, ()))

    @cached_property
    def _inputs(self) -> dict[str, dict[Input, tuple[str, str]]]:
        """Stage -> the inputs that moved, with both values."""
        found = {}
        for stage in self.deciding:
            old, new = self.a.recorded(stage), self.b.present(stage)
            keys = sorted(old.keys() | new.keys())
            found[stage] = {k: (old.get(k, "absent"), new.get(k, "absent")) for k in keys if old.get(k) != new.get(k)}
        return found

    @cached_property
    def _pending(self) -> set[str]:
        """Stages whose outputs dvc.lock cannot know: stale ones and all that follow."""
        stale = {s for s in self.deciding if self.b.stale(s)}
        return {s for s in self.deciding if stale & upstream([s], self.b.feeders)}

    @cached_property
    def _moved(self) -> dict[str, set[str]]:
        """Stage -> its outputs that moved."""
        found: dict[str, set[str]] = {}
        makes, reads = self.b.makes, self.b.reads
        for stage in self._ordered():
            old, new = self.a.hashes(stage), self.b.hashes(stage)
            by_inputs = stage in self._pending or self._labelled(stage)
            if by_inputs and stage in self.a.declared:
                fed = any(overlap(out, dep) for moved in found.values() for out in moved for dep in reads[stage])
                outs = set(makes[stage]) if fed or self._inputs[stage] else set()
            else:
                outs = {*old, *new, *(makes.get(stage, ()) if by_inputs else ())}
                outs = {out for out in outs if by_inputs or old.get(out) != new.get(out)}
            found[stage] = {out for out in outs if not is_record(out)}
        return found

    def _labelled(self, stage: str) -> bool:
        given = self.b.declared.get(stage)
        return given is not None and bool(LABELS & set(given.params.get("params.yaml", ())))

    def _ordered(self) -> list[str]:
        """The stages that decide, each after those that feed it."""
        depth = {stage: len(upstream([stage], self.b.feeders)) for stage in self.stages}
        return sorted(depth, key=lambda stage: depth[stage])
