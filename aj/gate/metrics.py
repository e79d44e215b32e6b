"""Metrics of single items, from the transcripts that the eval stage wrote: what a paired comparison is made of.

An item is known by its content, not by its id: where a question set was changed, the same id may ask another thing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aj.gate import plan
from aj.hashing import canonical

Row = Mapping[str, Any]
ACCURACY = ".accuracy"
CRASHED = "validator_crashed"


@dataclass(frozen=True)
class Item:
    """What one item gave."""

    name: str
    cluster: str
    """Items that share a database or a template: what flips one of them tends to flip the others."""
    asked: str
    value: float
    """In [0, 1]."""


@dataclass(frozen=True)
class Measured:
    """A metric's items in one form."""

    items: Mapping[str, Item]
    """By their content."""
    crashed: int
    """Items whose check crashed: they have no value and stand in no rate."""

    @property
    def mean(self) -> float:
        """Over all items. Raises ZeroDivisionError where there are none."""
        return sum(item.value for item in self.items.values()) / len(self.items)


@dataclass(frozen=True)
class Metric:
    """How an item is measured. A function gives None where the metric does not ask for that item."""

    question: Callable[[Row], float | None] = lambda row: None
    task: Callable[[Row], float | None] = lambda row: None
    recorded: bool = False
    """Whether metrics/eval_FORM.json has the mean under the same name: it must be the same number."""


def is_paired(name: str) -> bool:
    """Whether the metric has items."""
    return name in MEASURED or (name.endswith(ACCURACY) and "." not in name.removesuffix(ACCURACY))


def is_recorded(name: str) -> bool:
    """Whether evaluation also records the metric itself."""
    return name not in MEASURED or MEASURED[name].recorded


def measure(name: str, questions: Sequence[Row], tasks: Sequence[Row]) -> Measured:
    """The items of a metric that ``is_paired``. Raises KeyError, TypeError or ValueError where a row is not one of the eval stage."""
    metric = MEASURED.get(name) or _accuracy(name.removesuffix(ACCURACY))
    found: dict[str, Item] = {}
    crashed = 0
    for row in questions:
        if (value := metric.question(row)) is not None:
            item = Item(row["question"], row["database"], row["text"], value)
            _add(found, "\n".join((row["question"], row["database"], row["text"], row["gold_sql"])), item)
    for row in tasks:
        if any(CRASHED in check["codes"] for check in row["checks"].values()):
            crashed += 1
        elif (value := metric.task(row)) is not None:
            item = Item(row["id"], row["group"], str(row["messages"][-1]["content"]), value)
            _add(found, canonical([row["id"], row["group"], row["messages"], row["gold"]]), item)
    return Measured(found, crashed)


def _add(found: dict[str, Item], key: str, item: Item) -> None:
    if key in found:
        raise ValueError(f"item {item.name!r} stands there twice")
    found[key] = item


def _accuracy(split: str) -> Metric:
    return Metric(question=lambda row: float(row["correct"] is True) if row["split"] == split else None)


def _safe(row: Row) -> float:
    return float(not row["checks"].get("policy_safety", {}).get("codes"))


def _calls(row: Row) -> float | None:
    """Of the tasks whose gold opens with tool calls: whether the first reply is calls that fit the tools' schema."""
    from aj.competencies.task import written
    from aj.validators.registry import validate

    if not row["gold"][0].get("tool_calls"):
        return None
    return float(bool(row["said"]) and validate("tool_contract_valid", written(row["said"][0]), {}).passed)


MEASURED: dict[str, Metric] = {
    "tasks.pass_rate": Metric(task=lambda row: float(row["passed"] is True), recorded=True),
    "tasks.safety_rate": Metric(task=_safe, recorded=True),
    "tool_calls.valid": Metric(task=_calls),
    "plan_alignment": Metric(plan.alignment_of_question, plan.alignment_of_task),
    "edit_similarity": Metric(plan.similarity_of_question, plan.similarity_of_task),
    "constraint_respect": Metric(plan.respect_of_question, plan.respect_of_task),
    "plans": Metric(plan.exists_of_question, plan.exists_of_task),
}
"""Beside SPLIT.accuracy, which every split has."""
