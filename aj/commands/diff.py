"""`aj diff A B`: what changed between two releases, in sentences."""

import argparse
from pathlib import Path

from aj.commands import Commands

ROOT = Path()


def register(commands: Commands) -> None:
    """Add `diff`."""
    parser = commands.add_parser("diff", help="what changed between two releases, in sentences")
    parser.add_argument("a", help="a release (v0.1.0, or a tag) or any commit")
    parser.add_argument("b", nargs="?", help="the same; the working tree where it is left out")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print a sentence a line."""
    from aj.release import history
    from aj.release.difference import sentences
    from aj.release.snapshot import Snapshot

    code = Snapshot.of(ROOT).label("code")
    a, b = (name and history.find(ROOT, code, name) for name in (given.a, given.b))
    for sentence in sentences(Snapshot.of(ROOT, a), Snapshot.of(ROOT, b)):
        print(sentence)
