"""Tasks of all competencies from a seed: distinct, checked when they are made, and apart in two ways.

A wording of a pattern is a template group: of each pattern the wordings with the lowest hash are held out, at least one and never
all, so that every competency has held-out items. And what a task is about (the words it is filled with) is on one side by its own
hash, so that no held-out item has been asked in training in other words.
"""

import random
from collections.abc import Collection, Iterator, Mapping
from itertools import cycle, islice
from math import ceil
from typing import Literal

from tqdm import tqdm

from aj.competencies.draw import Draw, Made, Pattern
from aj.competencies.registry import Catalogue, Competency, patterns_of, tasks_of
from aj.competencies.task import Message, Rejected, Task
from aj.errors import DataError
from aj.hashing import fraction
from aj.params import derive
from aj.tools import agent_tools

PATIENCE = 500  # draws in a row that gave nothing new, after which a group is called exhausted
HELD_OUT_SUBJECTS = 0.1
Side = Literal["train", "held_out"]
Group = tuple[str, str, int]
"""Task, pattern, number of the wording."""


def draw_tasks(catalogue: Catalogue, count: int, *, seed: int, side: Side, without: Collection[Task] = ()) -> list[Task]:
    """``count`` distinct tasks of one side, spread evenly over the competencies; none of them asks what one of ``without`` asks.

    Raises DataError where a competency runs out of distinct tasks, and where a gold does not pass its own checks or a rejected
    answer does not fail its rule.
    """
    per, more = divmod(count, len(catalogue.competencies))
    taken = {task.id for task in without}
    found: list[Task] = []
    for number, competency in enumerate(tqdm(catalogue.competencies, desc=f"tasks, {side}")):
        rng = random.Random(derive(seed, f"tasks {side} {competency.name}"))
        wanted = per + (number < more)
        own = list(islice(_distinct(catalogue, competency, Draw(rng, catalogue.words), side, taken), wanted))
        if len(own) < wanted:
            raise DataError(
                f"competency {competency.name} gives {len(own)} distinct tasks for {side}, {wanted} are asked: ask fewer."
            )
        found += own
    return found


def groups(catalogue: Catalogue, competency: Competency, side: Side) -> list[Group]:
    """The template groups of one side."""
    chosen: list[Group] = []
    for task, patterns in patterns_of(competency).items():
        for name in patterns:
            wordings = tasks_of(competency.name)[task][name].wordings
            numbers = sorted(range(len(wordings)), key=lambda n: fraction(f"{competency.name}/{task}/{name}/{wordings[n]}"))
            apart = min(max(1, ceil(catalogue.held_out_wordings * len(numbers))), len(numbers) - 1)
            chosen += ((task, name, n) for n in sorted(numbers[:apart] if side == "held_out" else numbers[apart:]))
    return chosen


def side_of(task: Task) -> Side:
    """The side that what a task is about is on, in whatever words it is asked."""
    return "held_out" if fraction(task.subject) < HELD_OUT_SUBJECTS else "train"


def _distinct(catalogue: Catalogue, competency: Competency, draw: Draw, side: Side, taken: set[str]) -> Iterator[Task]:
    """New tasks, group by group in turn, until all groups are exhausted."""
    tries = dict.fromkeys(groups(catalogue, competency, side), 0)
    for group in cycle(list(tries)):
        if not tries:
            return
        while group in tries:
            task = draw_one(competency, draw, *group)
            if side_of(task) == side and task.id not in taken:
                prove(task)
                taken.add(task.id)
                tries[group] = 0
                yield task
                break
            tries[group] += 1
            if tries[group] == PATIENCE:
                del tries[group]


def draw_one(competency: Competency, draw: Draw, task: str, name: str, wording: int) -> Task:
    """One task of a group, unproved."""
    pattern = tasks_of(competency.name)[task][name]
    made = pattern.make(draw)
    checks = {v: made.checks.get(v, {}) for v in competency.validators if v in made.checks or v in ALWAYS}
    return Task(
        competency.name, task, name, wording, made.slots, _asked(pattern, made, wording), _gold(made), checks,
        tools=agent_tools() if made.tools else (), world=made.world, rejected=made.rejected,
    )  # fmt: skip


def prove(task: Task) -> None:
    """Raise DataError unless the gold passes every check and each rejected answer fails the rule that it is said to break."""
    for name, score in task.judged(task.gold).items():
        if not score.passed:
            raise DataError(f"the gold of {task.group} fails {name} ({score.reasons[0]}): mend the pattern: {task.gold}")
    for wrong in task.rejected:
        score = task.judged(replaced(task, wrong))[wrong.validator]
        if wrong.code not in score.codes:
            raise DataError(
                f"the rejected answer {wrong.family!r} of {task.group} should fail {wrong.validator} with {wrong.code!r}, "
                f"it gave {score.codes or 'a pass'}: mend the pattern: {wrong.reply}"
            )


def replaced(task: Task, wrong: Rejected) -> tuple[Message, ...]:
    """The gold up to the turn that the wrong reply stands for, and that reply."""
    turns = [i for i, m in enumerate(task.gold) if m["role"] == "assistant"]
    return (*task.gold[: turns[wrong.turn]], wrong.reply)


ALWAYS = frozenset({"policy_safety"})
"""Validators that read every answer, whether the pattern names them or not."""


def _asked(pattern: Pattern, made: Made, wording: int) -> tuple[Message, ...]:
    system = ({"role": "system", "content": pattern.form},) if pattern.form else ()
    return (*system, {"role": "user", "content": pattern.wordings[wording].format(**made.slots)})


def _gold(made: Made) -> tuple[Message, ...]:
    return ({"role": "assistant", "content": made.gold},) if isinstance(made.gold, str) else made.gold


def coverage(catalogue: Catalogue) -> list[Mapping[str, object]]:
    """One row a competency: its domain, tasks, patterns, template groups of both sides, validators."""
    return [
        {
            "competency": c.name,
            "domain": c.domain,
            "tasks": len(c.tasks),
            "patterns": len(c.patterns),
            "training groups": len(groups(catalogue, c, "train")),
            "held-out groups": len(groups(catalogue, c, "held_out")),
            "validators": ", ".join(c.validators),
        }
        for c in catalogue.competencies
    ]
