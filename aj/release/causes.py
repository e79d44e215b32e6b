"""Levels: what a moved input asks of the number. The rule (spec: Versions):

major: a new base model or architecture, tokenizer or chat template. minor: the data mix. patch: whatever else changes the
weights (hyperparameters, training code, pinned libraries). Where one input feeds several stages (``seed``, a file of code), the
stage whose output it moved decides: moved the base made here, it is a new base; moved the mix, a new mix. Pins and ``compute``
are a patch wherever they act: the same base by other kernels is that base up to rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from aj.release.artifacts import TEMPLATES
from aj.release.pipeline import at
from aj.release.snapshot import Input, Snapshot

BASE_STAGE, MIX_STAGES = "download_base", ("download", "prepare_mix")


class Level(IntEnum):
    """How much of a number changes."""

    NONE, PATCH, MINOR, MAJOR = range(4)

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Cause:
    """One thing that moved."""

    kind: str
    """parameter, pin, code, file, template, command, stage, or output (other bytes though nothing it reads moved)."""
    name: str
    before: str
    after: str
    level: Level
    stages: tuple[str, ...]
    """Stages that declare it and on which it acted."""

    def __str__(self) -> str:
        moved = f": {self.before} -> {self.after}" if self.before or self.after else ""
        return f"{self.kind} {self.name}{moved} ({', '.join(self.stages)})"


def details(key: Input, old: str, new: str, a: Snapshot, b: Snapshot) -> Iterator[tuple[str, str, str, str]]:
    """(kind, name, before, after) of a moved input; a folder is taken apart into the files that differ."""
    kind, path = key
    if kind != "file":
        yield kind, path or "cmd", old, new
        return
    names = sorted({*a.tree.under(path), *b.tree.under(path)})
    before, after = a.tree.read(names), b.tree.read(names)
    differ = [name for name in names if before.get(name) != after.get(name)]
    for name in differ:
        code = name.startswith(("aj/", "stages/")) or name.endswith(".py")
        template = name in (_template(a), _template(b))
        yield (
            "template" if template else "code" if code else "file",
            name,
            *_sizes(name, before.get(name), after.get(name)),
        )
    if not differ:  # git does not have it: DVC's hash is all that is known
        yield "file", path, old[:8], new[:8]


def level(kind: str, name: str, stage: str, a: Snapshot, b: Snapshot, *, known: bool) -> Level:
    """What a moved input asks where it acted on one stage. ``known``: that stage ran with it, so that its output's move is seen."""
    of_stage = Level.MAJOR if stage == BASE_STAGE else Level.MINOR if stage in MIX_STAGES else Level.PATCH
    section = name.partition(".")[0]
    if kind in ("pin", "command") or (kind == "parameter" and section == "compute") or name == "base.licence":
        return Level.PATCH
    if kind == "template" or (kind == "parameter" and section in ("base", "pretrain")):
        if name == "base.chat_template" and _same_template(a, b):
            return Level.PATCH  # the same text under another name
        return Level.MAJOR
    if kind == "parameter" and section in ("sources", "mix", "system"):
        return Level.MINOR
    if kind == "code" and not known:
        return Level.PATCH  # at least; the run will tell whether base or mix come out different
    return of_stage


def cannot_act(kind: str, name: str, stage: str, b: Snapshot) -> bool:
    """Whether an input is declared but not read: the seed and shape of a base that is fetched, pages beside the chat template."""
    if stage == BASE_STAGE and kind == "file" and name.startswith(f"{TEMPLATES}/"):
        return True  # the template itself is of kind ``template``
    fetched = _param(b, "base.origin") == "hub"
    return (
        stage == BASE_STAGE and fetched and kind == "parameter" and (name == "seed" or name.startswith(("pretrain", "compute")))
    )


def _sizes(name: str, before: bytes | None, after: bytes | None) -> tuple[str, str]:
    if before is None or after is None:
        return ("absent", "new") if before is None else ("there", "gone")
    if name.endswith(".jsonl"):
        return f"{len(before.splitlines())} rows", f"{len(after.splitlines())} rows"
    return "", ""


def _template(snapshot: Snapshot) -> str:
    return str(_param(snapshot, "base.chat_template"))


def _same_template(a: Snapshot, b: Snapshot) -> bool:
    one = a.tree.content(_template(a))
    return one is not None and one == b.tree.content(_template(b))


def _param(snapshot: Snapshot, key: str) -> object:
    try:
        return at(snapshot.params, key)
    except KeyError:
        return None
