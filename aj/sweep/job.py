"""One experiment as a shell script that any engine can run: clone, run, push.

The clone is what makes machines independent: code comes from the commit, data and results go through the DVC remote, and the
experiment itself is a git ref. Credentials are the machine's own (environment, role) and never stand in a script.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from aj.errors import ParamsError

# `--pull --allow-missing`: only what the stages that run need, not every model of the commit.
SCRIPT = """\
#!/usr/bin/env bash
# {name}: {said}
set -euo pipefail
folder=$(mktemp -d "${{AJ_SWEEP_DIR:-${{TMPDIR:-/tmp}}}}/{name}-XXXXXX")
trap 'rm -rf "$folder"' EXIT
git clone --quiet {origin} "$folder/clone"
cd "$folder/clone"
git checkout --quiet {commit}
git config user.name aj-sweep
git config user.email aj-sweep@localhost
{prefix}dvc exp run --pull --allow-missing -n {name}{overrides}
{prefix}dvc exp push origin {name}
"""


@dataclass(frozen=True)
class Job:
    """An experiment: its name, and what it changes in params.yaml (``key=value``)."""

    name: str
    overrides: tuple[str, ...]

    def script(self, *, origin: str, commit: str, prefix: str) -> str:
        """The script; ``prefix`` stands before every dvc (``uv run --frozen``)."""
        return SCRIPT.format(
            name=self.name,
            said=" ".join(self.overrides),
            origin=shlex.quote(origin),
            commit=shlex.quote(commit),
            prefix=f"{prefix} " if prefix else "",
            overrides="".join(f" -S {shlex.quote(override)}" for override in self.overrides),
        )


def jobs(overrides: Sequence[str], name: str) -> list[Job]:
    """A job for each combination; lists are written as `dvc exp run` takes them (``lora_r=8,16``). Raises ParamsError."""
    from dvc.exceptions import DvcException
    from dvc.utils.hydra import get_hydra_sweeps
    from hydra.errors import HydraException

    try:
        found = [tuple(one["params.yaml"]) for one in get_hydra_sweeps({"params.yaml": list(overrides)})]
    except (DvcException, HydraException) as error:
        raise ParamsError(f"-S {' '.join(overrides)!r} is not an override ({error}): write key=value or key=a,b.") from None
    made = [Job(_name(name, combination), combination) for combination in found]
    if len({job.name for job in made}) < len(made):
        raise ParamsError(f"two jobs would be called {made[0].name!r}: give every value once.")
    return made


def _name(prefix: str, overrides: Sequence[str]) -> str:
    # A git ref: no blanks, no ~^:?*[, and dots only within numbers.
    said = "-".join(override.rpartition("=")[0].rpartition(".")[2] + "-" + override.rpartition("=")[2] for override in overrides)
    return re.sub(r"[^A-Za-z0-9_.-]+|(?<!\d)\.|\.(?!\d)", "_", f"{prefix}-{said}").strip("_-")
