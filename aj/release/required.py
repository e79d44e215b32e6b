"""The number that a tree must have: the last release's, moved by what has changed since.

Compared with the last release, not with the last commit, so a state that went back to what is released needs no new number. The
model's number is typed (``version`` in params.yaml) and checked. The mix has a number of its own that nobody types: a new
``lora_r`` must not give the same rows a second label, and two models may share a mix. It starts with the model's number and moves
by the same rule, applied to what reached data/mix.
"""

from dataclasses import dataclass
from pathlib import Path

from aj.release import artifacts, history
from aj.release.causes import Level
from aj.release.change import Change
from aj.release.history import Release
from aj.release.snapshot import Snapshot
from aj.version import Version


@dataclass(frozen=True)
class Required:
    """What the number of a model or of its mix must be, and why."""

    snapshot: Snapshot
    code: str
    number: str
    """The number it must have."""
    last: Release | None
    change: Change | None
    """Since ``last``; None where there is no release yet."""
    taken: Release | None
    """A release of this very number that this tree does not descend from."""

    @property
    def level(self) -> Level:
        """The bump; NONE where nothing moved, and for a first release."""
        return self.change.level if self.change else Level.NONE

    @property
    def stale(self) -> list[str]:
        """Where dvc.lock does not know yet what the files say."""
        if self.change:
            return self.change.stale
        return [sentence for address in self.snapshot.declared for sentence in self.snapshot.stale(address)]


def required(root: Path, rev: str | None = None, *, mix: bool = False) -> Required:
    """What the number must be in a commit, or in the working tree. Raises ReleaseError where it cannot be said."""
    now = Snapshot.of(root, rev)
    code, typed = now.label("code"), now.label("version")
    Version.of(code, typed, "mix" if mix else "lora")
    last = history.last(root, code, now.tree.commit, mix=mix)
    if not last:
        return Required(now, code, typed, None, None, _elsewhere(root, code, typed, None, mix))
    change = Change(Snapshot.of(root, last.commit), now, artifacts.MIX if mix else artifacts.MODEL)
    number = bumped(last.number, change.level)
    return Required(now, code, number, last, change, _elsewhere(root, code, number, last, mix))


def bumped(number: str, level: Level) -> str:
    """A number after a bump: what stands right of the part that moves starts again at 0."""
    major, minor, patch = (int(part) for part in number.split("."))
    new = {
        Level.MAJOR: (major + 1, 0, 0),
        Level.MINOR: (major, minor + 1, 0),
        Level.PATCH: (major, minor, patch + 1),
        Level.NONE: (major, minor, patch),
    }[level]
    return ".".join(str(part) for part in new)


def _elsewhere(root: Path, code: str, number: str, last: Release | None, mix: bool) -> Release | None:
    others = history.releases(root, code, mix=mix)
    return next((r for r in others if r.number == number and (not last or r.commit != last.commit)), None)
