"""Hugging Face datasets: a folder on this disk stands for a repository (``load_dataset`` takes both)."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aj.chat import normalise
from aj.errors import AJError, DataError, ParamsError
from aj.sources import hub, rows
from aj.sources.card import Hub

TALK = [
    {
        "conversation": [
            {"role": "user", "content": f"q{n}", "toxic": False, "turn": 1},
            {"role": "assistant", "content": f"a{n}", "toxic": True, "turn": 2},
        ],
        "question": f"how {n}?",
        "answers": f"so {n}",
    }
    for n in range(6)
]


@pytest.fixture
def land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Land a dataset folder; the rows that were written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    Path("talk").mkdir()
    Path("talk/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in TALK))

    def run(**changes: Any) -> list[dict[str, Any]]:
        fields = {"id": "talk", "revision": "main", "licence": "MIT", "description": "d", "kind": "hub", "split": "train"}
        count = hub.land(Hub(**{**fields, "columns": {"messages": "conversation"}, **changes}), "talk", Path("out"))
        found = rows.read_all(Path("out/rows/data.parquet"))
        assert len(found) == count
        return found

    return run


def test_a_column_of_messages_is_mapped_without_what_is_no_message(land: Callable[..., list[dict[str, Any]]]) -> None:
    found = land()
    assert [json.loads(row["messages"]) for row in found] == [
        [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}] for n in range(6)
    ]
    assert {row["tools"] for row in found} == {"[]"}
    assert normalise(found[0]).messages[1] == {"role": "assistant", "content": "a0"}


def test_question_and_answer_columns_become_two_turns(land: Callable[..., list[dict[str, Any]]]) -> None:
    found = land(columns={"question": "question", "answer": "answers"})
    assert json.loads(found[2]["messages"]) == [{"role": "user", "content": "how 2?"}, {"role": "assistant", "content": "so 2"}]


def test_parquet_with_nested_columns_is_read_too(land: Callable[..., list[dict[str, Any]]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    Path("nested/data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(TALK), "nested/data/train-00000-of-00001.parquet")
    assert land(id="nested") == land()


def test_the_limit_takes_the_first_rows(land: Callable[..., list[dict[str, Any]]]) -> None:
    assert land(limit=2) == land()[:2]


def test_a_missing_value_is_counted_by_the_mix_and_does_not_stop_the_landing(land: Callable[..., list[dict[str, Any]]]) -> None:
    Path("talk/train.jsonl").write_text('{"question": "a", "answers": "b"}\n{"question": null, "answers": "b"}\n')
    found = land(columns={"question": "question", "answer": "answers"})
    assert json.loads(found[1]["messages"])[0]["content"] is None


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"columns": {"messages": "chat"}}, DataError, "dataset 'talk' has no column 'chat': it has conversation, question, answers."),
        ({"columns": {"question": "question", "answer": "answer"}}, DataError, "dataset 'talk' has no column 'answer'"),
        ({"columns": {"message": "conversation"}}, ParamsError, "maps columns message: write {messages: COLUMN}"),
        ({"columns": {}}, ParamsError, "maps columns none"),
        ({"split": "test"}, DataError, "names split 'test': evaluation data does not go into training"),
        ({"split": "test_sft[:10%]"}, DataError, "evaluation data does not go into training"),
        ({"split": "validation"}, DataError, "evaluation data does not go into training"),
        ({"split": "nosuch"}, DataError, "cannot be read (Bad split: nosuch. Available splits: ['train'])"),
        ({"id": "owner/name", "revision": "0123456"}, DataError, "dataset 'owner/name' at revision '0123456' cannot be read ("),
        ({"id": "owner/name"}, DataError, "accept its licence at huggingface.co/datasets/owner/name if it is gated, and set HF_TOKEN."),
    ],
)  # fmt: skip
def test_what_cannot_be_landed_gives_one_sentence(
    land: Callable[..., list[dict[str, Any]]], changes: dict[str, Any], error: type[AJError], said: str
) -> None:
    with pytest.raises(error) as caught:
        land(**changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stream_that_breaks_in_the_middle_gives_one_sentence(land: Callable[..., list[dict[str, Any]]]) -> None:
    with Path("talk/train.jsonl").open("a") as stream:
        stream.write('{"conversation": [{"role"\n' * 3)
    with pytest.raises(DataError, match="dataset 'talk' at revision 'main' cannot be read"):
        land()


def test_an_empty_dataset_gives_one_sentence(land: Callable[..., list[dict[str, Any]]]) -> None:
    Path("talk/train.jsonl").write_text("")
    with pytest.raises(DataError, match="dataset 'talk' at revision 'main' has no row"):
        land()
