"""Bad input to the real stages: one sentence each, exit 1, nothing half-written."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.conftest import Clone

pytestmark = pytest.mark.e2e
AGENT = "data/sources/agent/rows.jsonl"


@contextmanager
def changed(path: Path, content: bytes | None) -> Iterator[None]:
    """A file with other content (None: removed) for a while."""
    before = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    try:
        yield
    finally:
        path.write_bytes(before)


@pytest.fixture(autouse=True)
def left_as_it_was(clone: Clone) -> Iterator[None]:
    """The next file of tests looks at the same clone: what git tracks there (records of the stages too) is what it was."""
    before = clone.run("git status --porcelain && git diff")
    yield
    assert clone.run("git status --porcelain && git diff") == before


def refused(clone: Clone, stage: str, *words: str) -> None:
    """The stage ends with one sentence that has these words, and leaves what was there."""
    before = {p: p.stat().st_mtime_ns for p in (clone.path / "data").rglob("*") if p.is_file() and "sources" not in p.parts}
    output = clone.run(f"uv run python -m stages.{stage}; echo exit $?", ok=False)
    (sentence,) = [line for line in output.splitlines() if line.startswith("error: ")]
    assert output.strip().endswith("exit 1")
    assert "Traceback" not in output
    for word in words:
        assert word in sentence, sentence
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert not list((clone.path / ".aj/tmp").glob("*"))


def test_a_missing_source_file_is_named(clone: Clone) -> None:
    with changed(clone.path / AGENT, None):
        refused(clone, "download agent", "source 'agent'", "rows.jsonl")


def test_an_empty_source_is_an_error(clone: Clone) -> None:
    with changed(clone.path / AGENT, b"\n"):
        refused(clone, "download agent", "source 'agent' is empty")


def test_a_source_without_a_card_names_those_that_have_one(clone: Clone) -> None:
    params = clone.path / "params.yaml"
    with changed(params, params.read_bytes().replace(b"  agent:", b"  agnet:")):
        refused(clone, "download agnet", "agnet")


def test_broken_lines_are_counted_by_reason_and_named(clone: Clone, tmp_path: Path) -> None:
    lines = (clone.path / AGENT).read_bytes().splitlines()
    lines[0] = b"\xef\xbb\xbf" + lines[0]
    lines[1] = lines[1][:20]
    lines[2] = json.dumps({"messages": [{"role": "user", "content": "a\x00b"}, {"role": "assistant", "content": "c"}]}).encode()
    landed, record = clone.path / "data/raw/agent", clone.path / "metrics/lineage/download/agent.json"
    shutil.copytree(landed, tmp_path / "agent")
    with changed(record, record.read_bytes()), changed(clone.path / AGENT, b"\n".join(lines)):
        clone.run("uv run python -m stages.download agent")
        try:
            refused(
                clone,
                "prepare_mix",
                "3 of 44 rows are broken",
                "bom 1 (at rows.jsonl:1)",
                "bad_json 1 (at rows.jsonl:2)",
                "control_characters 1 (at rows.jsonl:3)",
            )
        finally:
            shutil.rmtree(landed)
            shutil.copytree(tmp_path / "agent", landed)


def test_a_landed_file_that_was_changed_is_named(clone: Clone) -> None:
    landed = clone.path / "data/raw/agent/rows/rows.jsonl"
    with changed(landed, landed.read_bytes()[:-1]):
        refused(
            clone, "prepare_mix", "data/raw/agent/rows/rows.jsonl is not the file that was landed", "dvc checkout data/raw/agent"
        )


def test_a_raw_folder_that_no_source_claims_is_named(clone: Clone) -> None:
    stranger = clone.path / "data/raw/left_over"
    stranger.mkdir()
    try:
        refused(clone, "prepare_mix", "data/raw/left_over", "belongs to no source")
    finally:
        shutil.rmtree(stranger)


def test_a_base_with_another_vocabulary_than_its_tokenizer_is_refused(clone: Clone) -> None:
    tokenizer = clone.path / "models/merged/tokenizer.json"
    content = json.loads(tokenizer.read_text())
    content["model"]["vocab"]["a word too many"] = 100_000
    with changed(tokenizer, json.dumps(content).encode()):
        refused(clone, "quantize q8", "another vocabulary than its tokenizer")
