"""The real sft stage, watched by a real MLflow server that goes away while it trains; then the same run into the local SQLite."""

import os
import platform
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from aj.cli import main
from aj.tracking.check import problems
from aj.tracking.contract import ARTIFACTS, METRICS, PARAMS, TAGS
from aj.tracking.dvclive_sink import curves
from aj.tracking.journal import Journal
from aj.tracking.mlflow_sink import Mlflow
from tests.tracking.conftest import DVC, Project


@contextmanager
def server(store: Path, port: int) -> Iterator[Callable[[], None]]:
    """A real `mlflow server`; what is yielded ends it and all its processes, and so does the end of the block."""
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    argv = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    argv += ["--backend-store-uri", f"sqlite:///{store / 'server.db'}", "--artifacts-destination", str(store / "artifacts")]
    with (store / "server.log").open("a") as log:
        process = subprocess.Popen(argv, env=env, stdout=log, stderr=log, start_new_session=True)

    def end() -> None:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    try:
        wait_for(lambda: answers(port))
        yield end
    finally:
        end()


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            return bool(reply.read() == b"OK")
    except OSError:
        return False


def wait_for(happened: Callable[[], object], seconds: float = 1500, every: float = 0.2) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)


def at_its_first_checkpoint(folder: Path, watch: "subprocess.Popen[bytes]") -> psutil.Process | None:
    wait_for(
        lambda: list(folder.glob(".aj/resume/sft/*/checkpoint-*/trainer_state.json")) or watch.poll() is not None, every=0.01
    )
    if watch.poll() is not None:
        return None
    (trainer,) = (p for p in psutil.Process(watch.pid).children(recursive=True) if p.cmdline()[-2:] == ["-m", "stages.sft"])
    return trainer


@pytest.fixture(scope="module")
def story(untrained: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run that is watched while its server goes away, what was there then, and after `aj tracking send` to the server that is back."""
    store = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, told = f"http://127.0.0.1:{port}", {}
    folder = untrained.folder
    env = untrained.env(MLFLOW_TRACKING_URI=address, MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
    argv = [sys.executable, "-m", "aj.cli", "tracking"]
    said = folder / ".aj-watch.log"
    with server(store, port) as end, said.open("w") as log:
        command = [*argv, "watch", "--every", "0.2", *DVC, "repro", "-s", "sft"]
        watch = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
        trainer = at_its_first_checkpoint(folder, watch)
        assert trainer, said.read_text()
        trainer.suspend()  # a training of hours, as seen from the server
        wait_for(lambda: "facts sent to MLflow" in said.read_text() or watch.poll() is not None)
        end()
        told["trained when the server went away"] = (folder / "models/sft").exists()
        trainer.resume()
        told["code of watch"] = watch.wait()
    told["watch"] = said.read_text()
    said.unlink()
    with server(store, port), pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLFLOW_TRACKING_URI", address)
        told["check before"] = list(problems(None))
        told["code of send"] = main(["tracking", "send"])
        told["check after"] = list(problems(None))
        mlflow = Mlflow()
        told["runs"] = [mlflow.found(run.info.run_id) for run in mlflow.runs()]
        told["experiments"] = [e.name for e in mlflow.client.search_experiments()]
        told["runs of all"] = len(mlflow.client.search_runs([e.experiment_id for e in mlflow.client.search_experiments()]))
    return told


@pytest.fixture
def here(story: dict[str, Any], untrained: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project of the finished run as the working folder, sent to the local SQLite file."""
    monkeypatch.chdir(untrained.folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(["tracking", "send"]) == 0
    return untrained


def test_a_server_that_goes_away_in_mid_run_loses_nothing(story: dict[str, Any]) -> None:
    assert not story["trained when the server went away"], story["watch"]
    assert story["code of watch"] == 1 and "MLflow did not take" in story["watch"]
    assert "sft: 0 runs are called" in story["check before"][0]
    assert story["code of send"] == 0
    assert story["check after"] == []


def test_the_server_has_one_run_a_stage_with_all_that_must_be_logged(story: dict[str, Any]) -> None:
    (run,) = story["runs"]
    assert story["runs of all"] == 1
    assert set(PARAMS) <= set(run.params) and set(TAGS) <= set(run.tags) and set(ARTIFACTS) <= set(run.artifacts)
    assert run.params["lora_r"] == "16" and run.params["model_base"] == "small@test" and run.params["epochs"] == "2.0"
    assert list(run.curves["train_loss"]) == [1, 2, 3, 4, 5, 6, 7, 8] and list(run.curves["val_loss"]) == [4, 8]


def test_the_local_file_has_the_same_and_sending_twice_sends_nothing(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert list(problems(None)) == []
    capsys.readouterr()
    assert main(["tracking", "send"]) == 0
    assert capsys.readouterr().out == "everything is sent\n"
    assert len(Mlflow().runs()) == 1


def test_the_curves_of_both_have_the_steps_and_values_of_the_stage(here: Project) -> None:
    (run,) = Mlflow().runs()
    history = {p.step: p.value for p in Mlflow().client.get_metric_history(run.info.run_id, "train_loss")}
    stage = dict(line.split(",")[:2] for line in Path("metrics/curves/sft.csv").read_text().splitlines()[1:])
    live = dict(line.split("\t") for line in Path("dvclive/sft/plots/metrics/train_loss.tsv").read_text().splitlines()[1:])
    assert {int(step): float(loss) for step, loss in stage.items()} == history
    assert {int(step): float(loss) for step, loss in live.items()} == history
    assert curves("sft")["val_loss"] == [4, 8]


RENAMED = [
    *(("param", name, "params") for name in PARAMS),
    *(("tag", name, "tags") for name in TAGS),
    *(("metric", name, "latest_metrics") for name in METRICS),
]


def test_removing_any_of_it_makes_the_check_red(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(sqlite3.connect(".aj/mlflow.db", isolation_level=None)) as base:
        for kind, name, table in RENAMED:
            assert base.execute(f"UPDATE {table} SET key = 'gone' WHERE key = ?", (name,)).rowcount == 1
            assert f"sft: {kind} {name} is missing" in list(problems(None))
            base.execute(f"UPDATE {table} SET key = ? WHERE key = 'gone'", (name,))
    (folder,) = Path(".aj/mlflow-artifacts").glob("**/artifacts")
    for name in ARTIFACTS:
        shutil.move(folder / name, "gone")
        assert list(problems(None)) == [f"sft: artifact {name} is missing"]
        assert main(["tracking", "check"]) == 1
        assert f"sft: artifact {name} is missing" in capsys.readouterr().out
        shutil.move("gone", folder / name)
    assert main(["tracking", "check"]) == 0


def test_a_stray_run_a_second_run_and_a_curve_of_other_steps_are_named(here: Project) -> None:
    client, mlflow = Mlflow().client, Mlflow()
    stray = client.create_run(mlflow.experiment).info.run_id
    assert [p for p in problems(None) if stray in p and "stray" in p]
    client.set_tag(stray, "aj.run", mlflow.runs()[-1].data.tags["aj.run"])
    assert any("2 runs are called" in p for p in problems(None))
    client.delete_run(stray)
    elsewhere = client.create_run("0").info.run_id  # what a trainer that reports to MLflow by itself would open
    assert [p for p in problems(None) if elsewhere in p and "stray" in p]
    client.delete_run(elsewhere)
    table = Path("dvclive/sft/plots/metrics/train_loss.tsv")
    whole = table.read_text()
    table.write_text(whole[: whole.rindex("\n8\t") + 1])
    assert list(problems(None)) == ["sft: train_loss has 7 steps in DVCLive and 8 in MLflow, or other ones"]
    table.write_text(whole)


def test_nothing_tells_a_secret_or_this_machine(here: Project) -> None:
    private = [str(here.folder), str(Path.home()) + "/", platform.node(), here.env()["AWS_SECRET_ACCESS_KEY"]]
    tops = (".aj/mlflow-artifacts", ".aj/tracking", "dvclive")
    read = [Path(".aj/mlflow.db"), *(p for top in tops for p in Path(top).rglob("*") if p.is_file())]
    assert {p.name for p in read} >= {"mlflow.db", "facts.jsonl", "params.yaml", "adapter_config.json", "train_loss.tsv"}
    for path in read:
        assert not [word for word in private if len(word) > 3 and word.encode() in path.read_bytes()], path


def test_tracking_makes_no_stage_stale(here: Project) -> None:
    assert "up to date" in here.run(*DVC, "status", "sft")
    assert "tracking" not in (here.folder / "dvc.yaml").read_text()


def test_another_file_than_the_stage_wrote_is_refused(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("metrics/sft.json")
    text = path.read_text()
    path.write_text(text.replace("8", "9", 1))
    assert main(["tracking", "send"]) == 1
    assert "'metrics/sft.json' is not what sft wrote" in capsys.readouterr().err
    path.write_text(text)


def test_a_journal_keeps_what_a_killed_process_left_half(here: Project, tmp_path: Path) -> None:
    (journal,) = Journal.all()
    copy = Journal(Path(shutil.copytree(journal.folder, tmp_path / "copy")))
    lines = copy.lines()
    with copy.path.open("a") as stream:
        stream.write('{"fact": {"ki')
    assert copy.lines() == lines
    assert copy.add([lines[1].fact]) == 0 and len(lines) > 20
