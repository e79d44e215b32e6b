"""How many rows each source gives, and which: asked, available, taken.

Sampling is by priority, a hash of seed and row: adding rows to one source moves no row of the others and few of its own.
Repeats (a file's weight, a shortage made up for) happen here, after the split, and only in train; a row brings its copies
along, and the copies do not stand beside each other.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aj.errors import DataError

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Portion:
    """One source's part of the mix, in rows."""

    source: str
    asked: int
    available: int
    """Rows of the training side, each counted as often as its file's weight says."""
    taken: int


def weigh(
    rows: Mapping[str, Ints], ids: Keys, weights: npt.NDArray[np.uint16], shares: Mapping[str, float],
    *, total: int, shortage: str, repeat_max: int, seed: int,
) -> tuple[Ints, list[Portion]]:  # fmt: skip
    """Take ``share * total`` rows of each source; returns row indices in training order.

    ``rows``: indices of each source's training rows; ``ids`` and ``weights``: of all rows. ``shortage`` says what happens
    where there are fewer than asked (sections.Mix).
    """
    chosen: list[Ints] = []
    portions = []
    for source, share in shares.items():
        asked = round(share * total)
        by_priority = rows[source][np.argsort(mixed(ids[rows[source]], seed), kind="stable")]
        available = np.repeat(by_priority, weights[by_priority])
        if len(available) < asked and shortage == "fail":
            raise DataError(
                f"source {source!r} has {len(available)} rows for training, {asked} are asked ({share:.0%} of {total}): "
                "lower its share, or set mix.shortage to cap or repeat."
            )
        taken = np.tile(available, repeat_max if shortage == "repeat" else 1)[:asked]
        if share and not len(taken):
            raise DataError(f"source {source!r} gives 0 of {asked} rows asked: raise its share or add rows.")
        chosen.append(taken)
        portions.append(Portion(source, asked, len(available), len(taken)))
    return shuffled(np.concatenate(chosen), ids, seed), portions


def shuffled(rows: Ints, ids: Keys, seed: int) -> Ints:
    """Rows in an order of their own, by hash of seed, row and copy."""
    order = np.argsort(rows, kind="stable")
    copy = np.empty(len(rows), np.int64)  # 0 for a row's first appearance, 1 for its second …
    starts = np.flatnonzero(np.diff(rows[order], prepend=-1))
    copy[order] = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    return rows[np.argsort(mixed(ids[rows] + copy.astype(np.uint64), seed + 1), kind="stable")]


def mixed(keys: Keys, seed: int) -> Keys:
    """splitmix64 of key + seed (Steele et al., 2014): 64 well-mixed bits a key."""
    z = keys + np.uint64((seed * 0x9E3779B97F4A7C15) % 2**64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
