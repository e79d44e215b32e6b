"""A release proved by somebody else: a clone of its tag with a real remote, the file alone, one byte changed anywhere."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import s3_server
from tests.e2e.conftest import Clone

pytestmark = pytest.mark.e2e
NAME, FLAVOUR = "AJ-TinySQL-v0.1.0-q4km", "q4km"


@dataclass(frozen=True)
class Place:
    """A folder, and the programs of the environment that the pipeline ran in."""

    path: Path
    programs: Path
    variables: dict[str, str]

    def run(self, *words: str, ok: bool = True) -> str:
        """A program's output on both streams; with ``ok`` it must exit 0, without it must not."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL_ENV", "UV_", "PYTEST", "DVC", "AWS"))}
        environment = kept | self.variables | {"PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            words, cwd=self.path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600
        )
        assert (done.returncode == 0) == ok, done.stdout[-4000:]
        return done.stdout

    def aj(self, *words: str, ok: bool = True) -> str:
        """`aj …` with the code that lies there."""
        return self.run("python", "-m", "aj.cli", *words, ok=ok)


@dataclass(frozen=True)
class Proof:
    """A clone of the tag, and the release's file beside it."""

    clone: Place
    file: Path
    copy: Path
    """The same with its scores, as `aj release` made it."""


@pytest.fixture(scope="module")
def proof(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proof]:
    """The pipeline's clone is copied, released and pushed; what is tested is a second clone that begins with the tag alone."""
    folder = tmp_path_factory.mktemp("lineage")
    (folder / "s3/bucket").mkdir(parents=True)
    with s3_server.serving(folder / "s3") as variables:
        shutil.copytree(clone.path, folder / "made", ignore=shutil.ignore_patterns(".venv"), symlinks=True)
        made = Place(
            folder / "made", clone.path / ".venv/bin", {**variables, "GIT_CONFIG_GLOBAL": os.devnull, "DVC_NO_ANALYTICS": "1"}
        )
        made.run("dvc", "remote", "add", "-d", "store", "s3://bucket/aj")
        made.run("git", "add", "-A")
        made.run("git", "commit", "-q", "--allow-empty", "-m", "a run")
        made.run("dvc", "push", "-q")
        made.aj("release")
        made.run("git", "clone", "-q", "--branch", NAME, str(made.path), str(folder / "clone"))
        there = Place(folder / "clone", made.programs, made.variables)
        there.run("dvc", "artifacts", "get", ".", f"AJ-TinySQL-{FLAVOUR}", "--rev", "v0.1.0", "-o", "../got")
        yield Proof(there, folder / f"got/{NAME}.gguf", made.path / f".aj/release/{NAME}.gguf")


@pytest.fixture(scope="module")
def pulled(proof: Proof) -> Proof:
    """The same after `dvc pull` of what the file was made from."""
    proof.clone.run("dvc", "pull", "-q", "--with-deps", f"quantize@{FLAVOUR}")
    return proof


def test_the_file_alone_tells_what_it_was_made_of(proof: Proof, tmp_path: Path) -> None:
    alone = tmp_path / "renamed.gguf"
    shutil.copy(proof.file, alone)
    nowhere = Place(tmp_path, proof.clone.programs, proof.clone.variables | {"PYTHONPATH": str(proof.clone.path)})
    said = nowhere.aj("lineage", str(alone))
    for word in (NAME, "aj-tiny-qwen2", "sqlenv", "lora_r: 16", "held_out_accuracy", "tensor_hash"):
        assert word in said
    copy = json.loads(nowhere.aj("lineage", "--json", str(proof.copy)))
    assert copy["scores"]["metrics"] == json.loads((proof.clone.path / f"metrics/eval_{FLAVOUR}.json").read_text())
    assert copy["tensor_hash"] == json.loads(nowhere.aj("lineage", "--json", str(alone)))["tensor_hash"]


def test_what_is_not_here_is_no_pass_and_the_file_alone_can_be_asked_for(proof: Proof) -> None:
    shutil.rmtree(proof.clone.path / "models", ignore_errors=True)
    said = proof.clone.aj("verify", str(proof.file), ok=False)
    assert "not checked: models/grpo (uv run dvc pull models/grpo)\n" in said and "differs" not in said
    assert "is verified" in proof.clone.aj("verify", "--only", "file", "--only", "tag", str(proof.file))


def test_a_clone_of_the_tag_verifies_and_reproduces_the_file(pulled: Proof) -> None:
    for file in (pulled.file, pulled.copy):
        assert f"{file} is verified.\n" in pulled.clone.aj("verify", str(file))
    before = set(Path("/tmp").glob("aj-reproduce-*"))
    assert f"{pulled.file} is reproduced.\n" in pulled.clone.aj("reproduce", str(pulled.file))
    assert set(Path("/tmp").glob("aj-reproduce-*")) == before


@contextmanager
def flipped(path: Path, at: Callable[[bytes], int]) -> Iterator[None]:
    """One bit of a file changed for a while."""
    before = path.read_bytes()
    after = bytearray(before)
    after[at(before)] ^= 1
    path.write_bytes(after)
    try:
        yield
    finally:
        path.write_bytes(before)


def last(content: bytes) -> int:
    return len(content) - 1


def after(word: bytes) -> Callable[[bytes], int]:
    return lambda content: content.index(word) + len(word)


@pytest.mark.parametrize(
    ("path", "at", "named"),
    [
        ("data/sources/agent/rows.jsonl", last, "data/sources/agent/rows.jsonl has other bytes here"),
        ("data/raw/agent/rows/rows.jsonl", last, "data/raw/agent/rows/rows.jsonl has other bytes (`uv run dvc checkout data/raw/agent`)"),
        ("params.yaml", after(b"lora_r: 1"), "params.yaml lora_r is 17 here, 16 at the tag"),
        ("models/grpo/adapter_model.safetensors", last, "models/grpo/adapter_model.safetensors has other bytes"),
        ("models/merged/manifest.json", last, "models/merged/manifest.json"),
        ("aj/training/sft.py", last, "aj/training/sft.py has other bytes here"),
        ("FILE", lambda content: len(content) // 2, "tensor "),
        ("FILE", after(b"Apache-2."), "metadata key general.license is "),
        ("FILE", after(b'"lora_r":1'), "aj.lineage > stages > sft > params > lora_r is 17 in the file, 16 in git"),
    ],
)  # fmt: skip
def test_one_flipped_byte_is_named(pulled: Proof, path: str, at: Callable[[bytes], int], named: str) -> None:
    file = pulled.file if path == "FILE" else pulled.clone.path / path
    with flipped(file, at):
        said = pulled.clone.aj("verify", str(pulled.file), ok=False)
    wrong = [line for line in said.splitlines() if line.startswith("differs: ")]
    assert any(line.startswith(f"differs: {named}") for line in wrong), said
    assert len({line.partition(" is ")[0] for line in wrong}) <= 2 and "not checked" not in said


def test_a_commit_whose_code_is_not_the_recorded_one_is_found(pulled: Proof) -> None:
    """The tag moved to a commit with an edited comment: all files here are those of the tag, and its records are of other code."""
    clone, code = pulled.clone, pulled.clone.path / "aj/training/sft.py"
    was = clone.run("git", "rev-parse", "HEAD").strip()
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    code.write_text(code.read_text() + "# said later\n")
    try:
        clone.run("git", *who, "commit", "-q", "-a", "-m", "later")
        clone.run("git", *who, "tag", "-f", "-a", "-m", "moved", NAME)
        said = clone.aj("verify", str(pulled.file), ok=False)
    finally:
        clone.run("git", "reset", "-q", "--hard", was)
        clone.run("git", *who, "tag", "-f", "-a", "-m", "back", NAME)
    wrong = [line for line in said.splitlines() if line.startswith("differs: ")]
    assert len(wrong) == 1 and wrong[0].startswith("differs: aj/training/sft.py is ") and "in the commit (sft)" in wrong[0]
