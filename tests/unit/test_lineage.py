"""`aj lineage` and `aj verify` on files that are small, foreign or broken."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from aj.cli import main
from aj.export.gguf_file import read, write
from aj.hashing import canonical

LINEAGE = {
    "format": 1, "name": "AJ-Toy-v0.1.0-q8", "base": {"id": "toy", "hash": "ab" * 32}, "tensors": {"a": "1", "b": "2"},
    "stages": {"grpo": {"params": {}}, "quantize@q8": {"params": {"version": "0.1.0"}}, "download@agent": {"params": {"seed": 17}}},
}  # fmt: skip
TREE = """\
AJ-Toy-v0.1.0-q8
├─ base
│  ├─ hash: abababababab…
│  └─ id: toy
├─ stages
│  ├─ download@agent
│  │  └─ params
│  │     └─ seed: 17
│  ├─ grpo
│  └─ quantize@q8
│     └─ params
│        └─ version: 0.1.0
└─ tensors: 2 hashes
"""


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A whole GGUF with no key and no tensor."""
    file = tmp_path / "AJ-Toy-v0.1.0-q8.gguf"
    file.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, 0, 0) + bytes(8))
    return file


@pytest.fixture
def carrying(empty: Path) -> Path:
    file = empty.with_name("carrying.gguf")
    write(file, read(empty).rewritten(add={"aj.lineage": canonical(LINEAGE)}))
    return file


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    return code, *capsys.readouterr()


def test_the_tree_has_the_stages_in_the_order_in_which_they_ran(carrying: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "lineage", str(carrying)) == (0, TREE, "")
    assert json.loads(said(capsys, "lineage", "--json", str(carrying))[1]) == LINEAGE


def test_it_reads_the_file_with_no_library_of_arrays(carrying: Path) -> None:
    code = f"import sys; from aj.cli import main; main(['lineage', {str(carrying)!r}]); print({{'numpy', 'gguf', 'torch', 'dvc', 'pydantic'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{TREE}set()\n"


def test_a_folder_is_told_by_its_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"stage": "sft", "params": {"lora_r": 16}, "files": {"a": "1"}}))
    lines = f"{tmp_path}\n├─ stage: sft\n├─ params\n│  └─ lora_r: 16\n└─ files: 1 hashes\n"
    assert said(capsys, "lineage", str(tmp_path)) == (0, lines, "")
    (tmp_path / "manifest.json").write_text("[")
    assert "is no manifest" in said(capsys, "lineage", str(tmp_path))[2]


def test_what_carries_no_lineage_is_one_sentence(empty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    (tmp_path / "nothing").mkdir()
    broken = tmp_path / "broken.gguf"
    write(broken, read(empty).rewritten(add={"aj.lineage": "{"}))
    for path, sentence in (
        (empty, "carries no aj.lineage"),
        (tmp_path / "text.gguf", "is not a whole GGUF file (at or after its head"),
        (tmp_path / "absent.gguf", "does not exist"),
        (tmp_path / "nothing", "has no manifest.json and no single GGUF"),
        (broken, "metadata key aj.lineage of"),
    ):
        code, out, err = said(capsys, "lineage", str(path))
        assert (code, out, err.count("\n")) == (1, "", 1) and sentence in err, err


def test_a_file_whose_tag_is_not_here_is_not_verified(
    empty: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    for command in ("verify", "reproduce"):
        code, _, err = said(capsys, command, str(empty))
        assert code == 1 and "says it is AJ-Toy-v0.1.0-q8: no such tag is here; run `git fetch --tags`" in err
        assert "is no GGUF and no folder of one" in said(capsys, command, "absent.gguf")[2]
