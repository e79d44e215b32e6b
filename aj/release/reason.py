"""The reason of a number as a tree of text, for a terminal, a tag and a card."""

from collections.abc import Iterator, Sequence

from aj.release.causes import Cause, Level
from aj.release.required import Required
from aj.release.tree import git

KINDS = {
    Level.MAJOR: "base, architecture, tokenizer or chat template",
    Level.MINOR: "data mix",
    Level.PATCH: "whatever else changes the weights",
}
SHOWN = 5  # names of a long list

Branch = tuple[str, Sequence[str]]


def tree(found: Required, title: str) -> list[str]:
    """Lines: a title, a branch a level with a leaf a cause, what had no effect, and what is not known yet."""
    branches = list(_branches(found))
    lines = [f"{title}: {_summary(found)}"]
    for i, (name, leaves) in enumerate(branches):
        end = i == len(branches) - 1
        lines.append(f"{'└─' if end else '├─'} {name}")
        for j, leaf in enumerate(leaves):
            lines.append(f"{'  ' if end else '│ '} {'└─' if j == len(leaves) - 1 else '├─'} {leaf}")
    return lines


def _summary(found: Required) -> str:
    if not found.last:
        return f"v{found.number}, the first release of {found.code}: any number is right, params.yaml has this one"
    since = f"since {found.last.name} ({found.last.commit[:10]})"
    if found.level is Level.NONE:
        return f"v{found.number} stays: nothing that is released has changed {since}"
    return f"v{found.last.number} -> v{found.number} ({found.level}) {since}"


def _branches(found: Required) -> Iterator[Branch]:
    if found.change:
        for level in (Level.MAJOR, Level.MINOR, Level.PATCH):
            leaves = [str(cause) for cause in found.change.causes if cause.level is level]
            if leaves:
                yield f"{level}: {KINDS[level]}", leaves
        if found.change.inert:
            yield "none: moved, but no byte of what is released moved with it", _short([str(c) for c in found.change.inert])
        others = _others(found, [*found.change.causes, *found.change.inert])
        if others and found.level is Level.NONE:
            yield "none: files that no stage of the release reads", _short(others)
    if found.stale:
        yield "not known yet: dvc.lock is behind the files (run `dvc repro`); counted by what stages read", _short(found.stale)
    if found.taken:
        at = found.taken.commit[:10]
        yield "taken", [f"{found.taken.name} was released from {at}, which is not in this history: merge it, and ask again"]


def _others(found: Required, causes: Sequence[Cause]) -> list[str]:
    """Files that differ and are no cause; what the pipeline itself writes into git is left out."""
    assert found.last
    tree = found.snapshot.tree
    range_ = [found.last.commit, *([tree.rev] if tree.rev else [])]
    names = git(tree.root, "diff", "--name-only", "--relative", "-z", *range_).decode().split("\0")
    own = {"dvc.lock", *found.snapshot.made, *(cause.name for cause in causes)}
    return [name for name in names if name and name not in own]


def _short(lines: Sequence[str]) -> list[str]:
    return [*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else [])]
