"""Two experiments from one commit in two clones, through submitit and a real S3 server; DVC's queue is in tests/tracking."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aj.errors import ParamsError
from aj.sweep.engines import Machine, sky_task
from aj.sweep.job import jobs
from tests import s3_server
from tests.sweep.conftest import Repository


def rows(repository: Repository) -> dict[int, dict[str, int]]:
    """lora_r -> metrics, of every experiment in `dvc exp show`."""
    shown = json.loads(repository.dvc("exp", "show", "--json"))
    found = [e["revs"][0]["data"] for rev in shown for e in rev.get("experiments") or ()]
    return {one["params"]["params.yaml"]["data"]["lora_r"]: one["metrics"]["metrics.json"]["data"] for one in found}


def state(repository: Repository) -> dict[str, bytes]:
    """Every file of the working copy, .git and DVC's own aside."""
    files = (p for p in repository.folder.rglob("*") if p.is_file())
    kept = (p for p in files if not {".git", "tmp", "cache", "__pycache__"} & set(p.relative_to(repository.folder).parts))
    return {str(p): p.read_bytes() for p in kept}


def test_two_clones_through_submitit_arrive_by_exp_pull(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AJ_SWEEP_DIR", str(tmp_path))
    (tmp_path / "s3/bucket").mkdir(parents=True)
    with s3_server.serving(tmp_path / "s3") as credentials:
        for name, value in credentials.items():
            monkeypatch.setenv(name, value)
        repository.dvc("remote", "add", "-d", "store", "s3://bucket/aj")
        repository.dvc("repro", "-q", "prepare")
        repository.run("git", "add", "-A")
        repository.run("git", "commit", "-qm", "one")
        repository.run("git", "push", "-q", "-u", "origin", "main")
        repository.dvc("push", "-q")
        before = state(repository)
        argv = ["-S", "lora_r=4,8", "--on", "local", "--gpus", "0", "--name", "far", "--prefix", f"{sys.executable} -m"]
        said = repository.run(sys.executable, "-m", "aj.cli", "sweep", *argv)
        assert "dvc exp pull origin far-lora_r-4 far-lora_r-8" in said
        assert rows(repository) == {}
        shutil.rmtree(repository.folder / ".aj")
        repository.dvc("exp", "pull", "-q", "origin", "far-lora_r-4", "far-lora_r-8")
        assert rows(repository) == {r: {"code": 1, "own_package": 1, "parameters": r * 512} for r in (4, 8)}
        assert state(repository) == before
        repository.dvc("exp", "apply", "-q", "far-lora_r-8")
        assert (repository.folder / "model.txt").read_text() == "x" * 8 + "a b c"  # the data came too
    assert not list(tmp_path.glob("far-*"))  # clones are removed


def test_a_sweep_that_a_clone_could_not_repeat_is_refused(repository: Repository) -> None:
    def refused() -> str:
        argv = [sys.executable, "-m", "aj.cli", "sweep", "-S", "lora_r=4"]
        done = subprocess.run(argv, cwd=repository.folder, env=repository.env(), capture_output=True, text=True)
        assert done.returncode == 1
        return done.stderr

    repository.run("git", "add", "-A")
    repository.run("git", "commit", "-qm", "one")
    assert "is not on origin" in refused()
    repository.run("git", "push", "-q", "-u", "origin", "main")
    repository.write({"params.yaml": "lora_r: 3\n"})
    assert "tracked files are changed" in refused()
    repository.run("git", "checkout", "-q", "params.yaml")
    repository.run("git", "config", "remote.origin.url", "https://me:Xk29fLq8Zr@git.example.org/aj.git")
    assert "holds a password" in refused() and "Xk29fLq8Zr" not in refused()


def test_combinations_are_dvcs_own_and_names_are_refs() -> None:
    made = jobs(["lora_r=8,16", "sft.learning_rate=1e-4"], "wide")
    assert [job.name for job in made] == ["wide-lora_r-8-learning_rate-0.0001", "wide-lora_r-16-learning_rate-0.0001"]
    assert made[0].overrides == ("lora_r=8", "sft.learning_rate=0.0001")
    with pytest.raises(ParamsError, match="not an override"):
        jobs(["lora_r"], "x")
    with pytest.raises(ParamsError, match="two jobs would be called"):
        jobs(["lora_r=8,8"], "x")


def test_nothing_in_an_override_is_run_by_the_shell(tmp_path: Path) -> None:
    (job,) = jobs(["system='1;touch pwned'"], "x")
    script = job.script(origin="/nowhere", commit="abc", prefix="true")
    harmless = "\n".join(line for line in script.splitlines() if line.startswith("true "))
    subprocess.run(["bash", "-c", harmless], cwd=tmp_path, check=True)
    assert not list(tmp_path.iterdir()) and "touch pwned" in harmless


def test_a_sky_task_says_what_it_needs_and_no_secret() -> None:
    (job,) = jobs(["lora_r=8"], "x")
    script = job.script(origin="https://git.example.org/aj.git", commit="abc", prefix="uv run --frozen")
    task = json.loads(sky_task(job.name, script, Machine(2, "H200", 24, None)))
    assert task["resources"] == {"accelerators": "H200:2"} and task["run"] == script
    assert task["secrets"] == {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
