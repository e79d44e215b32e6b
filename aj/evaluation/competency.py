"""How well a form of the model does the tasks of the competencies: pass rate, safety rate, and whether its tool calls are valid.

The same held-out tasks for every form; n and a 95 % interval (Wilson) beside each rate.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aj.competencies.episode import TaskEpisode
from aj.competencies.task import Task, written
from aj.evaluation.statistics import over_items, wilson
from aj.sqlenv.rollout import Episode
from aj.validators.registry import validate

CONTRACT = "tool_contract_valid"


def spread(tasks: Sequence[Task], most: int) -> list[Task]:
    """At most ``most`` tasks, as evenly over the competencies as they are there, in file order within each."""
    by_competency: dict[str, list[Task]] = {}
    for task in tasks:
        by_competency.setdefault(task.competency, []).append(task)
    per, more = divmod(most, len(by_competency) or 1)
    return [task for n, own in enumerate(by_competency.values()) for task in own[: per + (n < more)]]


def opens(budget: int) -> Any:
    """How the rollout opens a task."""
    return lambda task: TaskEpisode(task, budget)


def numbers(episodes: Sequence[Episode]) -> dict[str, float]:
    """Flat metrics: ``tasks.*`` over all, ``task.COMPETENCY.*`` for each, ``tool_calls.*`` over first replies.

    A validator that crashed makes its episode neither passed nor failed: it is counted under ``tasks.crashed`` and left out of the rates.
    """
    judged = _judged(episodes)
    found = _rate("tasks", "pass_rate", [e.env.passed for e in judged]) | _rate(
        "tasks", "safety_rate", [e.env.safe for e in judged]
    )
    found["tasks.crashed"] = len(episodes) - len(judged)
    for row in by_competency(episodes):
        found |= {f"task.{row['competency']}.{key}": row[key] for key in ("pass_rate", "low", "high", "n")}
    return found | tool_calls("free", episodes)


def by_competency(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """One row a competency: pass rate, its interval, and n."""
    rows = []
    for competency in dict.fromkeys(e.question.competency for e in episodes):
        passed = [e.env.passed for e in _judged(episodes) if e.question.competency == competency]
        if not passed:
            continue
        low, high = wilson(sum(passed), len(passed))
        rows.append(
            {"competency": competency, "pass_rate": sum(passed) / len(passed), "low": low, "high": high, "n": len(passed)}
        )
    return rows


def _judged(episodes: Sequence[Episode]) -> list[Episode]:
    return [e for e in episodes if not any(score.crashed for score in e.env.scores.values())]


def tool_calls(manner: str, episodes: Sequence[Episode]) -> dict[str, float]:
    """Share of the tasks that begin with a call in which the first reply is one or more calls that fit the tools' schema."""
    valid = [_opens_with_calls(e) for e in episodes if wants_call(e.question)]
    return _rate("tool_calls", f"{manner}_validity", valid) if valid else {}


def sampled(once: Sequence[Episode], calls: Sequence[Episode]) -> dict[str, float]:
    """Rates at temperature 1: ``tasks.sampled_*`` of one episode a task, ``tool_calls.sampled_*`` of several first replies a task.

    What grpo raises is the chance of what is right; the greedy reply shows only where the likeliest one changed.
    """
    judged = _judged(once)
    passed = sum(e.env.passed for e in judged)
    low, high = wilson(passed, len(judged))
    found = {"tasks.sampled_pass_rate": passed / len(judged), "tasks.sampled_pass_low": low, "tasks.sampled_pass_high": high}
    draws: dict[str, list[bool]] = {}
    for episode in calls:
        draws.setdefault(episode.question.id, []).append(_opens_with_calls(episode))
    if draws:
        shares = [sum(valid) / len(valid) for valid in draws.values()]
        low, high = over_items(shares)
        found |= {
            "tool_calls.sampled_validity": sum(shares) / len(shares),
            "tool_calls.sampled_validity_low": low,
            "tool_calls.sampled_validity_high": high,
            "tool_calls.draws": len(calls),
        }
    return found


def _opens_with_calls(episode: Episode) -> bool:
    return validate(CONTRACT, written(episode.env.said[0]), {}).passed


def wants_call(task: Task) -> bool:
    """Whether a good agent begins with a call."""
    return "tool_calls" in task.gold[0]


def reasons(episodes: Sequence[Episode]) -> Mapping[str, int]:
    """Reason codes of all that failed, the most frequent first."""
    counts: dict[str, int] = {}
    for episode in episodes:
        for name, score in episode.env.scores.items():
            for code in dict.fromkeys(score.codes):
                counts[f"{name}: {code}"] = counts.get(f"{name}: {code}", 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def transcripts(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """What was asked, what was said, and what each check says of it, one object a task."""
    return [
        {
            "id": e.question.id, "group": e.question.group, "messages": list(e.question.messages), "said": e.env.said,
            "gold": list(e.question.gold), "passed": e.env.passed,
            "checks": {name: {"value": s.value, "codes": list(s.codes)} for name, s in e.env.scores.items()},
        }
        for e in episodes
    ]  # fmt: skip


def _rate(prefix: str, name: str, passed: Sequence[bool]) -> dict[str, float]:
    low, high = wilson(sum(passed), len(passed))
    stem = name.removesuffix("_rate")
    return {
        f"{prefix}.{name}": sum(passed) / len(passed),
        f"{prefix}.{stem}_low": low,
        f"{prefix}.{stem}_high": high,
        f"{prefix}.n": len(passed),
    }
