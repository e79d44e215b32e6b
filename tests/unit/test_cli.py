"""The `aj` command on real files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aj.cli import ROOMS, main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_use_writes_the_whole_profile_comments_kept(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["use", "h200-32b"]) == 0
    assert (project / "params.yaml").read_bytes() == (project / "profiles/h200-32b.yaml").read_bytes()
    shown = capsys.readouterr().out
    assert "lora_r: 16 -> 64" in shown
    assert "base.origin: pretrain -> hub" in shown
    assert "seed:" not in shown  # it did not change


def test_use_of_the_profile_in_force_changes_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["use", "tiny"]) == 0
    assert "(0 values changed)" in capsys.readouterr().out


def test_an_unknown_profile_names_those_that_exist(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["use", "huge"]) == 1
    assert "h200-32b, rtx4090-7b, tiny" in capsys.readouterr().err


def test_a_profile_that_cannot_run_overwrites_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (project / "params.yaml").read_bytes()
    (project / "profiles/bad.yaml").write_text(
        (project / "profiles/tiny.yaml").read_text().replace("seed: 17", "seed: seventeen")
    )
    assert main(["use", "bad"]) == 1
    assert "seed is 'seventeen'" in capsys.readouterr().err
    assert (project / "params.yaml").read_bytes() == before


def test_check_says_everything_that_is_wrong(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("lora_r: 16", "lora_r: abc").replace("heads: 8", "heads: 7"))
    assert main(["check"]) == 1
    assert "lora_r is 'abc'" in capsys.readouterr().err
    path.write_text(path.read_text().replace("lora_r: abc", "lora_r: 8").replace("  sqlenv:\n", "  sqlenw:\n"))
    assert main(["check"]) == 1
    assert "pretrain.heads is 7" in capsys.readouterr().err


def test_every_room_of_the_house_is_open_and_help_imports_nothing_heavy() -> None:
    rooms = {p.stem for p in (ROOT / "aj/commands").glob("[a-z]*.py")}
    assert {room.__name__.rpartition(".")[2] for room in ROOMS} == rooms
    code = (
        "import sys; from aj.cli import ROOMS, main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print('heavy:', sorted({'torch', 'transformers', 'numpy', 'pyarrow', 'openai', 'sqlglot', 'tqdm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("heavy: []\n")
    assert all(f"    {name} " in done.stdout for name in ("use", "check", "play", "evaluate", "replay", "audit-rewards", "teach"))
