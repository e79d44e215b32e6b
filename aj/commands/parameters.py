"""`aj use PROFILE` writes params.yaml from profiles/PROFILE.yaml; `aj check` says everything that is wrong with it."""

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aj.commands import Commands
from aj.errors import ParamsError

PROFILES, PARAMS = Path("profiles"), Path("params.yaml")


def register(commands: Commands) -> None:
    """Add `use` and `check`."""
    use_ = commands.add_parser("use", help="write params.yaml from a profile and show what changed")
    use_.add_argument("profile", help="a file of profiles/, without .yaml")
    use_.set_defaults(run=use)
    commands.add_parser("check", help="read params.yaml and say everything that is wrong with it").set_defaults(run=check)


def use(given: argparse.Namespace) -> None:
    """Copy a profile, comments and all, over params.yaml; print each value that changed."""
    from aj import params  # imports pydantic, which takes longer than all of `aj --help`

    path = PROFILES / f"{given.profile}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PROFILES.glob("*.yaml")))
        raise ParamsError(f"profile {given.profile!r} does not exist: choose one of {known}.")
    params.load(path)  # a profile that cannot run is refused before anything is overwritten
    before = dict(_leaves(params.read_yaml(PARAMS))) if PARAMS.is_file() else {}
    after = dict(_leaves(params.read_yaml(path)))
    shutil.copyfile(path, PARAMS)
    changed = [k for k in {**before, **after} if before.get(k) != after.get(k)]
    for key in changed:
        print(f"{key}: {before.get(key, '(absent)')} -> {after.get(key, '(absent)')}")
    print(f"{PARAMS} is now {path} ({len(changed)} values changed).")


def check(given: argparse.Namespace) -> None:
    """Read params.yaml as a stage would."""
    from aj import params

    params.load(PARAMS)
    print(f"{PARAMS} is complete and consistent.")


def _leaves(tree: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _leaves(value, f"{at}.{key}" if at else str(key))
    else:
        yield at, tree
