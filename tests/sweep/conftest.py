"""A small DVC repository with a git remote, whose quick stage imports a package of its own commit."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

DVC = [sys.executable, "-m", "dvc"]
ROOT = Path(__file__).parents[2]
PIPELINE = """\
stages:
  prepare:
    cmd: python -c "open('words.txt', 'w').write('a b c')"
    outs:
    - words.txt
  train:
    cmd: python -m stages.train
    deps:
    - stages/train.py
    - small/size.py
    - words.txt
    params:
    - lora_r
    outs:
    - model.txt
    metrics:
    - metrics.json:
        cache: false
"""
TRAIN = """\
import json
from pathlib import Path
import small
from small.size import CODE, parameters
from ruamel.yaml import YAML

r = YAML(typ="safe").load(Path("params.yaml"))["lora_r"]
Path("model.txt").write_text("x" * r + Path("words.txt").read_text())
own = Path(small.__file__).is_relative_to(Path.cwd())
Path("metrics.json").write_text(json.dumps({"code": CODE, "own_package": int(own), "parameters": parameters(r)}))
"""
SIZE = "CODE = {code}\n\n\ndef parameters(r):\n    return r * 512\n"


@dataclass(frozen=True)
class Repository:
    """A working copy, and the environment in which its package is also installed from here, as an editable install does it."""

    folder: Path

    def env(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        names = {
            f"GIT_{who}_{what}": f"a{at}" for who in ("AUTHOR", "COMMITTER") for what, at in (("NAME", ""), ("EMAIL", "@b.org"))
        }
        return {**os.environ, **names, "PATH": path, "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}"}

    def run(self, *argv: str) -> str:
        """A command that succeeds; what it said."""
        done = subprocess.run(argv, cwd=self.folder, env=self.env(), capture_output=True, text=True, timeout=1500)
        assert done.returncode == 0, f"{argv}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def dvc(self, *argv: str) -> str:
        """`dvc …`."""
        return self.run(*DVC, *argv)

    def write(self, files: dict[str, str]) -> None:
        """Write files, by name."""
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "origin.git")], check=True)
    made = Repository(tmp_path / "here")
    made.write(
        {"dvc.yaml": PIPELINE, "params.yaml": "lora_r: 2\n", "stages/train.py": TRAIN, "small/size.py": SIZE.format(code=1)}
    )
    made.write({"stages/__init__.py": "", "small/__init__.py": "", ".gitignore": "__pycache__\n/words.txt\n/model.txt\n/.aj/\n"})
    made.run("git", "init", "-q", "-b", "main")
    made.dvc("init", "-q")
    made.dvc("config", "core.analytics", "false")
    made.run("git", "remote", "add", "origin", str(tmp_path / "origin.git"))
    return made
