"""The seal, on a small DVC project of its own with real stages."""

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from aj.hashing import digest, hash_tree, sha256
from aj.params import load

ROOT = Path(__file__).parents[2]
DVC_YAML = """\
stages:
  toy:
    cmd: python -m stages.toy
    deps:
    - stages/toy.py
    - input.txt
    params:
    - seed
    - sft.steps
    outs:
    - out
    metrics:
    - metrics.json:
        cache: false
"""
GOOD = """\
import json
from pathlib import Path
from aj.stage import seal

def main(run):
    out = run.out("out")
    out.mkdir()
    (out / "text").write_text(f"{run.params.seed} {run.params.sft.steps} {Path('input.txt').read_text()}")
    run.metrics("metrics.json", {"b": 1 / 3, "a": 2})
    EXTRA

seal("toy", main)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").touch()
    (tmp_path / "stages/toy.py").write_text(GOOD.replace("EXTRA", ""))
    (tmp_path / "dvc.yaml").write_text(DVC_YAML)
    (tmp_path / "input.txt").write_text("hello")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path


def run(project: Path, extra: str = "") -> "subprocess.CompletedProcess[str]":
    (project / "stages/toy.py").write_text(GOOD.replace("EXTRA", extra))
    env = {k: v for k, v in os.environ.items() if k != "DVC_STAGE"}
    return subprocess.run([sys.executable, "-m", "stages.toy"], cwd=project, capture_output=True, text=True, env=env)


def assert_refused(project: Path, done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Exit 1, one sentence with these words, no output and nothing half-written."""
    assert done.returncode == 1
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in sentence
    assert not (project / "out").exists()
    assert not (project / "metrics.json").exists()
    assert not list((project / ".aj/tmp").glob("*")) if (project / ".aj/tmp").exists() else True


def test_a_good_stage_leaves_its_outputs_with_a_manifest(project: Path) -> None:
    done = run(project)
    assert done.returncode == 0, done.stderr
    steps = load(project / "params.yaml").sft.steps
    assert (project / "out/text").read_text() == f"17 {steps} hello"
    assert json.loads((project / "metrics.json").read_text()) == {"a": 2, "b": 0.333333}
    manifest = json.loads((project / "out/manifest.json").read_text())
    assert manifest["params"] == {"seed": 17, "sft.steps": steps}
    assert set(manifest["files"]) == {"text"}
    record = json.loads((project / ".aj/runs/toy.json").read_text())
    assert record["params_read"] == ["seed", "sft.steps"]
    assert "host" not in manifest and "host" in record


def test_the_same_inputs_give_the_same_manifest(project: Path) -> None:
    run(project)
    first = (project / "out/manifest.json").read_bytes()
    run(project)
    assert (project / "out/manifest.json").read_bytes() == first


RECORD = "metrics/lineage/toy.json"


def test_a_declared_record_says_what_the_run_read_and_made(project: Path) -> None:
    pins = "    - pyproject.toml:\n      - dependency-groups.train\n"
    recorded = DVC_YAML.replace("    outs:\n    - out\n", f"{pins}    outs:\n    - out\n    - {RECORD}:\n        cache: false\n")
    (project / "dvc.yaml").write_text(recorded)
    (project / "pyproject.toml").write_text('[dependency-groups]\ntrain = ["torch==2.15.0"]\ndev = ["pytest"]\n')
    assert run(project).returncode == 0
    first, out = (project / RECORD).read_bytes(), hash_tree(project / "out")
    record = json.loads(first)
    assert record["params"] == {"seed": 17, "sft.steps": load(project / "params.yaml").sft.steps}
    assert record["data"] == {"input.txt": digest(hash_tree(project / "input.txt"))}
    assert record["code"] == {"stages/toy.py": sha256(project / "stages/toy.py")}
    assert record["pins"] == {"dependency-groups.train": ["torch==2.15.0"]}
    assert record["outputs"] == {"metrics.json": digest(hash_tree(project / "metrics.json")), "out": digest(out)}
    assert record["metrics"] == {"metrics.json": {"a": 2, "b": 0.333333}}
    run(project)
    assert (project / RECORD).read_bytes() == first
    run(project, "# a comment")
    assert (project / RECORD).read_bytes() != first and hash_tree(project / "out") == out
    run(project, "(out / 'source.json').write_text(json.dumps({'id': 'x/y', 'revision': 'abc', 'paths': ['p']}))")
    assert json.loads((project / RECORD).read_text())["origins"] == {"out": {"id": "x/y", "revision": "abc"}}


def test_an_input_that_changes_while_the_stage_runs_throws_its_outputs_away(project: Path) -> None:
    done = run(project, "Path('input.txt').write_text('other')")
    assert_refused(project, done, "input.txt", "changed while toy ran")


def test_an_edited_script_counts_as_a_changed_input(project: Path) -> None:
    done = run(project, "Path('stages/toy.py').write_text('# edited')")
    assert_refused(project, done, "stages/toy.py", "changed while toy ran")


def test_a_touched_input_with_the_same_content_is_no_change(project: Path) -> None:
    assert run(project, "Path('input.txt').write_text('hello')").returncode == 0


def test_reading_an_undeclared_parameter_is_refused(project: Path) -> None:
    assert_refused(project, run(project, "run.params.grpo.beta"), "'grpo.beta'", "does not declare")


def test_writing_an_undeclared_output_is_refused(project: Path) -> None:
    assert_refused(project, run(project, "run.out('elsewhere')"), "'elsewhere'")


def test_an_output_that_was_not_made_is_named(project: Path) -> None:
    assert_refused(project, run(project, "import shutil; shutil.rmtree(out)"), "'out'", "did not write")


def test_a_metric_that_is_not_a_number_is_refused(project: Path) -> None:
    assert_refused(project, run(project, "run.metrics('metrics.json', {'loss': float('nan')})"), "'loss'", "nan")


def test_too_little_disk_is_said_before_the_work(project: Path) -> None:
    assert_refused(project, run(project, "run.need_space(10 ** 18)"), "no disk space for toy", "GB free")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_sentence(project: Path) -> None:
    done = run(project, "stream = open('/dev/full', 'w'); stream.write('x' * 10 ** 6); stream.flush()")
    assert_refused(project, done, "no disk space left", os.strerror(errno.ENOSPC)[:0])


def test_a_missing_input_is_named(project: Path) -> None:
    (project / "input.txt").unlink()
    assert_refused(project, run(project), "'input.txt'", "does not exist")


def test_bad_parameters_stop_the_stage_before_it_starts(project: Path) -> None:
    params = project / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("lora_r: 16", "lora_r: abc"))
    assert_refused(project, run(project), "lora_r", "'abc'")
    params.write_text(text.replace("lora_alpha:", "lora_alpa:"))
    assert_refused(project, run(project), "'lora_alpa'", "'lora_alpha'")


def test_a_stage_that_already_runs_is_named_by_its_process(project: Path) -> None:
    extra = "import subprocess, sys; d = subprocess.run([sys.executable, '-m', 'stages.toy'], capture_output=True, text=True); print(d.stderr)"
    done = run(project, extra)
    assert done.returncode == 0
    assert "stage toy is already running as process" in done.stdout


@pytest.mark.parametrize("shell", ["replaced by its command", "waiting for its command"])
def test_a_stage_dies_with_the_dvc_that_started_it(project: Path, shell: str) -> None:
    """Whether or not a shell stands between the two."""
    (project / "stages/toy.py").write_text(GOOD.replace("EXTRA", "import time; Path('started').touch(); time.sleep(120)"))
    if shell == "waiting for its command":  # a second command keeps every shell from replacing itself
        (project / "dvc.yaml").write_text(DVC_YAML.replace("python -m stages.toy", f"{sys.executable} -m stages.toy; true"))
    dvc = subprocess.Popen([sys.executable, "-m", "dvc", "repro"], cwd=project, stdout=subprocess.DEVNULL)
    wait_for((project / "started").exists)
    (stage,) = [p for p in psutil.Process(dvc.pid).children(recursive=True) if p.cmdline()[1:] == ["-m", "stages.toy"]]
    dvc.kill()
    dvc.wait()
    wait_for(lambda: not stage.is_running())
    assert not (project / "out").exists()


def wait_for(happened: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_failed_stage_leaves_the_earlier_output_alone(project: Path) -> None:
    run(project)
    before = (project / "out/text").read_text()
    assert run(project, "run.params.grpo.beta").returncode == 1
    assert (project / "out/text").read_text() == before
