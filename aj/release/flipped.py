"""Single evaluated items that were right in one tree and are wrong in the other, or the other way.

From the episodes that evaluation recorded, by the hash in each tree's dvc.lock, read as the gate reads them (aj/gate/evidence.py).
Where they cannot be had, the sentence says how to bring them. What is not covered: items that only one side was asked.
"""

from collections.abc import Iterator, Sequence

from aj.gate.evidence import Evidence, GateError
from aj.gate.metrics import ACCURACY
from aj.gate.paired import Flip, pair
from aj.release.scores import EVAL
from aj.release.snapshot import Snapshot

SHOWN = 5  # items of a list
WORDS = 60  # characters of what was asked
TASKS = "tasks.pass_rate"


def sentences(a: Snapshot, b: Snapshot) -> Iterator[str]:
    """For each form that both trees evaluated: its flipped items by metric, or why they are not known."""
    sides = [Evidence(s.tree.rev, s.tree.root) for s in (a, b)]
    for form in [form for form in _forms(a) if form in _forms(b)]:
        paths = [f"metrics/transcripts/{form}{part}.jsonl" for part in ("", "_tasks")]
        old, new = ([_hashes(s).get(path) for path in paths] for s in (a, b))
        if None in (*old, *new):
            side = a if None in old else b
            yield f"{form}: which items flipped is not known, because dvc.lock of {side.tree} records no episodes of it."
        elif old != new:
            yield from _flips(form, *sides)


def _forms(snapshot: Snapshot) -> list[str]:
    files = sorted(path for path in snapshot.tree.files if path.startswith(EVAL) and path.endswith(".json"))
    return [path.removeprefix(EVAL).removesuffix(".json") for path in files]


def _hashes(snapshot: Snapshot) -> dict[str, str]:
    return {path: value for address in snapshot.locked for path, value in snapshot.hashes(address).items()}


def _flips(form: str, before: Evidence, after: Evidence) -> Iterator[str]:
    try:
        splits = dict.fromkeys(str(row["split"]) for row in after.questions(form))
        for metric in [*(f"{split}{ACCURACY}" for split in splits), TASKS]:
            found = pair(before.items(form, metric).items, after.items(form, metric).items, 1)
            for lost, verb in ((True, "wrong"), (False, "right")):
                flips = [flip for flip in found.flips if (flip.after < flip.before) == lost]
                if flips:
                    yield f"{form}: {metric}: {len(flips)} of {found.n} items are {verb} now and were not: {_named(flips)}."
    except (GateError, ValueError, KeyError, TypeError) as error:
        yield f"{form}: which items flipped is not known: {str(error).rstrip('.')}."


def _named(flips: Sequence[Flip]) -> str:
    shown = [f"{flip.name} ({' '.join(flip.asked.split())[:WORDS]!r})" for flip in flips[:SHOWN]]
    return ", ".join([*shown, *([f"and {len(flips) - SHOWN} more"] if len(flips) > SHOWN else [])])
