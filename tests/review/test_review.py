"""`aj review` on a small repository: what a pull request changes, said without data, credentials or a network."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aj.cli import main
from tests.dvc_repository import Repository

ROOT = Path(__file__).parents[2]
Review = Callable[..., tuple[int, str, str]]


@pytest.fixture
def review(repository: Repository, capsys: pytest.CaptureFixture[str]) -> Review:
    """Run the command: (exit status, stdout, stderr)."""

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["review", *words])
        return status, *capsys.readouterr()

    return run


def wider(repository: Repository, run: bool) -> None:
    repository.write(params__yaml="lora_r: 16\nseed: 17\n")
    if run:
        assert repository.dvc("repro", "-q").status == 0
    repository.commit("wider")


def test_a_changed_parameter_that_was_run_is_shown_with_the_metrics_it_moved(repository: Repository, review: Review) -> None:
    wider(repository, run=True)
    status, page, err = review()
    assert (status, err) == (0, "")
    assert "## dvc.lock: current" in page
    assert "| params.yaml | lora_r | 8 | 16 |" in page
    assert "seed" not in page
    assert (
        "| metrics/eval.json: unseen.accuracy | ↑ | 600 | 0.250 (0.210 to 0.290) | 0.500 (0.460 to 0.540) | +0.25 | better |"
        in page
    )
    assert "| metrics/eval.json: validation_loss | ↓ |  | 0.5 | 0.25 | -0.25 | better |" in page
    folded = page.partition("<details><summary>1 that did not move</summary>")[2]
    assert (
        "| metrics/eval.json: tasks.pass_rate | ↑ | 330 | 0.100 (0.070 to 0.140) | 0.100 (0.070 to 0.140) |  | same |" in folded
    )
    assert "Not read" not in page


def test_a_changed_parameter_that_was_not_run_is_stale(repository: Repository, review: Review) -> None:
    wider(repository, run=False)
    status, page, err = review()
    assert status == 1
    assert "## dvc.lock: stale" in page
    assert "| train | lora_r modified |" in page
    assert "| params.yaml | lora_r | 8 | 16 |" in page
    assert "unseen.accuracy | ↑ | 600 | 0.250 (0.210 to 0.290) |" in page
    assert err == "error: dvc.lock is stale (train): run `uv run dvc repro` and commit what it changes.\n"


def test_a_stale_first_stage_is_stale_where_dry_repro_exits_0(repository: Repository, review: Review) -> None:
    repository.write(prepare__py=(repository.path / "prepare.py").read_text() + "# other\n")
    repository.commit("prepare")
    assert repository.dvc("repro", "--dry", "--allow-missing").status == 0
    status, page, _ = review()
    assert status == 1
    assert "## dvc.lock: stale" in page
    assert "| prepare | prepare.py modified |" in page
    assert "Behind them, and perhaps to run too: train." in page


@pytest.mark.parametrize("run", [True, False])
def test_a_clone_without_data_and_remote_says_the_same(
    repository: Repository, review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: bool
) -> None:
    wider(repository, run=run)
    here = review("--against", "main")
    clone = repository.clone(tmp_path / "clone")
    assert not (clone.path / "model").exists()
    monkeypatch.chdir(clone.path)
    assert review("--against", "origin/main") == (here[0], here[1].replace("against main", "against origin/main"), here[2])
    assert clone.git("status", "--porcelain") == ""


def test_a_clone_without_data_finds_every_stale_stage(
    repository: Repository, review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.write(prepare__py=(repository.path / "prepare.py").read_text() + "# other\n")
    wider(repository, run=False)
    clone = repository.clone(tmp_path / "clone")
    monkeypatch.chdir(clone.path)
    status, page, _ = review("--against", "origin/main")
    assert status == 1
    assert "| prepare | prepare.py modified |" in page
    assert "| train | lora_r modified |" in page


def test_a_new_stage_is_not_in_the_lock(repository: Repository, review: Review) -> None:
    text = (repository.path / "dvc.yaml").read_text()
    stage = "  more:\n    cmd: python train.py\n    deps:\n    - model\n    metrics:\n    - more.json\nplots:"
    repository.write(dvc__yaml=text.replace("plots:", stage))
    repository.commit("more")
    status, page, _ = review()
    assert status == 1
    assert "| more | not in dvc.lock |" in page
    assert "## Not read\n\n- workspace: more.json: " in page


def test_rows_have_one_order_whatever_the_hash_seed(repository: Repository, review: Review) -> None:
    wider(repository, run=True)
    seeded = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"}
    done = subprocess.run([sys.executable, "-m", "aj.cli", "review"], env=seeded, capture_output=True, text=True, check=True)
    assert done.stdout == review()[1]


def test_what_others_did_on_main_is_no_part_of_it(repository: Repository, review: Review) -> None:
    wider(repository, run=True)
    before = review()
    repository.git("switch", "-q", "main")
    repository.write(params__yaml="lora_r: 8\nseed: 18\n")
    repository.commit("seed")
    repository.git("switch", "-q", "wider")
    assert review() == before


def test_the_gate_is_asked_only_where_there_is_one(review: Review) -> None:
    _, page, _ = review()
    assert "## Gate: no gate\n" in page
    Path("data").mkdir()
    shutil.copy(ROOT / "data/gate.yaml", "data")
    _, page, _ = review()
    assert "## Gate: not judged\n" in page and "uv run dvc pull metrics/transcripts" in page


def test_an_unknown_revision_is_one_sentence(review: Review) -> None:
    status, page, err = review("--against", "nowhere")
    assert (status, page, err.count("\n")) == (1, "", 1)
    assert "'nowhere'" in err


def test_a_metric_that_cannot_be_read_is_named(repository: Repository, review: Review) -> None:
    (repository.path / "metrics/eval.json").write_text("{")
    _, page, _ = review()
    assert "## Not read\n\n- workspace: metrics/eval.json: " in page
    assert "## dvc.lock: stale" in page


def test_the_page_can_be_written_to_a_file(repository: Repository, review: Review) -> None:
    _, page, _ = review("--markdown", "out/review.md")
    assert Path("out/review.md").read_text() == page
