"""Whether a form is worse than another on the same items, by more than chance: exact, and over several comparisons together.

What is not covered: another seed of the same training. The question is whether this model is worse than that one on questions like these,
and a worse seed is a worse model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aj.gate.metrics import Item

UNIT = 100
"""Values are compared in hundredths: differences are whole numbers, and the test on them stays exact."""


@dataclass(frozen=True)
class Flip:
    """An item whose value is another one now."""

    name: str
    asked: str
    before: float
    after: float


@dataclass(frozen=True)
class Paired:
    """Two forms on the items that both have."""

    n: int
    clusters: int
    before: float
    """Mean of the baseline."""
    after: float
    p: float
    """One-sided: probability of so large a loss, or a larger one, where the two are equally good."""
    best_p: float
    """The smallest p that so many clusters can give: above the level, no model could fail."""
    flips: Sequence[Flip]
    left_out: int
    """Items that only one side has."""


def pair(before: Mapping[str, Item], after: Mapping[str, Item], sign: int) -> Paired:
    """Compare by content. ``sign``: 1 where higher is better, -1 where lower is. Raises ValueError where no item is on both sides."""
    common = [key for key in before if key in after]
    if not common:
        raise ValueError("no item is on both sides")
    sums: dict[str, int] = {}
    flips = []
    for key in common:
        was, now = before[key], after[key]
        change = sign * (round(now.value * UNIT) - round(was.value * UNIT))
        sums[was.cluster] = sums.get(was.cluster, 0) + change
        if now.value != was.value:
            flips.append(Flip(was.name, was.asked, was.value, now.value))
    return Paired(
        n=len(common), clusters=len(sums), flips=flips, left_out=len(before) + len(after) - 2 * len(common),
        before=sum(before[key].value for key in common) / len(common), after=sum(after[key].value for key in common) / len(common),
        p=sign_flip(list(sums.values())), best_p=0.5 ** len(sums),
    )  # fmt: skip


def sign_flip(changes: Sequence[int]) -> float:
    """Exact one-sided p of a loss: how often the sum is as low as it is, were the sign of every cluster's change drawn at random.

    Fisher's randomisation test (1935) on sums of clusters; with one item a cluster and values 0 and 1 it is McNemar's exact test.
    1 where nothing changed.
    """
    import numpy as np

    sizes = [abs(change) for change in changes if change]
    step = int(np.gcd.reduce(sizes)) if sizes else 1
    reach = sum(sizes) // step
    chances = np.zeros(2 * reach + 1)  # of each sum from -reach to reach
    chances[reach] = 1.0
    for size in sizes:
        moved = size // step
        chances = (np.roll(chances, moved) + np.roll(chances, -moved)) / 2  # the ends are still empty: nothing wraps round
    return min(1.0, float(chances[: reach + sum(changes) // step + 1].sum()))


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given (Holm, 1979).

    Calling those at or below a level significant, the chance of one wrong call or more is at most that level, however they depend.
    """
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted
