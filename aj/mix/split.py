"""Which side a row is on: by the hash of its group, so that a row never changes sides when data is added."""

import hashlib
from collections.abc import Iterable, Sequence

from aj.errors import DataError
from aj.mix.clean import Row


def fraction(key: str) -> float:
    """The SHA-256 of a text, read as a number in [0, 1)."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def split(rows: Iterable[Row], validation: float) -> tuple[list[Row], list[Row]]:
    """(train, validation). A source that splits by schema says so itself; other rows go by their group's hash."""
    train: list[Row] = []
    held_out: list[Row] = []
    for row in rows:
        side = row.split == "held_out" if row.split else fraction(f"split:{row.group}") < validation
        (held_out if side else train).append(row)
    return train, held_out


def assert_disjoint(what: str, train_groups: Iterable[str], held_out_groups: Iterable[str]) -> int:
    """Raise DataError when a group (or one schema of it) is on both sides; returns the number of held-out groups."""
    held_out = _parts(held_out_groups)
    both = _parts(train_groups) & held_out
    if both:
        raise DataError(
            f"{what}: {len(both)} groups are in training and held out, {sorted(both)[0]!r} among them: mend the source's split."
        )
    return len(held_out)


def by_priority(rows: Sequence[Row], seed: int) -> list[Row]:
    """Rows in an order of their own (hash of seed and id): adding rows elsewhere moves none of them."""
    return sorted(rows, key=lambda r: fraction(f"{seed}:{r.conversation.id}"))


def _parts(groups: Iterable[str]) -> set[str]:
    return {part for group in groups for part in group.split()}
