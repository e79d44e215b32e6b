"""Tasks of all competencies from a seed: distinct, proved when they are made, each on one side (template.py)."""

import random
from collections.abc import Iterator, Mapping
from itertools import cycle, islice

from tqdm import tqdm

from aj.competencies.judge import prove
from aj.competencies.registry import Catalogue, Competency
from aj.competencies.task import Task
from aj.competencies.template import Side, draw_one, groups, side_of
from aj.errors import DataError
from aj.params import derive

PATIENCE = 500  # draws in a row that gave nothing new, after which a group is called exhausted


def draw_tasks(catalogue: Catalogue, count: int, *, seed: int, side: Side) -> list[Task]:
    """``count`` distinct tasks of one side, spread evenly over the competencies.

    Raises DataError where a competency runs out of distinct tasks, and where a gold does not pass its own checks or a rejected
    answer does not fail its rule.
    """
    per, more = divmod(count, len(catalogue.competencies))
    taken: set[str] = set()
    found: list[Task] = []
    for number, competency in enumerate(tqdm(catalogue.competencies, desc=f"tasks, {side}")):
        rng = random.Random(derive(seed, f"tasks {side} {competency.name}"))
        wanted = per + (number < more)
        own = list(islice(_distinct(catalogue, competency, rng, side, taken), wanted))
        if len(own) < wanted:
            raise DataError(
                f"competency {competency.name} gives {len(own)} distinct tasks for {side}, {wanted} are asked: ask fewer."
            )
        found += own
    return found


def _distinct(catalogue: Catalogue, competency: Competency, rng: random.Random, side: Side, taken: set[str]) -> Iterator[Task]:
    """New tasks, group by group in turn, until all groups are exhausted."""
    tries = dict.fromkeys(groups(catalogue, competency, side), 0)
    for group in cycle(list(tries)):
        if not tries:
            return
        while group in tries:
            task = draw_one(catalogue, competency, rng, *group)
            if side_of(task) == side and task.id not in taken:
                prove(task)
                taken.add(task.id)
                tries[group] = 0
                yield task
                break
            tries[group] += 1
            if tries[group] == PATIENCE:
                del tries[group]


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
