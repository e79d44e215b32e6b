"""`aj teach SOURCE TASKS`: have the teacher of a source's card play tasks, and keep its raw episodes beside the card."""

import argparse
from pathlib import Path

from aj.commands import Commands
from aj.errors import ParamsError


def register(commands: Commands) -> None:
    """Add `teach`."""
    parser = commands.add_parser("teach", help="have a source's teacher play tasks and keep its raw episodes beside the card")
    parser.add_argument("source", help="a folder of data/sources whose card is of kind episodes and names a teacher")
    parser.add_argument("tasks", type=Path, help="a question set such as data/mix/rl, or a .jsonl of recorded tasks")
    parser.add_argument("-n", type=int, help="tasks, from the first on; all where it is not given")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Append raw episodes to data/sources/SOURCE/episodes.jsonl and print what became of the tasks; a second call goes on."""
    from aj.sources import card as cards
    from aj.sources import teacher, worlds

    card = cards.read(given.source)
    if not isinstance(card, cards.Episodes) or card.teacher is None:
        raise ParamsError(
            f"source {given.source!r} has no teacher: give {cards.CARDS / given.source / 'source.yaml'} kind episodes and a teacher with base_url and model."
        )
    found = worlds.recorded_tasks(given.tasks) if given.tasks.suffix == ".jsonl" else worlds.sql_tasks(given.tasks)
    out = cards.CARDS / given.source / "episodes.jsonl"
    account = teacher.collect(card.teacher, found[: given.n], out)
    print(f"{out}: {', '.join(f'{key} {number}' for key, number in account.items())}")
