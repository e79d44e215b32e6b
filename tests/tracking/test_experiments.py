"""The real sft stage twice from one commit, by DVC's queue with two workers; then both as runs in MLflow."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from aj.cli import main
from aj.tracking.mlflow_sink import Mlflow
from tests.tracking.conftest import DVC, Project

BROKEN = "raise SystemExit('this is the code of the workspace')\n"
QUEUE = ["exp", "run", "--queue", "-s", "sft", "-n", "width", "-S", "lora_r=4,8"]


@pytest.fixture
def clone(untrained: Project, tmp_path: Path) -> Iterator[Project]:
    """A clone with the data that its commit names; what is left of its workers is ended."""
    made = Project(tmp_path / "clone")
    untrained.run("git", "clone", "-q", ".", str(made.folder))
    made.run(*DVC, "cache", "dir", "--local", str(untrained.folder / ".dvc/cache"))
    made.run(*DVC, "checkout", "download_base", "prepare_mix")
    yield made
    for process in psutil.process_iter(["cmdline", "cwd"]):
        if "queue-worker" in (process.info["cmdline"] or ()) and process.info["cwd"] == str(made.folder):
            process.kill()  # DVC's own stop misses a worker that was told to end while it worked


def state(project: Project) -> dict[str, bytes]:
    """Every file of the working copy, git's and DVC's own aside."""
    files = (p for p in project.folder.rglob("*") if p.is_file())
    kept = (p for p in files if not {".git", "tmp", "cache", "__pycache__"} & set(p.relative_to(project.folder).parts))
    return {str(p): p.read_bytes() for p in kept}


def test_two_workers_train_two_rows_from_their_own_commit_and_both_are_tracked(
    clone: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(clone.folder))  # as an editable install: what a stage must not import
    clone.run(*DVC, *QUEUE)
    model = clone.folder / "aj/training/model.py"
    model.write_text(BROKEN + model.read_text())
    before = state(clone)
    assert "'2' new experiments task queue workers" in clone.run(*DVC, "queue", "start", "-j", "2")
    deadline = time.monotonic() + 1500
    while (status := clone.run(*DVC, "queue", "status")).count("Success") < 2:
        assert time.monotonic() < deadline and "Failed" not in status, clone.run(*DVC, "queue", "logs", "width-1")
        time.sleep(1)
    clone.run(*DVC, "queue", "stop")

    shown = json.loads(clone.run(*DVC, "exp", "show", "--json"))
    rows = [e["revs"][0]["data"] for rev in shown for e in rev.get("experiments") or ()]
    trained = {r["params"]["params.yaml"]["data"]["lora_r"]: r["metrics"]["metrics/sft.json"]["data"] for r in rows}
    assert sorted(trained) == [4, 8] and len(rows) == 2
    assert trained[8]["trainable_parameters"] == 2 * trained[4]["trainable_parameters"]
    assert state(clone) == before

    monkeypatch.chdir(clone.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(["tracking", "send", "width-1", "width-2"]) == 0, capsys.readouterr().err
    assert main(["tracking", "check", "width-1", "width-2"]) == 0, capsys.readouterr().out
    assert sorted(run.data.params["lora_r"] for run in Mlflow().runs()) == ["4", "8"]
