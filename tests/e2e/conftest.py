"""One real pipeline for all end-to-end tests: a fresh clone, and the README's first command in it."""

import fcntl
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 3600  # seconds; a hang is an error, a slow machine is not


def readme_command(mark: str) -> str:
    """The command that follows ``<!-- mark -->`` in the README."""
    found = re.search(rf"<!-- {mark} -->\n```bash\n(.+?)\n```", (ROOT / "README.md").read_text())
    assert found, f"the README has no command marked {mark}"
    return found[1]


@dataclass(frozen=True)
class Clone:
    """A clone of this repository, and commands run in it."""

    path: Path
    output: str
    """What the README's first command printed."""

    def run(self, command: str, *, ok: bool = True) -> str:
        """Run a shell command there; its output. With ``ok`` it must exit 0."""
        done = shell(command, self.path)
        assert not ok or done.returncode == 0, done.stdout[-4000:]
        return done.stdout


def shell(command: str, where: Path) -> "subprocess.CompletedProcess[str]":
    """A command as a newcomer would type it: no environment of this project's around it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL_ENV", "UV_", "PYTEST", "DVC"))}
    return subprocess.run(
        command, shell=True, cwd=where, env=clean, text=True, timeout=LIMIT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Clone:
    """The clone after the README's first command. Of two processes the first one here trains, the other takes a copy of what that made."""
    if worker_id == "master":
        return train(tmp_path_factory.mktemp("fresh") / "aj")
    folder = tmp_path_factory.getbasetemp().parent
    copy, printed = folder / "copy/aj", folder / "first_command.txt"
    with (folder / "first_command.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            printed.touch()
            made = train(folder / "fresh/aj")
            printed.write_text(made.output)
            shutil.copytree(made.path, copy, symlinks=True, ignore=shutil.ignore_patterns(".venv"))
            return made
    assert copy.exists(), "the other process could not train"
    shell("uv sync --offline", copy)
    return Clone(copy, printed.read_text())


def train(path: Path) -> Clone:
    """Clone this repository and run the README's first command in it."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(path)], check=True)
    for key, value in {"user.name": "Test", "user.email": "test@example.com"}.items():
        subprocess.run(["git", "config", key, value], cwd=path, check=True)
    # Running these tests has filled uv's cache: taken from there, llama-cpp-python is not compiled a second time. Where
    # that fails, the README's command installs by itself.
    shell("uv sync --offline", path)
    done = shell(readme_command("run"), path)
    assert done.returncode == 0, done.stdout[-6000:]
    return Clone(path, done.stdout)
