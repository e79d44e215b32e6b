"""What every form of the model is measured on: SQLEnv episodes by split, and validation loss.

The same items for every form, with n and a 95 % interval beside each accuracy.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aj.evaluation.likelihood import log_likelihoods
from aj.evaluation.statistics import wilson
from aj.sqlenv.actions import parse
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Episode

if TYPE_CHECKING:
    import numpy as np

    from aj.chat_template import Tokens

HEADLINE = "unseen_schemas"  # the split that is also sampled, and that the README and the controls quote


def first_of_each_split(questions: Sequence[Question], most: int) -> list[Question]:
    """At most ``most`` questions a split, in file order."""
    taken: dict[str, int] = {}
    chosen = []
    for question in questions:
        taken[question.split] = taken.get(question.split, 0) + 1
        if taken[question.split] <= most:
            chosen.append(question)
    return chosen


def spread(rows: Sequence[Any], count: int) -> list[Any]:
    """At most ``count`` rows, evenly over all of them, so that no source is left out for standing last."""
    count = min(count, len(rows))
    return [rows[i * len(rows) // count] for i in range(count)]


def accuracy_by_split(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """One row a split: n, right answers as a share with its interval, and how the episodes went."""
    return accuracy_by("split", episodes, lambda question: question.split)


def accuracy_by(column: str, episodes: Sequence[Episode], kind: Callable[[Question], str]) -> list[dict[str, Any]]:
    """The same for any kind of question; ``column`` is what the kind is called."""
    table = []
    for split in dict.fromkeys(kind(e.question) for e in episodes):
        played = [e for e in episodes if kind(e.question) == split]
        right = sum(e.env.correct for e in played)
        low, high = wilson(right, len(played))
        actions = [parse(a) for e in played for a in e.actions]
        table.append(
            {
                column: split,
                "n": len(played),
                "accuracy": right / len(played),
                "low": low,
                "high": high,
                "grammar": sum(a.well_formed for a in actions) / max(len(actions), 1),
                "executed": 1 - sum(e.env.errors for e in played) / max(len(actions), 1),
                "parse_failures": sum(e.env.parse_failures for e in played) / len(played),
                "describes_first": sum(parse(e.actions[0]).kind == "DESCRIBE" for e in played if e.actions) / len(played),
                "answered": sum(e.env.answered for e in played) / len(played),
                "failed": sum(bool(e.failed) for e in played) / len(played),
                "out_of_context": sum(e.out_of_context for e in played) / len(played),
                "mean_actions": len(actions) / len(played),
            }
        )
    return table


def flat(table: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The table as flat metric names, ``split.column``."""
    return {f"{row['split']}.{key}": value for row in table for key, value in row.items() if key != "split"}


def sampled(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Accuracy of episodes sampled at temperature 1, one a question, with its interval; named beside the greedy one."""
    columns = ("accuracy", "low", "high", "describes_first")
    return {f"{row['split']}.sampled_{column}": row[column] for row in accuracy_by_split(episodes) for column in columns}


def validation_loss(rows: "Sequence[Tokens]", logits: "Iterator[np.ndarray]") -> dict[str, float]:
    """Mean cross-entropy in nats over the assistant's tokens (as trained), its perplexity, and their number."""
    total, count = 0.0, 0
    for row, scores in zip(rows, logits, strict=True):
        found = log_likelihoods(row, scores)
        total, count = total - float(found.sum()), count + len(found)
    return {"validation_loss": total / count, "perplexity": math.exp(total / count), "validation_tokens": count}
