"""Template groups and their sides, and one task drawn from a group.

A wording of a pattern is a template group: of each pattern the wordings with the lowest hash are held out, at least one and never
all, so that every competency has held-out items. And what a task is about (the words it is filled with) is on one side by its own
hash, so that no held-out item has been asked in training in other words.
"""

import random
from math import ceil
from typing import Literal

from aj.competencies.draw import Draw, Made, Pattern
from aj.competencies.registry import Catalogue, Competency, patterns_of, tasks_of
from aj.competencies.task import Message, Task
from aj.hashing import fraction
from aj.tools import agent_tools

HELD_OUT_SUBJECTS = 0.1
ALWAYS = frozenset({"policy_safety"})
"""Validators that read every answer, whether the pattern names them or not."""
Side = Literal["train", "held_out"]
Group = tuple[str, str, int]
"""Task, pattern, number of the wording."""


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


def draw_one(catalogue: Catalogue, competency: Competency, rng: random.Random, task: str, name: str, wording: int) -> Task:
    """One task of a group, unproved."""
    pattern = tasks_of(competency.name)[task][name]
    made = pattern.make(Draw(rng, catalogue.words))
    checks = {v: made.checks.get(v, {}) for v in competency.validators if v in made.checks or v in ALWAYS}
    opening = catalogue.persona if made.tools else pattern.form
    return Task(
        competency.name, task, name, wording, made.slots, _asked(opening, pattern, made, wording), _gold(made), checks,
        tools=agent_tools() if made.tools else (), world=made.world, rejected=made.rejected,
    )  # fmt: skip


def _asked(system: str, pattern: Pattern, made: Made, wording: int) -> tuple[Message, ...]:
    opening = ({"role": "system", "content": system},) if system else ()
    return (*opening, {"role": "user", "content": pattern.wordings[wording].format(**made.slots)})


def _gold(made: Made) -> tuple[Message, ...]:
    return ({"role": "assistant", "content": made.gold},) if isinstance(made.gold, str) else made.gold
