"""What an action earns.

L1, operational, every step: +0.02 ran without error, +0.01 showed something new, -0.03 repeats an earlier action
exactly, -0.02 for the step. L2, progress: how near a result came to the gold result, binned to 5 levels, paid as the
change of the best level so far times 0.15, so that it telescopes. L1 + L2 of a step is clipped to [-0.10, 0.15].
L3, terminal: 1.0 for a right answer. A step after ANSWER earns -0.1. Source: spec of SQLEnv, "Rewards".
"""

from collections.abc import Sequence
from typing import Any

from aj.sqlenv.database import Row
from aj.sqlenv.grading import bag

RAN, NEW, REPEATED, STEP = 0.02, 0.01, -0.03, -0.02
PROGRESS_SCALE, LEVELS = 0.15, 4  # levels 0, 1/4 … 4/4
STEP_CLIP = (-0.10, 0.15)
AFTER_ANSWER = -0.1


def operational_signal(*, ran: bool, new: bool, repeated: bool) -> float:
    """L1 of one step."""
    return RAN * ran + NEW * new + REPEATED * repeated + STEP


def step_reward(operational: float, progress_change: float) -> float:
    """L1 + L2 of one step, clipped."""
    low, high = STEP_CLIP
    return min(max(operational + PROGRESS_SCALE * progress_change, low), high)


def progress(rows: tuple[Row, ...], gold: tuple[Row, ...]) -> float:
    """Nearness of a result to the gold result, in [0, 1], binned down to 5 levels.

    0.25 * cardinality + 0.50 * value overlap + 0.25 * numeric proximity, where cardinality = 1 - |p - g| / max(p, g, 1)
    over row counts, value overlap = Jaccard index of the two bags of cells, and numeric proximity = mean over the
    gold's numbers of max(0, 1 - |p - g| / max(|g|, 1)) to the nearest number shown (value overlap if it has none).
    """
    count = 1 - abs(len(rows) - len(gold)) / max(len(rows), len(gold), 1)
    shown, wanted = bag(rows), bag(gold)
    overlap = (shown & wanted).total() / max((shown | wanted).total(), 1)
    near = _proximity(_numbers(rows), _numbers(gold), otherwise=overlap)
    return int((0.25 * count + 0.50 * overlap + 0.25 * near) * LEVELS + 1e-9) / LEVELS


def _numbers(rows: tuple[Row, ...]) -> list[float]:
    return [float(c) for row in rows for c in row if isinstance(c, int | float)]


def _proximity(shown: list[float], wanted: list[float], *, otherwise: float) -> float:
    if not wanted:
        return otherwise
    if not shown:
        return 0.0
    return sum(max(max(0.0, 1 - abs(s - w) / max(abs(w), 1.0)) for s in shown) for w in wanted) / len(wanted)


# The three callables in TRL's form: completions and the columns that the rollout returned in, one float each out; None for an episode
# of another environment.


def correctness(completions: Sequence[Any], correct: Sequence[float | None], **_: Any) -> list[float | None]:
    """1.0 where the episode's answer was right, else 0.0."""
    return _column("correct", correct, completions)


def progress_reward(completions: Sequence[Any], best_progress: Sequence[float | None], **_: Any) -> list[float | None]:
    """How near the best query result of the episode came to the gold result, in [0, 1]."""
    return _column("best_progress", best_progress, completions)


def operational(completions: Sequence[Any], operational_sum: Sequence[float | None], **_: Any) -> list[float | None]:
    """Sum of the per-step signals L1."""
    return _column("operational_sum", operational_sum, completions)


def _column(name: str, values: Sequence[float | None], completions: Sequence[Any]) -> list[float | None]:
    if len(values) != len(completions):
        raise ValueError(f"{len(values)} values of {name} for {len(completions)} completions")
    return [None if v is None else float(v) for v in values]
