"""What GRPO plays: SQLEnv, tasks that validators score, and those of them that call tools; each step's questions dealt out by share.

An environment knows how its items are played and what its episodes report. Every episode reports a value for each column that the
rewards read, None where the column is another environment's: TRL leaves those out of its sums and means.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aj.competencies.episode import TaskEpisode
from aj.competencies.task import Task
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Episode, Roller
from aj.validators.registry import find

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Item = Question | Task
Outcome = dict[str, float | None]
SQL_COLUMNS = ("correct", "best_progress", "operational_sum", "parse_failures", "actions", "answered")
TASK_COLUMNS = ("validated", "passed", "unsafe", "crashed")


@dataclass(frozen=True)
class Environment:
    """One of several environments of a run."""

    holds: Callable[[Any], bool]
    """Whether an item is its."""
    items: Sequence[Any]
    share: float
    roller: Roller
    columns: Sequence[str]
    outcome: Callable[[Any], Outcome]
    """The environment as an episode has left it -> its columns."""


def environments(
    questions: Sequence[Question], tasks: Sequence[Task], tokenizer: "PreTrainedTokenizerBase", section: Any
) -> list[Environment]:
    """Those that have items and a share; ``section`` is ``params.grpo``. The shares are those among them."""
    weights = {name: section.validators[name] for name in section.validators}
    for name in weights:
        find(name)  # one that is none stops here
    shares = section.environments
    sqlenv = Roller(tokenizer, budget=section.budget, max_new_tokens=section.max_new_tokens, max_length=section.max_length)
    task = Roller(
        tokenizer, budget=section.budget, max_new_tokens=section.task_tokens, max_length=section.max_length,
        opens=lambda item: TaskEpisode(item, section.budget),
    )  # fmt: skip

    def of(holds: Callable[[Any], bool], share: float) -> Environment:
        return Environment(holds, [t for t in tasks if holds(t)], share, task, TASK_COLUMNS, lambda env: of_task(env, weights))

    found = [
        Environment(is_question, questions, shares.sqlenv, sqlenv, SQL_COLUMNS, of_sqlenv),
        of(is_answered, shares.competencies),
        of(is_played_with_tools, shares.tools),
    ]
    return [environment for environment in found if environment.share > 0 and environment.items]


def is_question(item: Item) -> bool:
    """SQLEnv's."""
    return isinstance(item, Question)


def is_answered(item: Item) -> bool:
    """A task with one reply."""
    return isinstance(item, Task) and not item.tools


def is_played_with_tools(item: Item) -> bool:
    """A task that offers the six tools."""
    return isinstance(item, Task) and bool(item.tools)


def deal(environments: Sequence[Environment], count: int) -> Iterator[Item]:
    """``count`` items, so that every stretch of them holds each environment by its share; an environment's items come again
    in the same order when they run out.
    """
    given, whole = [0] * len(environments), sum(e.share for e in environments)
    for place in range(1, count + 1):
        # Whose part lags most: the largest-remainder rule, taken one item at a time.
        lag = [e.share / whole * place - g for e, g in zip(environments, given, strict=True)]
        chosen = lag.index(max(lag))
        items = environments[chosen].items
        yield items[given[chosen] % len(items)]
        given[chosen] += 1


def play(
    environments: Sequence[Environment], items: Sequence[Item], rolled: Callable[[Roller, Sequence[Item]], list[Episode]]
) -> list[Episode]:
    """One episode an item, in their order; ``rolled`` plays those of one environment together."""
    episodes: dict[int, Episode] = {}
    for environment in environments:
        own = [place for place, item in enumerate(items) if environment.holds(item)]
        if own:
            episodes |= zip(own, rolled(environment.roller, [items[place] for place in own]), strict=True)
    return [episodes[place] for place in range(len(items))]


def outcomes(environments: Sequence[Environment], episodes: Iterable[tuple[Any, Any]]) -> dict[str, list[float | None]]:
    """Columns of (item, environment as it was left), a value an episode."""
    rows = [next(e for e in environments if e.holds(item)).outcome(env) for item, env in episodes]
    return {column: [row.get(column) for row in rows] for column in (*SQL_COLUMNS, *TASK_COLUMNS)}


def of_sqlenv(env: SQLEnv) -> Outcome:
    """What an episode of SQLEnv reports."""
    return {
        "correct": float(env.correct),
        "best_progress": env.best_progress,
        "operational_sum": env.operational_sum,
        "parse_failures": float(env.parse_failures),
        "actions": float(len(env.history)),
        "answered": float(env.answered),
    }


def of_task(env: TaskEpisode, weights: Mapping[str, float]) -> Outcome:
    """What an episode of a task reports."""
    return {
        "validated": env.reward(weights),
        "passed": float(env.passed),
        "unsafe": float(not env.safe),
        "crashed": float(any(score.crashed for score in env.scores.values())),
    }
