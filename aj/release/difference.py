"""What changed between two releases, in sentences."""

from collections.abc import Iterable, Iterator

from aj.release import artifacts, facts, flipped, moved_rows, scores
from aj.release.causes import Cause
from aj.release.change import Change
from aj.release.scores import Score
from aj.release.snapshot import Snapshot
from aj.release.tree import git

NOUNS = {
    "parameter": "Parameter", "pin": "Pin of", "code": "Code", "file": "File", "template": "Chat template",
    "command": "Command of", "stage": "Stage", "output": "Output",
}  # fmt: skip


def sentences(a: Snapshot, b: Snapshot) -> Iterator[str]:
    """Rows by source, what moved in the order of its weight, other files, and every score that is another."""
    change = Change(a, b, artifacts.MODEL)
    level = f"a {change.level} change" if change.level else "no change of the weights"
    yield f"From {_label(a)} to {_label(b)}: {level}."
    yield from _rows(a, b)
    for cause in change.causes:
        yield f"{_moved(cause)} ({cause.level})."
    for cause in change.inert:
        yield f"{_moved(cause)}, and no released byte moved with it."
    for sentence in change.stale:
        yield f"Not known yet: {sentence}."
    yield from _others(a, b, [*change.causes, *change.inert])
    yield from _scores(a, b)
    yield from flipped.sentences(a, b)


def _label(snapshot: Snapshot) -> str:
    return f"AJ-{snapshot.label('code')} v{snapshot.label('version')} ({snapshot.tree})"


def _moved(cause: Cause) -> str:
    what = f"{NOUNS[cause.kind]} {cause.name}"
    values = f" from {cause.before} to {cause.after}" if cause.before or cause.after else ""
    return f"{what} changed{values}, in {', '.join(cause.stages)}"


def _rows(a: Snapshot, b: Snapshot) -> Iterator[str]:
    old, new = (scores.numbers(s.tree, facts.MIX) for s in (a, b))
    names = {key.split(".")[1]: None for key in (*new, *old) if key.startswith("source.")}
    still = []
    for name in names:
        before, after = (int(values.get(f"source.{name}.taken", 0)) for values in (old, new))
        read = [int(values.get(f"source.{name}.in", 0)) for values in (old, new)]
        if before == after and read[0] == read[1]:
            still.append(name)
            continue
        count = abs(after - before)
        moved = f"{count} {'row' if count == 1 else 'rows'} {'more' if after > before else 'fewer'}" if count else "as many rows"
        yield f"Source {name} has {moved} in training ({before} -> {after}); it brought {read[0]} and now brings {read[1]}."
    if still:
        yield f"As many rows as before from {', '.join(still)}."
    if a.hashes("prepare_mix").get(moved_rows.MIX) != b.hashes("prepare_mix").get(moved_rows.MIX):
        yield from moved_rows.sentences(a.tree, b.tree)


def _others(a: Snapshot, b: Snapshot, causes: Iterable[Cause]) -> Iterator[str]:
    trees = [tree.rev for tree in (a.tree, b.tree) if tree.rev]
    names = git(a.tree.root, "diff", "--name-only", "--relative", "-z", *trees).decode().split("\0")
    own = {"dvc.lock", "params.yaml", *b.made, *a.made, *(cause.name for cause in causes)}
    others = [name for name in names if name and name not in own]
    if others:
        yield f"{len(others)} other files changed, which no stage of the release reads: {', '.join(others[:5])}{', …' if others[5:] else ''}."


def _scores(a: Snapshot, b: Snapshot) -> Iterator[str]:
    old, new = scores.of_forms(a.tree), scores.of_forms(b.tree)
    same = 0
    for form in {**old, **new}:
        for metric in sorted({*old.get(form, {}), *new.get(form, {})}):
            before, after = old.get(form, {}).get(metric), new.get(form, {}).get(metric)
            if before == after:
                same += 1
            else:
                yield f"{form}: {metric} {_went(before, after)}."
    yield f"{same} scores are the same."


def _went(before: Score | None, after: Score | None) -> str:
    if not before or not after:
        return f"is measured now: {after}, n = {after.n}" if after else f"is no longer measured; it was {before}"
    verb = "rose" if after.value > before.value else "fell" if after.value < before.value else "stayed"
    apart = "are apart" if after.apart(before) else "overlap"
    return f"{verb} from {before}, n = {before.n}, to {after}, n = {after.n}; the intervals {apart}"
