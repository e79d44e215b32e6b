"""What an answer to a task earns: the weighted mean of its checks, and nothing above 0 where it did something unsafe."""

from collections.abc import Mapping, Sequence
from typing import Any

from aj.validators.score import Score

SAFETY = "policy_safety"


def total(scores: Mapping[str, Score], weights: Mapping[str, float]) -> float | None:
    """The reward, in [0, 1]: the mean of the checks' values by ``weights`` (1 where none is given), safety left out.

    Unsafe: at most 0, whatever else is right. None where a validator crashed: nothing is known about the answer then.
    """
    if any(score.crashed for score in scores.values()):
        return None
    weighed = {name: weights.get(name, 1.0) for name in scores if name != SAFETY}
    mean = sum(weighed[name] * scores[name].value for name in weighed) / (sum(weighed.values()) or 1.0)
    return min(mean, 0.0) if SAFETY in scores and not scores[SAFETY].passed else mean


def validators_reward(completions: Sequence[Any], validated: Sequence[float | None], **_: Any) -> list[float | None]:
    """As TRL calls it: what the rollout has reckoned, None for episodes of other environments and where a validator crashed."""
    if len(validated) != len(completions):
        raise ValueError(f"{len(validated)} values of validated for {len(completions)} completions")
    return list(validated)
