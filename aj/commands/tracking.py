"""`aj tracking send`, `watch` and `check`: what training stages have written, as runs in MLflow and DVCLive."""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aj.commands import Commands
from aj.errors import AJError, DataError, ParamsError


def register(commands: Commands) -> None:
    """Add `tracking`."""
    parser = commands.add_parser("tracking", help="training stages as runs in MLflow and DVCLive: send, watch, check")
    rooms = parser.add_subparsers(dest="what", required=True)
    send_ = rooms.add_parser("send", help="send what the finished stages have left, and what an earlier try has not got across")
    send_.add_argument("rev", nargs="*", help="experiments or commits instead of the workspace")
    send_.set_defaults(run=send)
    watch_ = rooms.add_parser("watch", help="run a command (dvc repro) and send while it trains")
    watch_.add_argument("--every", type=float, default=10, metavar="SECONDS", help="between two looks; 10 unless told")
    watch_.add_argument("argv", nargs=argparse.REMAINDER, metavar="command", help="what is run: dvc repro, for one")
    watch_.set_defaults(run=watch)
    check_ = rooms.add_parser("check", help="list what the runs have to log and have not; exits 1 where something is missing")
    check_.add_argument("rev", nargs="*", help="experiments or commits instead of the workspace")
    check_.set_defaults(run=check)


def send(given: argparse.Namespace) -> None:
    """Record and send; raise DataError where the server did not take everything."""
    from aj.tracking import feed
    from aj.tracking.journal import Journal

    for rev in given.rev or [None]:
        feed.record_finished(rev)
    kept = _say(feed.send(Journal.all()))
    if kept:
        raise DataError("\n".join(kept))
    print("everything is sent")


def watch(given: argparse.Namespace) -> None:
    """Run a command; look every few seconds at what trains, and at the end at what has changed in dvc.lock."""
    from aj.tracking import feed
    from aj.tracking.finished import STAGES
    from aj.tracking.journal import Journal

    argv = given.argv[1:] if given.argv[:1] == ["--"] else given.argv
    if not argv:
        raise ParamsError("nothing to watch: give the command, for example `aj tracking watch dvc repro`.")
    before, refused = _lock(), list[AJError]()
    process = subprocess.Popen(argv)
    try:
        while process.poll() is None:
            time.sleep(given.every)
            try:
                _say(feed.send(feed.record_running()))
            except AJError as error:  # told once the command has ended: tracking stops no training
                refused.append(error)
    finally:
        process.wait()
    after = _lock()
    if changed := [stage for stage in STAGES if after.get(stage) != before.get(stage)]:
        feed.record_finished(None, changed)
    kept = _say(feed.send(Journal.all()))
    if process.returncode:
        raise SystemExit(process.returncode)
    if refused:
        raise refused[0]
    if kept:
        raise DataError("\n".join(kept))


def check(given: argparse.Namespace) -> None:
    """Print a line for each thing that is wrong; raise DataError where there is one."""
    from aj.tracking.check import problems

    found = [problem for rev in given.rev or [None] for problem in problems(rev)]
    for problem in found:
        print(problem)
    if found:
        raise DataError(f"{len(found)} things are missing or wrong in what was tracked: send it with `aj tracking send`.")
    print("every run has what it has to log")


def _say(sentences: Iterable[tuple[bool, str]]) -> list[str]:
    """Print what was sent and what was not; returns the latter."""
    kept = []
    for taken, sentence in sentences:
        print(sentence, file=sys.stdout if taken else sys.stderr, flush=True)
        kept += [] if taken else [sentence]
    return kept


def _lock() -> dict[str, Any]:
    from aj.tracking.run_files import RunFiles

    return RunFiles().lock if Path("dvc.lock").is_file() else {}
