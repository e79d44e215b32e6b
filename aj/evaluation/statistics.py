"""Intervals for what is measured on a few hundred items."""

from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev


def wilson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson, 1927): (low, high). Raises ValueError for n = 0 or hits outside."""
    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"{hits} hits of {n} items is no proportion")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = hits / n, z * z / n
    centre = share + spread / 2
    reach = z * (share * (1 - share) / n + spread / (4 * n)) ** 0.5
    return max(0.0, (centre - reach) / (1 + spread)), min(1.0, (centre + reach) / (1 + spread))


def over_items(shares: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a rate that each item was drawn for several times: (low, high), from the spread of the items' own shares.

    Draws of one item are no independent evidence, items are (Miller, 2024, "Adding Error Bars to Evals", section 2.2).
    Where all shares are the same their spread says nothing: that of Wilson's interval for as many items then.
    """
    mean = fmean(shares)
    if len(set(shares)) < 2:
        return wilson(round(mean * len(shares)), len(shares), confidence)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * stdev(shares) / len(shares) ** 0.5
    return max(0.0, mean - reach), min(1.0, mean + reach)
