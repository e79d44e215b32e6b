"""Tasks of all competencies from a seed: distinct, checked when they are made, split by template group.

A wording of a pattern is a group. Of each pattern the wordings with the lowest hash are held out, at least one and never all, so
that every competency has held-out items and no wording stands on both sides.
"""

import random
from collections.abc import Collection, Iterator, Mapping
from itertools import cycle, islice
from math import ceil

from tqdm import tqdm

from aj.competencies.draw import Draw, Made, Pattern
from aj.competencies.registry import Catalogue, Competency, patterns_of, tasks_of
from aj.competencies.task import Message, Rejected, Task
from aj.errors import DataError
from aj.mix.split import fraction
from aj.params import derive
from aj.tools import agent_tools

PATIENCE = 500  # draws in a row that gave nothing new, after which a group is called exhausted
Group = tuple[str, str, int]
"""Task, pattern, number of the wording."""


def draw_tasks(
    catalogue: Catalogue, count: int, *, seed: int, side: str, held_out: float, without: Collection[Task] = ()
) -> list[Task]:
    """``count`` distinct tasks, spread evenly over the competencies, of groups on one side: "train" or "held_out".

    None asks what a task of ``without`` asks, or has its answer. Raises DataError where a competency runs out of distinct tasks, and
    where a gold does not pass its own checks or a rejected answer does not fail its rule.
    """
    per, more = divmod(count, len(catalogue.competencies))
    taken = {task.id for task in without}
    answers = {task.answer for task in without}
    found: list[Task] = []
    for number, competency in enumerate(tqdm(catalogue.competencies, desc=f"tasks, {side}")):
        rng = random.Random(derive(seed, f"tasks {side} {competency.name}"))
        wanted = per + (number < more)
        own = list(islice(_distinct(competency, Draw(rng, catalogue.words), side, held_out, taken, answers), wanted))
        if len(own) < wanted:
            raise DataError(f"competency {competency.name} gives {len(own)} distinct tasks for {side}, {wanted} are asked: ask fewer.")
        found += own
    return found


def groups(competency: Competency, side: str, held_out: float) -> list[Group]:
    """The template groups of one side."""
    chosen: list[Group] = []
    for task, patterns in patterns_of(competency).items():
        for name in patterns:
            pattern = tasks_of(competency.name)[task][name]
            numbers = sorted(
                range(len(pattern.wordings)), key=lambda n: fraction(f"{competency.name}/{task}/{name}/{pattern.wordings[n]}")
            )
            apart = min(max(1, ceil(held_out * len(numbers))), len(numbers) - 1)
            chosen += ((task, name, n) for n in sorted(numbers[:apart] if side == "held_out" else numbers[apart:]))
    return chosen


def _distinct(
    competency: Competency, draw: Draw, side: str, held_out: float, taken: set[str], answers: Collection[str]
) -> Iterator[Task]:
    """New tasks, group by group in turn, until all groups are exhausted."""
    open_groups = {group: 0 for group in groups(competency, side, held_out)}
    for group in cycle(list(open_groups)):
        if not open_groups:
            return
        while group in open_groups:
            task = make(competency, draw, *group)
            if task.id not in taken and task.answer not in answers:
                taken.add(task.id)
                open_groups[group] = 0
                yield task
                break
            open_groups[group] += 1
            if open_groups[group] == PATIENCE:
                del open_groups[group]


def make(competency: Competency, draw: Draw, task: str, name: str, wording: int) -> Task:
    """One task, whose gold passes and whose rejected answers fail. Raises DataError where they do not."""
    pattern = tasks_of(competency.name)[task][name]
    made = pattern.make(draw)
    checks = {v: made.checks.get(v, {}) for v in competency.validators if v in made.checks or v in ALWAYS}
    found = Task(
        competency.name, task, name, wording, _asked(pattern, made, wording), _gold(made), checks,
        tools=agent_tools() if made.tools else (), world=made.world, rejected=made.rejected,
    )  # fmt: skip
    prove(found)
    return found


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


def coverage(catalogue: Catalogue, held_out: float) -> list[Mapping[str, object]]:
    """One row a competency: its domain, tasks, patterns, template groups of both sides, validators."""
    return [
        {
            "competency": c.name,
            "domain": c.domain,
            "tasks": len(c.tasks),
            "patterns": len(c.patterns),
            "training groups": len(groups(c, "train", held_out)),
            "held-out groups": len(groups(c, "held_out", held_out)),
            "validators": ", ".join(c.validators),
        }
        for c in catalogue.competencies
    ]
