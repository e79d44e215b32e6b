"""A GGUF in its parts: keys go in and out without moving another byte, and a flipped byte is named wherever it lies."""

import hashlib
from pathlib import Path
from typing import Any

import gguf
import pytest

from aj.errors import ExportError
from aj.export.gguf import read_metadata, write_gguf
from aj.export.gguf_file import read, tensor_hash, write
from aj.hashing import canonical, digest, sha256
from aj.lineage import of_file
from aj.lineage.origin import KEY, SCORES
from aj.release.tree import Tree

NOWHERE = Tree(Path(), None)


@pytest.fixture(scope="module")
def plain(qwen: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("plain") / "plain.gguf"
    write_gguf(qwen, file, metadata={"aj.name": "AJ-Toy-v0.1.0-q8", "general.name": "AJ-Toy", "aj.exact": True, "aj.n": 3})
    return file


@pytest.fixture(scope="module")
def carrying(plain: Path) -> tuple[Path, dict[str, Any]]:
    """A file with a lineage, and what git would have of it."""
    parts = read(plain)
    lineage = {
        "name": "AJ-Toy-v0.1.0-q8", "stages": {"sft": {"params": {"lora_r": 16}}},
        "tensors": parts.tensor_hashes(), "metadata": parts.key_hashes(), "tensor_hash": tensor_hash(plain),
    }  # fmt: skip
    file = plain.with_name("carrying.gguf")
    write(file, parts.rewritten(add={KEY: canonical(lineage)}))
    return file, {**lineage, "file": sha256(file)}


def wrong(file: Path, wanted: dict[str, Any]) -> list[str]:
    """What is found to differ, as `aj verify` says it."""
    try:
        return [s for check in of_file.checks(read(file), wanted, NOWHERE, "q8", lambda _: None) for s in check.wrong]
    except ExportError as error:
        return [str(error)]


def flipped(file: Path, at: int, to: Path) -> Path:
    """A copy with one bit of one byte changed."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    to.write_bytes(content)
    return to


def test_the_reader_of_ggml_finds_the_same_keys_and_tensors(plain: Path) -> None:
    parts, reference = read(plain), gguf.GGUFReader(plain)
    assert list(parts.keys) == [key for key in reference.fields if not key.startswith("GGUF.")]
    assert {n: (t.shape, t.type, t.start, t.end) for n, t in parts.tensors.items()} == {
        t.name: (tuple(t.shape.tolist()), t.tensor_type.name, t.data_offset, t.data_offset + t.n_bytes) for t in reference.tensors
    }


def test_a_key_goes_in_and_out_and_no_other_byte_moves(plain: Path, tmp_path: Path) -> None:
    with_key, again = tmp_path / "with.gguf", tmp_path / "again.gguf"
    write(with_key, read(plain).rewritten(add={"aj.scores": '{"n": 600}' * 7}))
    assert read_metadata(with_key) == read_metadata(plain) | {"aj.scores": '{"n": 600}' * 7}
    assert tensor_hash(with_key) == tensor_hash(plain) == digest(read(plain).tensor_hashes())
    write(again, read(with_key).rewritten(drop=["aj.scores"]))
    assert again.read_bytes() == plain.read_bytes() != with_key.read_bytes()
    with pytest.raises(ExportError, match=r"has the metadata key aj\.name already"):
        list(read(plain).rewritten(add={"aj.name": "x"}))


def test_a_file_with_lineage_is_one_that_llama_cpp_reads(carrying: tuple[Path, dict[str, Any]]) -> None:
    from aj.evaluation.llama_engine import LlamaEngine

    with LlamaEngine(carrying[0], threads=1, parallel=1) as engine:
        assert engine.metadata[KEY] == read(carrying[0]).text(KEY)
    assert wrong(*carrying) == []


def test_a_flipped_byte_of_a_tensor_names_that_tensor(carrying: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    file, wanted = carrying
    for name, tensor in read(file).tensors.items():
        for at in (tensor.start, tensor.end - 1):
            (sentence,) = wrong(flipped(file, at, tmp_path / "flipped.gguf"), wanted)
            assert sentence.startswith(f"tensor {name} is ")


def test_a_flipped_byte_of_a_metadata_key_names_that_key(carrying: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """Of its value the last byte, and of its name the first; a changed name is one that is absent and one that is new."""
    file, wanted = carrying
    for key, (start, end) in read(file).keys.items():
        said = wrong(flipped(file, end - 1, tmp_path / "flipped.gguf"), wanted)
        assert said and all(key in sentence for sentence in said), (key, said)
        said = wrong(flipped(file, start + 8, tmp_path / "flipped.gguf"), wanted)
        assert any(key in sentence for sentence in said), (key, said)


def test_a_flipped_byte_of_the_lineage_names_the_very_leaf(carrying: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    file, wanted = carrying
    at = file.read_bytes().index(b'"lora_r":16') + len(b'"lora_r":1')
    assert wrong(flipped(file, at, tmp_path / "f.gguf"), wanted) == [
        f"{KEY} > stages > sft > params > lora_r is 17 in the file, 16 in git"
    ]


def test_no_flipped_byte_of_head_or_tables_or_padding_passes(carrying: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    file, wanted = carrying
    parts = read(file)
    spans = [*parts.padding()]
    assert spans
    for at in [*range(24), *range(parts.keys_end, parts.names_end, 3), *(start for start, _ in spans)]:
        assert wrong(flipped(file, at, tmp_path / "flipped.gguf"), wanted), at
    (sentence,) = wrong(flipped(file, spans[0][0], tmp_path / "flipped.gguf"), wanted)
    assert sentence == f"the padding between byte {spans[0][0]} and {spans[0][1]} is not all zeros"


def test_scores_are_held_against_the_commit_and_the_rest_against_the_record(
    carrying: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    import subprocess

    file, wanted = carrying
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/eval_q8.json").write_text('{"unseen.accuracy": 0.5}')
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    from aj.lineage import scores

    tree = Tree.of(tmp_path, "HEAD")
    copy = tmp_path / "copy.gguf"
    write(copy, read(file).rewritten(add={SCORES: canonical(scores.of(tree, "q8"))}))
    checks = list(of_file.checks(read(copy), wanted, tree, "q8", lambda _: None))
    assert [check.wrong for check in checks] == [[]] * len(checks) and hashlib.sha256(copy.read_bytes()).hexdigest() != wanted[
        "file"
    ]
    at = copy.read_bytes().index(b'"unseen.accuracy":0.5') + len(b'"unseen.accuracy":0.')
    bad = flipped(copy, at, tmp_path / "bad.gguf")
    assert [s for c in of_file.checks(read(bad), wanted, tree, "q8", lambda _: None) for s in c.wrong] == [
        f"{SCORES} > metrics > unseen.accuracy is 0.4 in the file, 0.5 in git"
    ]
