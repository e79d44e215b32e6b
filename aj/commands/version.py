"""`aj version`: what the number is, what it must be and why, whether it is right; and a name in its parts."""

import argparse
from pathlib import Path

from aj.commands import Commands
from aj.release import artifacts, history, reason
from aj.release.number import verify
from aj.release.required import required
from aj.release.snapshot import Snapshot
from aj.version import Version

ROOT = Path()


def register(commands: Commands) -> None:
    """Add `version` with `show`, `next`, `check` and `parse`."""
    parser = commands.add_parser("version", help="what the version number must be, computed from what changed, and why")
    asked = parser.add_subparsers(dest="asked", required=True)
    for name, run, text in (
        ("show", show, "the names of what is here, and the last release"),
        ("next", next_, "the number that the change since the last release requires, with the reason as a tree"),
        ("check", check, "fail where params.yaml has a smaller or a larger number than the change implies"),
    ):
        command = asked.add_parser(name, help=text)
        command.add_argument("--rev", help="a commit to look at, instead of the working tree")
        command.set_defaults(run=run)
    command = asked.add_parser("parse", help="an artifact's name in its parts")
    command.add_argument("name", help="for example AJ-Llama33-70B-v3.0.0-q4km")
    command.set_defaults(run=parse)


def show(given: argparse.Namespace) -> None:
    """Print a line an artifact, then the last release."""
    now = Snapshot.of(ROOT, given.rev)
    code, number = now.label("code"), now.label("version")
    for flavour in artifacts.flavours(now.made):
        if flavour != "mix":
            print(f"{Version.of(code, number, flavour)}  {artifacts.path(flavour)}")
    for mix in (False, True):
        found = history.last(ROOT, code, now.tree.commit, mix=mix)
        what = "mix" if mix else "model"
        print(f"last release of the {what}: {_release(found) if found else 'none'}")


def next_(given: argparse.Namespace) -> None:
    """Print the required number of the model and of its mix, each with its reason."""
    for mix, title in ((False, "model"), (True, "mix")):
        print("\n".join(reason.tree(required(ROOT, given.rev, mix=mix), title)))


def check(given: argparse.Namespace) -> None:
    """Say that the number is right, or raise ReleaseError."""
    found = required(ROOT, given.rev)
    for sentence in found.stale:
        print(f"not known yet: {sentence}; run `dvc repro`.")
    verify(found)
    why = f"{found.level} since {found.last.name}" if found.last else "the first release"
    print(f"version {found.number} is what the change implies ({why}).")


def parse(given: argparse.Namespace) -> None:
    """Print code, number and flavour; ParamsError with a hint where the name is none."""
    version = Version.parse(given.name)
    for key, value in (("code", version.code), ("version", version.number), ("flavour", version.flavour)):
        print(f"{key}: {value}")


def _release(release: history.Release) -> str:
    return f"{release.name} ({', '.join(release.flavours)}) at {release.commit[:10]}"
