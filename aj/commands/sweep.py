"""`aj sweep`: one experiment a job, on this machine, on Slurm or by SkyPilot; results come back by `dvc exp pull`."""

import argparse
import subprocess
from pathlib import Path

from aj.commands import Commands
from aj.errors import ParamsError

FOLDER = Path(".aj/sweep")


def register(commands: Commands) -> None:
    """Add `sweep`."""
    parser = commands.add_parser("sweep", help="experiments beyond one machine: a job for each combination of -S")
    parser.add_argument("-S", dest="overrides", action="append", required=True, metavar="KEY=A,B", help="as in `dvc exp run`")
    parser.add_argument(
        "--on", choices=("render", "local", "slurm", "sky"), default="render", help="render only writes the scripts"
    )
    parser.add_argument("--name", default="sweep", help="how the experiments' names begin")
    parser.add_argument("--gpus", type=int, default=1, help="a job")
    parser.add_argument("--accelerator", default="H200", help="SkyPilot's name of the GPU")
    parser.add_argument("--hours", type=float, default=24, help="a job may take")
    parser.add_argument("--partition", help="of Slurm")
    parser.add_argument("--prefix", default="uv run --frozen", help="what stands before every dvc of a job")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Write the scripts, and submit them where an engine is named. Raises ParamsError where a clone would not get this commit."""
    from aj.sweep.engines import Machine, sky_task, submit
    from aj.sweep.job import jobs

    origin, commit = _source()
    machine = Machine(given.gpus, given.accelerator, given.hours, given.partition)
    FOLDER.mkdir(parents=True, exist_ok=True)
    scripts = []
    made = jobs(given.overrides, given.name)
    for job in made:
        text = job.script(origin=origin, commit=commit, prefix=given.prefix)
        path = FOLDER / f"{job.name}.sh"
        if given.on == "sky":
            path, text = path.with_suffix(".yaml"), sky_task(job.name, text, machine)
        path.write_text(text)
        scripts.append(path)
        print(path)
    if given.on in ("local", "slurm"):
        print(f"submitted: {', '.join(submit(given.on, scripts, machine, FOLDER))}")
    if given.on == "sky":
        print("start each with `sky jobs launch FILE --secret AWS_ACCESS_KEY_ID --secret AWS_SECRET_ACCESS_KEY`")
    print(f"when they have ended: dvc exp pull origin {' '.join(job.name for job in made)}")


def _source() -> tuple[str, str]:
    from aj.validators.secret.in_text import in_text

    if _git("status", "--porcelain", "--untracked-files=no"):
        raise ParamsError("tracked files are changed and a clone would not have the changes: commit and push them first.")
    origin, commit = _git("remote", "get-url", "origin"), _git("rev-parse", "HEAD")
    if any(in_text(origin)):
        raise ParamsError("the address of origin holds a password, which would stand in every script: use a credential helper.")
    if not _git("branch", "-r", "--contains", commit):
        raise ParamsError(f"commit {commit[:9]} is not on origin and a clone would not get it: `git push` first.")
    return origin, commit


def _git(*argv: str) -> str:
    done = subprocess.run(["git", *argv], capture_output=True, text=True)
    if done.returncode:
        raise ParamsError(
            f"git {' '.join(argv)} failed ({done.stderr.strip()}): a sweep wants a repository with a remote origin."
        )
    return done.stdout.strip()
