"""The one global step: which of all clean rows stay, by comparing keys.

A row's keys are some 160 bytes, whatever its text; the largest (the signature of its text) lies in a memory-mapped file. Rows stand in priority order: of equal or nearly equal rows the first one stays.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aj.errors import DataError
from aj.mix import near
from aj.mix.account import Account
from aj.mix.clean import key, part_file
from aj.mix.parts import Part

Ints = npt.NDArray[np.int64]
COLUMNS = ("ids", "sides", "tokens", "learned", "weights", "signatures")
KEPT, DUPLICATE, NEAR_DUPLICATE = 0, 1, 2


@dataclass(frozen=True)
class Keys:
    """The keys of all n clean rows, in priority order."""

    parts: tuple[Part, ...]
    starts: Ints
    """Index of each part's first row, and n at the end: (parts + 1,)."""
    ids: npt.NDArray[np.uint64]
    sides: npt.NDArray[np.uint8]
    tokens: npt.NDArray[np.uint32]
    learned: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.uint16]
    signatures: npt.NDArray[np.uint8]
    """(n, 128), see near.py."""

    def rows_of(self, source: str) -> slice:
        """Where a source's rows stand."""
        own = [i for i, part in enumerate(self.parts) if part.source == source]
        return slice(int(self.starts[own[0]]), int(self.starts[own[-1] + 1])) if own else slice(0, 0)


def gather_keys(folder: Path, parts: Sequence[Part], accounts: Sequence[Account]) -> Keys:
    """Read the keys of every part; ``accounts`` stand in the order of ``parts``."""
    starts = np.concatenate([[0], np.cumsum([a.kept for a in accounts])]).astype(np.int64)
    n = int(starts[-1])
    columns: dict[str, npt.NDArray[np.generic]] = {}
    for part, start, stop in zip(parts, starts, starts[1:], strict=False):
        with np.load(part_file(folder, part.index, ".npz")) as keys:
            for name in COLUMNS:
                if name not in columns:
                    columns[name] = _column(folder / f"{name}.npy", n, keys[name], mapped=name == "signatures")
                columns[name][start:stop] = keys[name]
    return Keys(tuple(parts), starts, **columns)  # type: ignore[arg-type]


def choose(keys: Keys, similarity: float) -> tuple[npt.NDArray[np.uint8], Ints]:
    """(status (n,), stands (n,)): KEPT, DUPLICATE or NEAR_DUPLICATE, and for each row the kept row that stands for it.

    ``similarity``: estimated Jaccard similarity from which two texts are the same; 0 compares exactly only.
    """
    status = np.zeros(len(keys.ids), np.uint8)
    stands = np.arange(len(keys.ids))
    order = np.argsort(keys.ids, kind="stable")
    first = np.ones(len(order), bool)
    first[1:] = keys.ids[order[1:]] != keys.ids[order[:-1]]
    stands[order] = order[first][np.cumsum(first) - 1]
    status[stands != np.arange(len(stands))] = DUPLICATE
    if similarity:
        nearest = near.clusters(keys.signatures.view(np.uint32), keys.signatures, similarity)
        dropped = (nearest != np.arange(len(nearest))) & (status == KEPT)
        status[dropped], stands[dropped] = NEAR_DUPLICATE, nearest[dropped]
        stands = stands[stands]  # the first of equal rows may itself be near another one
    return status, stands


def assert_apart(folder: Path, parts: Sequence[Part], train: Iterable[str] = (), held_out: Iterable[str] = ()) -> int:
    """Raise DataError when a group, or one word of it (a schema), is both in training and held out.

    ``train`` and ``held_out``: groups of what else is trained on or evaluated, beside the rows of the parts. Returns the number
    of held-out words.
    """
    named = [{word for group in groups for word in group.split()} for groups in (train, held_out)]
    sides = [[np.array([key(word) for word in words], np.uint64)] for words in named]
    for part in parts:
        with np.load(part_file(folder, part.index, ".npz")) as keys:
            for side in (0, 1):
                sides[side].append(np.unique(keys["groups"][keys["group_sides"] == side]))
    trained, kept_out = (np.unique(np.concatenate(found)) for found in sides)
    both = np.intersect1d(trained, kept_out, assume_unique=True)
    if len(both):
        known = sorted(word for words in named for word in words if key(word) in both)
        example = f", {known[0]!r} among them" if known else ""
        raise DataError(f"{len(both)} groups are in training and held out{example}: mend the splits of the sources.")
    return len(kept_out)


def _column(path: Path, n: int, like: npt.NDArray[np.generic], *, mapped: bool) -> npt.NDArray[np.generic]:
    shape = (n, *like.shape[1:])
    if not mapped or not n:
        return np.empty(shape, like.dtype)
    return np.lib.format.open_memmap(path, mode="w+", dtype=like.dtype, shape=shape)
