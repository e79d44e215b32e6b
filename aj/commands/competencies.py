"""`aj competencies`: what covers what, and an example of each task."""

import argparse
from typing import TYPE_CHECKING

from aj.commands import Commands

if TYPE_CHECKING:
    from aj.competencies import registry


def register(commands: Commands) -> None:
    """Add `competencies`."""
    parser = commands.add_parser(
        "competencies", help="the table of what covers what; with a name, one task of each of its patterns"
    )
    parser.add_argument("name", nargs="?", help="a competency")
    parser.add_argument("--seed", type=int, default=17)
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the table, or the examples."""
    from aj.competencies import registry

    catalogue = registry.read()
    if given.name:
        _examples(catalogue, given.name, given.seed)
    else:
        _table(catalogue)


def _table(catalogue: "registry.Catalogue") -> None:
    from aj.competencies.generate import coverage

    rows = coverage(catalogue)
    print(f"| {' | '.join(rows[0])} |\n|{'---|' * len(rows[0])}")
    for row in rows:
        print(f"| {' | '.join(map(str, row.values()))} |")


def _examples(catalogue: "registry.Catalogue", name: str, seed: int) -> None:
    import random

    from aj.competencies.judge import prove
    from aj.competencies.registry import patterns_of
    from aj.competencies.task import written
    from aj.competencies.template import draw_one
    from aj.errors import ParamsError

    competency = next((c for c in catalogue.competencies if c.name == name), None)
    if competency is None:
        raise ParamsError(f"{name!r} is no competency: use one of {', '.join(c.name for c in catalogue.competencies)}.")
    rng = random.Random(seed)
    for task, patterns in patterns_of(competency).items():
        for pattern in patterns:
            drawn = draw_one(catalogue, competency, rng, task, pattern, 0)
            prove(drawn)
            print(f"\n# {drawn.group}")
            for message in (*drawn.messages, *drawn.gold):
                print(f"{message['role']}: {written(message)}")
            for wrong in drawn.rejected:
                print(f"  fails {wrong.validator} ({wrong.code}), family {wrong.family}: {written(wrong.reply)!r}")
