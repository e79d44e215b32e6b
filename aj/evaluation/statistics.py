"""Intervals for what is measured on a few hundred items."""

from statistics import NormalDist


def wilson(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson, 1927): (low, high). Raises ValueError for n = 0 or hits outside."""
    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"{hits} hits of {n} items is no proportion")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = hits / n, z * z / n
    centre = share + spread / 2
    reach = z * (share * (1 - share) / n + spread / (4 * n)) ** 0.5
    return max(0.0, (centre - reach) / (1 + spread)), min(1.0, (centre + reach) / (1 + spread))
