"""Files beside the card, over HTTP and in a bucket: landed byte for byte, broken rows counted later in named buckets."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aj.chat import RowError
from aj.errors import AJError, DataError, ParamsError
from aj.hashing import hash_tree, sha256
from aj.sources import files, rows
from aj.sources.card import Files
from tests import s3_server
from tests.unit import loopback

ROOT = Path(__file__).parents[2]
GOOD = [
    {"messages": [{"role": "user", "content": f"count {n}"}, {"role": "assistant", "content": f"ANSWER: {n}"}]} for n in range(8)
]
LINES = [json.dumps(row).encode() for row in GOOD]
BROKEN = {
    "bom": b"\xef\xbb\xbf" + LINES[0],
    "bad_json": b'{"messages": ',
    "bad_encoding": LINES[1].replace(b"count", b"co\xffnt"),
    "not_an_object": b"[1, 2]",
}


@pytest.fixture
def land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Write files beside a card and land them under ``out``."""
    monkeypatch.chdir(tmp_path)

    def run(contents: dict[str, bytes], *paths: str, **fields: Any) -> int:
        for name, content in contents.items():
            path = Path("data/sources/mine", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        card = Files(id="mine-1", revision="1", licence="MIT", description="d", kind="files", paths=list(paths), **fields)
        shutil.rmtree("out", ignore_errors=True)
        try:
            count, account = files.land(card, "mine", Path("out"), Path("resume"))
        except AJError:
            assert not Path("out").exists()
            raise
        assert count == sum(account.values())
        assert account == {
            f"rows.{name}": sum(1 for _ in rows.read(Path("out/rows", name))) for name in hash_tree(Path("out/rows"))
        }
        return count

    return run


def test_files_are_landed_byte_for_byte_and_rows_counted(land: Callable[..., int]) -> None:
    content = b"\xef\xbb\xbf" + b"\r\n".join(LINES[:3]) + b"\n \t\r\n\n{broken\n\x0b\x0c\n"
    assert land({"sub/a.jsonl": content, "b.jsonl": LINES[3]}, "**/*.jsonl") == 5
    assert Path("out/rows/sub/a.jsonl").read_bytes() == content
    assert Path("out/rows/b.jsonl").read_bytes() == LINES[3]


def test_broken_lines_are_landed_and_keep_their_names(land: Callable[..., int]) -> None:
    assert land({"a.jsonl": b"\n".join([*BROKEN.values(), LINES[0]])}, "a.jsonl") == 5
    read = [row.bucket if isinstance(row, RowError) else row for _, row in rows.read(Path("out/rows/a.jsonl"))]
    assert read == [*BROKEN, GOOD[0]]


def test_what_was_landed_does_not_change_with_its_source(land: Callable[..., int]) -> None:
    land({"a.jsonl": LINES[0]}, "a.jsonl")
    with Path("data/sources/mine/a.jsonl").open("r+b") as stream:
        stream.write(b"X")
    assert Path("out/rows/a.jsonl").read_bytes() == LINES[0]


def test_a_file_that_two_patterns_match_is_counted_once(land: Callable[..., int]) -> None:
    assert land({"a.jsonl": LINES[0]}, "a.jsonl", "*.jsonl") == 1


def test_parquet_is_landed_too(land: Callable[..., int]) -> None:
    rows.write(Path("data/sources/mine/a.parquet"), GOOD)
    assert land({}, "a.parquet") == 8
    assert sha256(Path("out/rows/a.parquet")) == sha256(Path("data/sources/mine/a.parquet"))


@pytest.mark.parametrize(
    ("contents", "pattern", "said"),
    [
        ({"a.jsonl": b"{}"}, "b.jsonl", "no file matches 'data/sources/mine/b.jsonl'; put it there or mend the card"),
        ({"a.jsonl": b""}, "a.jsonl", "source 'mine' is empty: a.jsonl has 0 rows"),
        ({"a.jsonl": b"\n \n"}, "a.jsonl", "source 'mine' is empty: a.jsonl has 0 rows"),
        ({"a.csv": b"x,y\n1,2\n"}, "a.csv", "'a.csv' is not one of .jsonl, .parquet: convert it"),
        ({"a.jsonl.gz": b"x"}, "a.jsonl.gz", "'a.jsonl.gz' is not one of .jsonl, .parquet: convert it"),
        ({"a.parquet": b"x,y\n1,2\n"}, "a.parquet", "a.parquet is not a whole Parquet file"),
        (
            {"a.jsonl": LINES[0], "sub/test-0.jsonl": LINES[1]},
            "**/*.jsonl",
            "source 'mine' names 'test-0.jsonl': evaluation data",
        ),
        ({"holdout/a.jsonl": LINES[0]}, "*/*.jsonl", "source 'mine' names 'holdout': evaluation data does not go into training"),
        (
            {"a.jsonl": LINES[0]},
            "nosuch://bucket/*.jsonl",
            "'nosuch://bucket/*.jsonl' of 'mine-1' (licence: MIT) cannot be read (",
        ),
    ],
)
def test_a_source_that_cannot_be_landed_gives_one_sentence(
    land: Callable[..., int], contents: dict[str, bytes], pattern: str, said: str
) -> None:
    with pytest.raises(DataError, match=re.escape(said)) as caught:
        land(contents, pattern)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pattern", ["/data/*.jsonl", "**.jsonl", ""])
def test_a_pattern_that_is_none_gives_one_sentence(land: Callable[..., int], pattern: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(f"source 'mine': {pattern!r} is no pattern of files beside the card (")):
        land({"a.jsonl": LINES[0]}, pattern)


def test_a_file_of_another_folder_is_not_taken(land: Callable[..., int]) -> None:
    with pytest.raises(DataError, match=re.escape("source 'mine': '../yours/a.jsonl' would land outside its folder")):
        land({"../yours/a.jsonl": LINES[0], "b.jsonl": LINES[1]}, "../yours/*.jsonl")


def test_names_that_only_contain_a_forbidden_word_are_fine(land: Callable[..., int]) -> None:
    assert land({"latest.jsonl": LINES[0], "contest-2.jsonl": LINES[1], "evaluated.jsonl": LINES[2]}, "*.jsonl") == 3


# --- sha256 and weights ---


def test_the_digests_are_printed_as_the_card_wants_them(land: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    from ruamel.yaml import YAML

    contents = {"a.jsonl": LINES[0], "b.jsonl": LINES[1]}
    land(contents, "*.jsonl")
    printed = capsys.readouterr().out
    pasted = YAML(typ="safe").load(printed[printed.index("sha256:\n") :])
    assert pasted["sha256"] == hash_tree(Path("data/sources/mine"))
    assert land(contents, "*.jsonl", **pasted) == 2
    assert capsys.readouterr().out == ""


def test_a_file_that_is_not_the_pinned_one_is_named_with_both_digests(land: Callable[..., int]) -> None:
    land({"a.jsonl": LINES[0], "b.jsonl": LINES[1]}, "*.jsonl")
    pinned = hash_tree(Path("data/sources/mine"))
    flipped = LINES[1].replace(b"count", b"coumt")
    with pytest.raises(DataError) as caught:
        land({"b.jsonl": flipped}, "*.jsonl", sha256=pinned)
    now = sha256(Path("data/sources/mine/b.jsonl"))
    assert str(caught.value) == (
        f"source 'mine': 'b.jsonl' has SHA-256 {now}, the card says {pinned['b.jsonl']}: restore the file, or mend the card."
    )


def test_a_file_more_or_less_than_pinned_is_named(land: Callable[..., int]) -> None:
    land({"a.jsonl": LINES[0], "b.jsonl": LINES[1]}, "*.jsonl")
    pinned = hash_tree(Path("data/sources/mine"))
    with pytest.raises(DataError, match=r"'c.jsonl' is not in sha256: remove the file, or add its digest [0-9a-f]{64}\."):
        land({"c.jsonl": LINES[2]}, "*.jsonl", sha256=pinned)
    Path("data/sources/mine/c.jsonl").unlink()
    Path("data/sources/mine/a.jsonl").unlink()
    with pytest.raises(DataError, match=r"'a.jsonl' stands in sha256 but matches none of paths"):
        land({}, "*.jsonl", sha256=pinned)


def test_weights_must_fit_the_landed_files_one_each(land: Callable[..., int]) -> None:
    contents = {"a.jsonl": LINES[0], "sub/b.jsonl": LINES[1]}
    assert land(contents, "**/*.jsonl", weights={"a.jsonl": 3, "sub/*": 2}) == 2  # repeats are made by the mix, after the split
    with pytest.raises(ParamsError, match=re.escape("the weight of 'c*' fits none of a.jsonl, sub/b.jsonl: mend weights.")):
        land(contents, "**/*.jsonl", weights={"c*": 2})
    with pytest.raises(ParamsError, match=re.escape("the weights of *.jsonl and sub/* both fit 'sub/b.jsonl': leave one.")):
        land(contents, "**/*.jsonl", weights={"*.jsonl": 2, "sub/*": 3})


# --- Over HTTP: ranges, a killed fetch, refusals ---


class Remote(loopback.Handler):
    """Serves ``server.contents`` in ranges; waits before a range that starts at ``server.hold_at``."""

    def do_GET(self) -> None:
        server: Any = self.server
        first = self.first_byte()
        if server.refuse and self.command == "GET":
            return self.reply(server.refuse, b"", {})
        if self.path not in server.contents:
            return self.reply(404, b"", {})
        if first is not None:
            server.ranges.append(first)
            if first == server.hold_at:
                self.hold()
        return self.send_file(server.contents[self.path], {"ETag": server.etag})


@pytest.fixture
def served() -> Iterator[Any]:
    """A web server on loopback with one file of 4,000 rows."""
    contents = {"/part.jsonl": b"\n".join(LINES * 500)}
    with loopback.serving(Remote, contents=contents, etag='"1"', refuse=0, ranges=[], hold_at=-1) as server:
        server.address += "/part.jsonl"
        yield server


CHUNK = 1 << 16
CHILD = """
import sys
from pathlib import Path
from aj.sources import files
from aj.sources.card import Files

files.CHUNK = int(sys.argv[2])
card = Files(id="mine-1", revision="1", licence="MIT", description="d", kind="files", paths=[sys.argv[1]])
files.land(card, "mine", Path("out"), Path("resume"))
"""


@pytest.mark.parametrize("changed", [False, True])
def test_a_killed_fetch_goes_on_where_it_stopped_unless_the_file_has_changed(
    land: Callable[..., int], monkeypatch: pytest.MonkeyPatch, served: Any, changed: bool
) -> None:
    served.hold_at = 3 * CHUNK
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "127.0.0.1"}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, served.address, str(CHUNK)], env=environment, stderr=subprocess.DEVNULL
    )
    assert served.reached.wait(60)
    child.kill()
    child.wait()
    assert not Path("out").exists()
    [part] = Path("resume").iterdir()
    came = part.stat().st_size
    assert part.suffix == ".part"
    assert 0 < came <= 3 * CHUNK
    served.hold_at = -1
    served.go_on.set()
    served.ranges.clear()
    monkeypatch.setattr(files, "CHUNK", CHUNK)
    if changed:
        served.contents["/part.jsonl"] = served.contents["/part.jsonl"].replace(b"count", b"coumt")
        served.etag = '"2"'
    assert land({}, served.address) == 4000
    [landed] = Path("out/rows").rglob("*.jsonl")
    assert landed.read_bytes() == served.contents["/part.jsonl"]
    assert min(served.ranges) == (0 if changed else came)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_file_names_its_dataset_and_leaves_no_file(land: Callable[..., int], served: Any, status: int) -> None:
    served.refuse = status
    with pytest.raises(DataError, match=r"of 'mine-1' \(licence: MIT\)") as caught:
        land({}, served.address)
    assert served.address in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(Path().rglob("*.jsonl")) + list(Path("resume").rglob("*"))


# --- In a bucket: a real S3 server on loopback ---


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that an S3 server on loopback serves as ``s3://bucket``."""
    folder = tmp_path / "s3" / "bucket"
    folder.mkdir(parents=True)
    with s3_server.serving(folder.parent) as variables:
        for key, value in variables.items():
            monkeypatch.setenv(key, value)
        yield folder


def test_a_glob_of_a_bucket_is_landed_under_its_whole_path(land: Callable[..., int], bucket: Path) -> None:
    (bucket / "talks/deep").mkdir(parents=True)
    for number, name in enumerate(["talks/a.jsonl", "talks/b.jsonl", "talks/deep/c.jsonl", "other.jsonl", "talks/notes.txt"]):
        (bucket / name).write_bytes(LINES[number])
    rows.write(bucket / "talks/d.parquet", GOOD)
    assert land({"own.jsonl": LINES[5]}, "own.jsonl", "s3://bucket/talks/*.jsonl", "s3://bucket/**/*.parquet") == 11
    assert hash_tree(Path("out/rows")) == {
        "bucket/talks/a.jsonl": sha256(bucket / "talks/a.jsonl"),
        "bucket/talks/b.jsonl": sha256(bucket / "talks/b.jsonl"),
        "bucket/talks/d.parquet": sha256(bucket / "talks/d.parquet"),
        "own.jsonl": sha256(Path("data/sources/mine/own.jsonl")),
    }
    assert land({}, "s3://bucket/talks/**/*.jsonl", weights={"deep/*.jsonl": 4}) == 3


def test_a_whole_object_is_not_fetched_again_and_a_changed_one_is(land: Callable[..., int], bucket: Path) -> None:
    (bucket / "a.jsonl").write_bytes(LINES[0])
    land({}, "s3://bucket/a.jsonl")
    [kept] = Path("resume").iterdir()
    stamp = kept.stat().st_mtime_ns
    land({}, "s3://bucket/a.jsonl")
    assert [(f, f.stat().st_mtime_ns) for f in Path("resume").iterdir()] == [(kept, stamp)]
    pinned = hash_tree(Path("out/rows"))
    (bucket / "a.jsonl").write_bytes(LINES[1])
    with pytest.raises(DataError, match=r"'bucket/a\.jsonl' has SHA-256"):
        land({}, "s3://bucket/a.jsonl", sha256=pinned)


@pytest.mark.parametrize(
    ("key", "value", "pattern", "said"),
    [
        ("AWS_SECRET_ACCESS_KEY", "another-secret-key", "s3://bucket/*.jsonl", "cannot be read (PermissionError"),
        ("AWS_DEFAULT_REGION", "us-east-1", "s3://nosuch/*.jsonl", "no file of 'mine-1' (licence: MIT) matches 's3://nosuch/*.jsonl'"),
        ("AWS_DEFAULT_REGION", "us-east-1", "s3://bucket/*.parquet", "matches 's3://bucket/*.parquet'; check the address, AWS_ENDPOINT_URL"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "s3://bucket/*.jsonl", "cannot be read ("),
        ("AWS_DEFAULT_REGION", "us-east-1", "s3://bucket/test/*.jsonl", "names 'test': evaluation data does not go into training"),
    ],
)  # fmt: skip
def test_a_bucket_that_cannot_be_read_gives_one_sentence(
    land: Callable[..., int], bucket: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str, pattern: str, said: str
) -> None:
    (bucket / "test").mkdir()
    for name in ("a.jsonl", "test/b.jsonl"):
        (bucket / name).write_bytes(LINES[0])
    monkeypatch.setenv(key, value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(DataError, match=re.escape(said)) as caught:
        land({}, pattern)
    assert "\n" not in str(caught.value)
    assert not Path("resume").exists()
