"""A small repository with two stages and metrics as the pipeline writes them: shares with n and interval, a loss, a curve, a model."""

import shutil
from pathlib import Path

import pytest

from tests import dvc_repository
from tests.dvc_repository import Repository

PREPARE = """\
from pathlib import Path
Path("rows").mkdir(exist_ok=True)
Path("rows/all.txt").write_text("row\\n" * 100)
"""
TRAIN = """\
import json
from pathlib import Path
r = int(next(line.split(":")[1] for line in open("params.yaml") if line.startswith("lora_r")))
Path("model").mkdir(exist_ok=True)
Path("model/weights.txt").write_text(f"{r}\\n")
Path("metrics").mkdir(exist_ok=True)
share = r / 32
Path("metrics/eval.json").write_text(json.dumps({
    "unseen.accuracy": share, "unseen.low": share - 0.04, "unseen.high": share + 0.04, "unseen.n": 600,
    "tasks.pass_rate": 0.1, "tasks.pass_low": 0.07, "tasks.pass_high": 0.14, "tasks.n": 330, "validation_loss": 4 / r,
}))
Path("metrics/loss.csv").write_text("step,loss\\n" + "".join(f"{n},{4 / n}\\n" for n in range(1, r)))
"""
PIPELINE = """\
stages:
  prepare:
    cmd: python prepare.py
    deps:
    - prepare.py
    outs:
    - rows
  train:
    cmd: python train.py
    deps:
    - train.py
    - rows
    params:
    - lora_r
    outs:
    - model
    - metrics/loss.csv:
        cache: false
    metrics:
    - metrics/eval.json:
        cache: false
plots:
- Loss in training:
    x: step
    x_label: step (optimizer updates)
    y:
      metrics/loss.csv: loss
    y_label: loss (nats a token)
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory.mktemp("site"))
        repository = dvc_repository.new(tmp_path_factory.mktemp("made") / "one")
        repository.write(prepare__py=PREPARE, train__py=TRAIN, dvc__yaml=PIPELINE, params__yaml="lora_r: 8\nseed: 17\n")
        assert repository.dvc("repro", "-q").status == 0
        repository.commit("a finished run")
    return repository


def isolate(patch: pytest.MonkeyPatch, site: Path) -> None:
    for name in ("DVC_SITE_CACHE_DIR", "DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR"):
        patch.setenv(name, str(site))


@pytest.fixture
def repository(made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """On a branch of its own."""
    isolate(monkeypatch, tmp_path / "site")
    shutil.copytree(made.path, tmp_path / "one")
    monkeypatch.chdir(tmp_path / "one")
    copy = Repository(tmp_path / "one")
    copy.git("switch", "-q", "-c", "wider")
    return copy
