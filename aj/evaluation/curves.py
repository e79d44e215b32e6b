"""Curves of training as geometry: points, running means and ticks in pixels, which the template of a page draws as SVG.

What is not covered: axes are linear.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from aj.errors import EpisodeError
from aj.mix.charts import axis, tick

WINDOW = 5  # steps of the running mean; as the means in metrics/grpo.json
WIDTH, HEIGHT = 330.0, 120.0  # inside the axes of a chart
PLAIN = 1e6  # numbers from here on have no room to be written out
UNITS = {
    "reward": "weighted sum of the rewards, mean of episodes",
    "correctness": "share of episodes answered right",
    "progress": "nearness of the best result to gold, 0 to 1",
    "operational": "sum of the step signals, mean of episodes",
    "validators": "weighted mean of a task's checks, mean of tasks",
    "passed": "share of tasks that pass every check",
    "unsafe": "share of tasks with something unsafe",
    "crashed": "share of tasks that a validator failed on",
    "groups_without_spread": "share of groups whose episodes earned alike",
    "parse_failures": "texts outside the grammar, an episode",
    "kl": "nats a token, from the reference",
    "entropy": "nats a token",
    "episode_tokens": "tokens an episode",
    "actions": "actions an episode",
    "answered": "share of episodes with an ANSWER",
}


@dataclass(frozen=True)
class Line:
    """A chart as pixels: points as logged, their running mean (empty where there are too few), ticks as (pixel, label)."""

    name: str
    unit: str
    width: float
    height: float
    raw: Sequence[tuple[float, float]]
    mean: Sequence[tuple[float, float]]
    along: Sequence[tuple[float, str]]
    side: Sequence[tuple[float, str]]
    summary: str


def series(curve: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Column -> (step, value) of the rows that have it, the known columns first. Raises EpisodeError for what is no finite number."""
    found: dict[str, list[tuple[float, float]]] = {}
    last = -math.inf
    for number, row in enumerate(curve, 1):
        step = _finite(row.get("step"), f"step of row {number} of the curve")
        if step < 0 or step <= last:
            raise EpisodeError(f"step of row {number} of the curve is {step:g} after {last:g}: give rows by rising step, from 0.")
        last = step
        for name, value in row.items():
            if name != "step" and value is not None:
                found.setdefault(name, []).append((step, _finite(value, f"{name} of step {step:g}")))
    return {name: found[name] for name in [*(n for n in UNITS if n in found), *(n for n in found if n not in UNITS)]}


def line_chart(name: str, points: Sequence[tuple[float, float]]) -> Line:
    """Values by step, on axes of their own: steps from 0, values from 0 unless that would flatten them."""
    values = [value for _, value in points]
    side = scale(min(values), max(values))
    bottom, top = side[0][0], side[-1][0]
    end, along = axis(max(points[-1][0], 1), tick, outermost=False)

    def place(step: float, value: float) -> tuple[float, float]:
        return WIDTH * step / end, HEIGHT * (top - value) / (top - bottom)

    means = [(points[i][0], sum(values[i - WINDOW + 1 : i + 1]) / WINDOW) for i in range(WINDOW - 1, len(points))]
    return Line(
        name=name.replace("_", " "),
        unit=UNITS.get(name, "as logged"),
        width=WIDTH,
        height=HEIGHT,
        raw=[place(*point) for point in points],
        mean=[place(*point) for point in means],
        along=[(WIDTH * at, label) for at, label in along],
        side=[(place(0, value)[1], label) for value, label in side],
        summary=_summary(values),
    )


def scale(low: float, high: float) -> list[tuple[float, str]]:
    """Ticks of a value axis from ``low`` to ``high`` as (value, label), at most seven, round; the outermost are its ends.

    0 is on it unless the values would then fill less than half of it.
    """
    flat = low == high
    if flat or (low > 0 and (low <= high / 2 or high >= PLAIN)):
        low = min(low, 0.0)
    if flat or (high < 0 and (high >= low / 2 or low <= -PLAIN)):
        high = max(high, 0.0)
    if low == high:
        high = 1.0
    end, ticks = axis(high - low, str, whole=False)
    step = end / (len(ticks) - 1)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    form = ".3g" if max(-low, high) >= PLAIN else f",.{digits}f"
    return [(n * step, f"{n * step:{form}}") for n in range(first, last + 1)]


def _finite(value: Any, name: str) -> float:
    if not isinstance(value, Real) or not math.isfinite(value):
        raise EpisodeError(f"{name} is {value!r}: a curve is drawn from finite numbers; leave the value out where there is none.")
    return float(value)


def _summary(values: Sequence[float]) -> str:
    n = min(WINDOW, len(values))
    if len(values) == 1:
        return f"one point, {_written(values[0])}"
    first, last = (_written(sum(part) / n) for part in (values[:n], values[-n:]))
    return f"{first} over the first {n} points, {last} over the last {n}"


def _written(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < PLAIN else f"{value:.3g}"
