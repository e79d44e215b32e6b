"""The `aj` command: what is not a stage. `aj --help` lists the commands; each has a room of its own in aj/commands."""

import argparse
import sys
from collections.abc import Sequence

from aj.commands import (
    audit_rewards,
    canaries,
    competencies,
    diff,
    evaluate,
    gate,
    lineage,
    parameters,
    play,
    promotion,
    release,
    remote,
    replay,
    review,
    sweep,
    teach,
    tracking,
    validate,
    version,
)
from aj.errors import AJError

ROOMS = (
    parameters,
    play,
    evaluate,
    canaries,
    replay,
    audit_rewards,
    teach,
    validate,
    competencies,
    remote,
    review,
    version,
    release,
    lineage,
    diff,
    gate,
    promotion,
    tracking,
    sweep,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked, 1 with one sentence a problem when not."""
    parser = argparse.ArgumentParser(prog="aj", description="What is not a stage; the pipeline itself is `dvc repro`.")
    commands = parser.add_subparsers(dest="command", required=True)
    for room in ROOMS:
        room.register(commands)
    given = parser.parse_args(argv)
    try:
        given.run(given)
    except AJError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
