"""`aj lineage`, `aj verify`, `aj reproduce`: what a file was made of, whether that is so, and the file made once more."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from aj.commands import Commands

if TYPE_CHECKING:
    from aj.lineage.check import Check

ROOT = Path()
SAID = 1 << 30  # bytes between two lines of progress


def register(commands: Commands) -> None:
    """Add `lineage`, `verify` and `reproduce`."""
    parser = commands.add_parser("lineage", help="what a GGUF or an artifact folder says it was made of; offline, the file alone")
    parser.add_argument("file", type=Path, help="a GGUF, or a folder that a stage made")
    parser.add_argument("--json", action="store_true", help="everything, with whole hashes, instead of the tree")
    parser.set_defaults(run=lineage)
    parser = commands.add_parser("verify", help="a GGUF against its repository at its tag: every part that differs is named")
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "--only", action="append", choices=("file", "tag", "here"), help="file: against its record; tag: the record against its "
        "commit; here: the working tree and its data against the tag. All three where none is named",
    )  # fmt: skip
    parser.set_defaults(run=verify)
    parser = commands.add_parser("reproduce", help="merge and quantize once more in a clone of the tag, and compare the tensors")
    parser.add_argument("file", type=Path)
    parser.set_defaults(run=reproduce)


def lineage(given: argparse.Namespace) -> None:
    """Print the tree."""
    import json

    from aj.lineage import show

    found = show.of(given.file)
    print(json.dumps(found, indent=1, ensure_ascii=False) if given.json else "\n".join(show.tree(found)))


def verify(given: argparse.Namespace) -> None:
    """Print a line a check; raise LineageError where one failed or could not be made."""
    from aj.lineage.verify import SCOPES
    from aj.lineage.verify import verify as checks

    _report(checks(ROOT.resolve(), given.file, given.only or SCOPES, _Progress()), given.file, "verified")


def reproduce(given: argparse.Namespace) -> None:
    """Print what is done, then a line a check; raise LineageError where tensors differ."""
    from aj.lineage.reproduce import reproduce as checks

    say = lambda sentence: print(f"{sentence} …", file=sys.stderr, flush=True)  # noqa: E731
    _report(checks(ROOT.resolve(), given.file, say), given.file, "reproduced")


def _report(checks: Iterable["Check"], file: Path, done: str) -> None:
    from aj.lineage.check import LineageError

    wrong, absent = [], []
    for check in checks:
        wrong += check.wrong
        absent += check.absent
        if not check.wrong and check.asked:
            print(f"right: {check.name}{f' ({check.asked})' if check.asked > 1 else ''}", flush=True)
        for sentence in check.wrong:
            print(f"differs: {sentence}", flush=True)
        for sentence in check.absent:
            print(f"not checked: {sentence}", flush=True)
    if wrong or absent:
        counts = [f"{len(wrong)} parts differ" if wrong else "", f"{len(absent)} were not checked" if absent else ""]
        raise LineageError(f"{file} is not {done}: {', '.join(c for c in counts if c)}; the first is {[*wrong, *absent][0]}.")
    print(f"{file} is {done}.")


class _Progress:
    """A line on stderr for every gigabyte read."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, count: int) -> None:
        """Count bytes."""
        before, self.read = self.read, self.read + count
        if before // SAID != self.read // SAID:
            print(f"{self.read / 1e9:.0f} GB read", file=sys.stderr, flush=True)
