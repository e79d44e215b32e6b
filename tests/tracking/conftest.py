"""A project of its own with a small base and a few conversations, in which the real sft stage trains a few steps."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from aj import params
from aj.competencies.registry import read
from aj.sources import base, rows
from aj.sqlenv.family import Lexicon
from aj.tiny import corpus, pretrain, tokenizer
from tests.training.test_sft import rows as conversations

ROOT = Path(__file__).parents[2]
SHORT = {"steps: 188": "steps: 8", "eval_steps: 25": "eval_steps: 4", "save_steps: 20": "save_steps: 1"}
UNREAD = ["metrics/curves/pretrain.csv", "metrics/curves/mix.csv", "metrics/mix.json"]
UNREAD += [f"metrics/lineage/{stage}.json" for stage in ("download_base", "prepare_mix")]
UNREAD += [f"data/mix/{name}/none" for name in ("preference", "rl", "eval", "report")]
"""Outputs of the stages before sft that it does not read."""
DVC = [sys.executable, "-m", "dvc"]


@dataclass(frozen=True)
class Project:
    """Where it is, and how commands are run in it."""

    folder: Path

    def env(self, **more: str) -> dict[str, str]:
        """The environment of commands: this Python first, one thread, no server, and a secret that nobody must tell."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        secret = {"AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIabcdefghbPxRfiCYplanted"}
        who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        who |= {f"GIT_{role}_{what}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        return {**os.environ, **who, "PATH": path, "OMP_NUM_THREADS": "1", "MLFLOW_TRACKING_URI": "", **secret, **more}

    def run(self, *argv: str) -> str:
        """A command in the project that succeeds; what it said."""
        done = subprocess.run(argv, cwd=self.folder, capture_output=True, text=True, env=self.env(), timeout=1500)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The pipeline, with what stands before sft: a base that has learned nothing, and conversations."""
    project = Project(tmp_path_factory.mktemp("project") / "aj")
    for name, made in (("aj", []), ("stages", []), ("data", ["raw", "mix"])):
        shutil.copytree(ROOT / name, project.folder / name, ignore=shutil.ignore_patterns("__pycache__", *made))
    for name in ("dvc.yaml", ".dvcignore", ".gitignore", "pyproject.toml"):
        shutil.copy(ROOT / name, project.folder)
    text = (ROOT / "params.yaml").read_text()
    for usual, short in SHORT.items():
        assert usual in text
        text = text.replace(usual, short, 1)
    (project.folder / "params.yaml").write_text(text)
    _base(project.folder / "data/raw/base")
    rows.write(project.folder / "data/mix/sft/train.parquet", conversations(64))
    rows.write(project.folder / "data/mix/sft/validation.parquet", conversations(16))
    project.run("git", "init", "-q")
    project.run(*DVC, "init", "-q")
    project.run(*DVC, "config", "core.analytics", "false")
    for name in UNREAD:
        (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / name).write_text("-\n")
    project.run(*DVC, "commit", "-f", "download_base", "prepare_mix")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "a project")
    return project


def _base(folder: Path) -> None:
    p = params.load(ROOT / "params.yaml")
    assert p.pretrain
    words = corpus.Words(Lexicon.read(ROOT / "data/sources/sqlenv/lexicon.yaml"), read())
    template = (ROOT / p.base.chat_template).read_text()
    context = p.pretrain.context_length
    bpe = tokenizer.train(corpus.documents(words, 1, 40), vocab_size=400, context_length=context, chat_template=template)
    folder.mkdir(parents=True)
    pretrain.build(replace(p.pretrain, layers=1), bpe, 1).save_pretrained(folder)
    bpe.save_pretrained(folder)
    base.write_pin(folder, origin="pretrain", id="small", revision="test", licence="Apache-2.0", weights=folder)
