"""The table of `dvc exp show` that docs/sweep.md gives, on the metrics that the repository records."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from tests.sweep.conftest import ROOT, Repository

WIDTH = 120


def command() -> list[str]:
    """The command of the docs, without `uv run dvc`."""
    (line,) = re.findall(r"^    uv run dvc (exp show .*)$", (ROOT / "docs/sweep.md").read_text(), re.MULTILINE)
    return shlex.split(line)


def experiment(repository: Repository, name: str, lora_r: int, accuracy: float) -> None:
    """An experiment as DVC keeps one: a commit on the one that is checked out, under a ref."""
    params, metrics = repository.folder / "params.yaml", repository.folder / "metrics/eval_grpo.json"
    params.write_text(re.sub(r"(?m)^lora_r: \d+", f"lora_r: {lora_r}", params.read_text()))
    metrics.write_text(json.dumps({**json.loads(metrics.read_text()), "unseen_schemas.accuracy": accuracy}))
    base = repository.run("git", "rev-parse", "HEAD").strip()
    made = repository.run("git", "stash", "create").strip()
    tree = repository.run("git", "rev-parse", f"{made}^{{tree}}").strip()
    commit = repository.run("git", "commit-tree", tree, "-p", base, "-m", name).strip()
    repository.run("git", "update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", commit)
    repository.run("git", "checkout", "-q", ".")


def test_the_table_of_the_docs_fits_120_columns_with_nothing_cut(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dvc.yaml", "dvc.lock", "params.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, repository.folder)
    shutil.copytree(ROOT / "metrics", Path(repository.folder, "metrics"))
    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-qm", "one")
    experiment(repository, "sweep-lora_r-8", 8, 0.51234)
    experiment(repository, "sweep-lora_r-32", 32, 0.61234)
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    shown = repository.dvc(*command())
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= WIDTH and "…" not in shown
    for name, lora_r, accuracy in (("sweep-lora_r-8", 8, 0.51234), ("sweep-lora_r-32", 32, 0.61234)):
        assert re.search(rf"\[{name}\] .*{accuracy}.* {lora_r} ", shown)
