"""Which side a row is on: by the hash of its group, so that a row never changes sides when data is added."""

import hashlib
from collections.abc import Iterable

from aj.errors import DataError


def fraction(key: str) -> float:
    """The SHA-256 of a text, read as a number in [0, 1)."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def held_out(group: str, validation: float) -> bool:
    """Whether a group is on the held-out side when a share of ``validation`` is asked for."""
    return fraction(f"split:{group}") < validation


def assert_disjoint(what: str, train_groups: Iterable[str], held_out_groups: Iterable[str]) -> int:
    """Raise DataError when a group (or one schema of it) is on both sides; returns the number of held-out groups."""
    held_out = _parts(held_out_groups)
    both = _parts(train_groups) & held_out
    if both:
        raise DataError(
            f"{what}: {len(both)} groups are in training and held out, {sorted(both)[0]!r} among them: mend the source's split."
        )
    return len(held_out)


def _parts(groups: Iterable[str]) -> set[str]:
    return {part for group in groups for part in group.split()}
