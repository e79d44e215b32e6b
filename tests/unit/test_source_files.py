"""Local files: landed byte for byte, broken rows counted later in named buckets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aj.errors import DataError
from aj.hashing import sha256
from aj.mix.clean import Account, clean
from aj.sources import files, rows
from aj.sources.card import Files

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

GOOD = [
    {"messages": [{"role": "user", "content": f"count {n}"}, {"role": "assistant", "content": f"ANSWER: {n}"}]} for n in range(8)
]
LINES = [json.dumps(row).encode() for row in GOOD]


@pytest.fixture
def land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Write files beside a card and land them under ``out``."""
    monkeypatch.chdir(tmp_path)

    def run(contents: dict[str, bytes], *paths: str) -> int:
        for name, content in contents.items():
            path = Path("data/sources/mine", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        card = Files(id="x", revision="1", licence="MIT", description="d", kind="files", paths=list(paths))
        return files.land(card, "mine", Path("out"))

    return run


def test_files_are_landed_byte_for_byte_and_rows_counted(land: Callable[..., int]) -> None:
    content = b"\xef\xbb\xbf" + b"\r\n".join(LINES[:3]) + b"\n\n{broken\n"
    assert land({"sub/a.jsonl": content, "b.jsonl": LINES[3]}, "**/*.jsonl") == 5
    assert Path("out/rows/sub/a.jsonl").read_bytes() == content
    assert Path("out/rows/b.jsonl").read_bytes() == LINES[3]


def test_a_file_that_two_patterns_match_is_counted_once(land: Callable[..., int]) -> None:
    assert land({"a.jsonl": LINES[0]}, "a.jsonl", "*.jsonl") == 1


def test_parquet_is_landed_too(land: Callable[..., int], tmp_path: Path) -> None:
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
        ({"a.parquet": b"x,y\n1,2\n"}, "a.parquet", "a.parquet is not a whole Parquet file"),
    ],
)
def test_a_source_that_cannot_be_landed_gives_one_sentence(
    land: Callable[..., int], contents: dict[str, bytes], pattern: str, said: str
) -> None:
    with pytest.raises(DataError, match=said) as caught:
        land(contents, pattern)
    assert "\n" not in str(caught.value)


BROKEN = {
    "bom": b"\xef\xbb\xbf" + LINES[0],
    "bad_json": b'{"messages": ',
    "bad_encoding": LINES[1].replace(b"count", b"co\xffnt"),
    "control_characters": LINES[2].replace(b"count", b"co\\u0000nt"),
    "bad_content": LINES[3].replace(b"count", b"co\\ud800nt"),
    "not_an_object": b"[1, 2]",
    "no_messages": b'{"text": "hi"}',
    "unknown_role": LINES[4].replace(b'"user"', b'"human"'),
    "unknown_split": LINES[5][:-1] + b', "split": "test"}',
}


def account_of(content: bytes, tokenizer: "PreTrainedTokenizerFast", **options: int) -> Account:
    Path("rows.jsonl").write_bytes(content)
    return clean("mine", rows.read(Path("rows.jsonl")), tokenizer, **{"max_length": 320, "seen": set(), **options})  # type: ignore[arg-type]


@pytest.mark.parametrize("bucket", BROKEN)
def test_a_broken_row_is_counted_in_its_bucket_and_fails_above_the_limit(
    bucket: str, tokenizer: "PreTrainedTokenizerFast", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    account = account_of(b"\n".join([BROKEN[bucket], *LINES[6:]]), tokenizer)
    assert account.dropped == {bucket: 1}
    assert (account.rows_in, len(account.kept)) == (3, 2)
    account.check(0.5)
    with pytest.raises(DataError) as caught:
        account.check(0.3)
    assert str(caught.value) == (
        f"source 'mine': 1 of 3 rows are broken, more than mix.max_broken = 0.3 allows: {bucket} 1 (at rows.jsonl:1); "
        "mend them or raise the limit."
    )


def test_in_is_kept_plus_dropped(tokenizer: "PreTrainedTokenizerFast", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    long = json.dumps({"messages": [{"role": "user", "content": "x 1 " * 400}, {"role": "assistant", "content": "y"}]}).encode()
    account = account_of(b"\n".join([*BROKEN.values(), *LINES, *LINES, long]), tokenizer)
    assert account.rows_in == len(BROKEN) + 2 * len(LINES) + 1
    assert account.dropped == {**dict.fromkeys(BROKEN, 1), "duplicate": 8, "too_long": 1}
    assert account.rows_in == len(account.kept) + account.dropped.total()
    assert account.samples["duplicate"] == ["rows.jsonl:18", "rows.jsonl:19", "rows.jsonl:20"]
    account.check(0.5)
    account.rows_in += 1
    with pytest.raises(DataError, match="27 rows in, 8 kept, 18 dropped"):
        account.check(0.5)


def test_duplicates_and_long_rows_are_not_broken(
    tokenizer: "PreTrainedTokenizerFast", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    account = account_of(b"\n".join([LINES[0]] * 3), tokenizer)
    account.check(0.0)
    assert [r.conversation.messages[0]["content"] for r in account.kept] == ["count 0"]
    short = account_of(LINES[0], tokenizer, max_length=5)
    with pytest.raises(DataError, match=r"source 'mine' has no usable row \(too_long 1\)"):
        short.check(0.0)


def test_the_length_limit_is_exact(tokenizer: "PreTrainedTokenizerFast", tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [kept] = account_of(LINES[0], tokenizer).kept
    assert account_of(LINES[0], tokenizer, max_length=kept.tokens).kept == [kept]
    assert account_of(LINES[0], tokenizer, max_length=kept.tokens - 1).dropped == {"too_long": 1}
    assert 0 < kept.learned < kept.tokens


def test_an_earlier_source_has_the_first_claim_on_a_row(
    tokenizer: "PreTrainedTokenizerFast", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen: set[str] = set()
    first = account_of(LINES[0], tokenizer, seen=seen)  # type: ignore[arg-type]
    second = account_of(b"\n".join(LINES[:2]), tokenizer, seen=seen)  # type: ignore[arg-type]
    assert (len(first.kept), len(second.kept), second.dropped) == (1, 1, {"duplicate": 1})


def test_a_row_that_teaches_nothing_is_counted(
    tokenizer: "PreTrainedTokenizerFast", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mute = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, eos_token="<|im_end|>")
    mute.chat_template = (
        "{% for m in messages %}{{ m.content }}{% if false %}{% generation %}{% endgeneration %}{% endif %}{% endfor %}"
    )
    account = account_of(LINES[0], mute)
    assert account.dropped == {"nothing_learned": 1}
