"""The pin: whatever changes in a landed source is found and named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aj.errors import DataError
from aj.hashing import sha256
from aj.sources import pin
from aj.sources.card import Files

CARD = Files(id="mine-1", revision="1", licence="MIT", description="d", kind="files", paths=["*.jsonl"], weights={"*.jsonl": 2})
CONTENTS = {
    "rows/a.jsonl": b'{"n": 1}\n' * 40,
    "rows/sub/b.jsonl": b'{"n": 2}\n',
    "rows/empty.jsonl": b"",
    "questions.json": b"[]",
}


@pytest.fixture
def landed(tmp_path: Path) -> Path:
    """A landed source with its pin and the seal's manifest."""
    folder = tmp_path / "mine"
    for name, content in CONTENTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    pin.write(folder, CARD, 41, {"read": 50, "filtered.language": 9})
    (folder / "manifest.json").write_text("{}")
    return folder


def test_the_pin_says_what_was_landed(landed: Path) -> None:
    pin.verify(landed)
    noted = pin.read(landed)
    assert noted == json.loads((landed / "source.json").read_text())
    assert {k: noted[k] for k in ("id", "revision", "licence", "rows", "account", "weights")} == {
        "id": "mine-1", "revision": "1", "licence": "MIT", "rows": 41,
        "account": {"read": 50, "filtered.language": 9}, "weights": {"*.jsonl": 2},
    }  # fmt: skip
    assert noted["files"] == {name: sha256(landed / name) for name in CONTENTS}


def test_the_same_source_gives_the_same_pin(landed: Path, tmp_path: Path) -> None:
    first = (landed / "source.json").read_bytes()
    (landed / "source.json").unlink()
    pin.write(landed, CARD, 41, {"filtered.language": 9, "read": 50})
    assert (landed / "source.json").read_bytes() == first


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_found_and_its_file_is_named(landed: Path, data: st.DataObject) -> None:
    path = landed / data.draw(st.sampled_from([*(name for name, content in CONTENTS.items() if content), "source.json"]))
    whole = path.read_bytes()
    place, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
    try:
        with pytest.raises(DataError) as caught:
            pin.verify(landed)
        assert str(caught.value).startswith(f"{path} is not ")
        assert "\n" not in str(caught.value)
    finally:
        path.write_bytes(whole)


def test_a_flipped_byte_is_said_with_both_digests(landed: Path) -> None:
    path = landed / "rows/a.jsonl"
    before = sha256(path)
    path.write_bytes(path.read_bytes().replace(b"1", b"3", 1))
    with pytest.raises(DataError) as caught:
        pin.verify(landed)
    assert str(caught.value) == (
        f"{path} is not the file that was landed: its SHA-256 is {sha256(path)}, the pin says {before}; "
        f"restore it with `dvc checkout {landed}`, or land it again with `dvc repro -f download@mine`."
    )


def rename(folder: Path) -> None:
    (folder / "rows/a.jsonl").rename(folder / "rows/z.jsonl")


@pytest.mark.parametrize(
    ("change", "named", "said"),
    [
        (lambda f: (f / "rows/sub/b.jsonl").unlink(), "rows/sub/b.jsonl", "is missing"),
        (lambda f: (f / "rows/empty.jsonl").unlink(), "rows/empty.jsonl", "is missing"),
        (rename, "rows/a.jsonl", "is missing"),
        (lambda f: (f / "rows/c.jsonl").write_text(""), "rows/c.jsonl", "was not landed with its source"),
        (lambda f: (f / "rows/manifest.json").write_text("{}"), "rows/manifest.json", "was not landed with its source"),
        (lambda f: (f / "source.json").write_text("[]"), "source.json", "is not as it was written"),
        (lambda f: (f / "source.json").write_text(""), "source.json", "is not as it was written"),
        (lambda f: (f / "source.json").unlink(), "", "has no source.json"),
    ],
)  # fmt: skip
def test_a_missing_or_an_extra_file_is_named(landed: Path, change: Callable[[Path], object], named: str, said: str) -> None:
    change(landed)
    with pytest.raises(DataError) as caught:
        pin.verify(landed)
    assert str(caught.value).startswith(f"{landed / named} {said}")


def test_placing_a_file_leaves_the_resume_folder_as_it_was(tmp_path: Path) -> None:
    part = tmp_path / "resume/part"
    part.parent.mkdir()
    part.write_bytes(b"x")
    pin.place(part, tmp_path / "out/rows/part")
    assert part.read_bytes() == (tmp_path / "out/rows/part").read_bytes() == b"x"
