"""Source cards."""

from pathlib import Path

import pytest

from aj.errors import DataError, ParamsError
from aj.sources.card import Files, Hub, SqlEnv, read, refuse_evaluation

ROOT = Path(__file__).parents[2]
CARD = "kind: files\nid: x\nrevision: '1'\nlicence: MIT\ndescription: d\npaths: [a.jsonl]\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/sources/mine").mkdir(parents=True)


def test_the_cards_of_the_repository_are_read() -> None:
    kinds = {p.parent.name: type(read(p.parent.name)) for p in (ROOT / "data" / "sources").glob("*/source.yaml")}
    assert kinds.items() >= {"agent": Files, "sqlenv": SqlEnv}.items()
    assert kinds.items() >= dict.fromkeys(["agriculture-qa", "skein", "ultrachat", "wildchat"], Hub).items()


@pytest.mark.usefixtures("write")
def test_a_hub_card_is_read_with_what_it_leaves_out() -> None:
    text = CARD.replace("kind: files", "kind: hub").replace("paths: [a.jsonl]", "split: train_sft\ncolumns: {messages: messages}")
    Path("data/sources/mine/source.yaml").write_text(text)
    card = read("mine")
    assert isinstance(card, Hub)
    assert (card.split, card.name, card.limit, card.data_files, card.filters) == ("train_sft", None, None, None, {})


@pytest.mark.usefixtures("write")
def test_filters_keep_the_kind_of_their_values() -> None:
    text = CARD.replace("kind: files", "kind: hub").replace("paths: [a.jsonl]", "split: train\ncolumns: {messages: m}\nfilters:")
    Path("data/sources/mine/source.yaml").write_text(text + "  toxic: false\n  turn: 1\n  language: [English, 'no']\n")
    card = read("mine")
    assert isinstance(card, Hub)
    assert repr(card.filters) == "{'toxic': False, 'turn': 1, 'language': ['English', 'no']}"


@pytest.mark.usefixtures("write")
def test_a_files_card_is_read_with_digests_and_weights() -> None:
    digest = "0123456789" * 6 + "abcd"
    Path("data/sources/mine/source.yaml").write_text(f"{CARD}sha256:\n  a.jsonl: {digest}\nweights:\n  '*.jsonl': 3\n")
    card = read("mine")
    assert isinstance(card, Files)
    assert (card.sha256, card.weights) == ({"a.jsonl": digest}, {"*.jsonl": 3})


@pytest.mark.parametrize(
    "name", ["test", "Test", "test_sft[:10%]", "data/test-00000.parquet", "eval", "my-validation", "held_out"]
)
def test_evaluation_data_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(DataError, match=r"source .mine. names .*: evaluation data does not go into training; name another\."):
        refuse_evaluation("mine", "train", name)


def test_a_name_that_only_contains_such_a_word_is_not_refused() -> None:
    refuse_evaluation("mine", "train", "latest", "contest", "evaluated", "devalued", "uphold-outfit", "")


@pytest.mark.usefixtures("write")
def test_a_source_without_a_card_names_those_that_have_one() -> None:
    with pytest.raises(ParamsError, match=r"source 'yours' has no card at data/sources/yours/source.yaml: .* one of none"):
        read("yours")
    Path("data/sources/mine/source.yaml").write_text(CARD)
    with pytest.raises(ParamsError, match="or use one of mine"):
        read("yours")


@pytest.mark.usefixtures("write")
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("revision: '1'", "revision: 1.5", "revision is 1.5: input should be a valid string"),
        ("paths: [a.jsonl]", "paths: a.jsonl", "paths is 'a.jsonl': input should be a valid"),
        ("paths: [a.jsonl]", "path: [a.jsonl]", "path"),
        ("paths: [a.jsonl]", "paths: [a.jsonl]\nsha256: {a.jsonl: 0a}", "sha256.a.jsonl is '0a': string should match"),
        ("paths: [a.jsonl]", "paths: [a.jsonl]\nweights: {a.jsonl: 0}", "weights.a.jsonl is 0: input should be greater"),
        (
            "paths: [a.jsonl]",
            "paths: [a.jsonl]\nweights: {a.jsonl: 1.5}",
            "weights.a.jsonl is 1.5: input should be a valid integer",
        ),
        ("kind: files", "kind: ftp", "kind is "),
        ("kind: files\n", "", "kind is "),
        ("licence: MIT\n", "", "licence is "),
    ],
)
def test_a_broken_card_names_the_field(old: str, new: str, said: str) -> None:
    Path("data/sources/mine/source.yaml").write_text(CARD.replace(old, new))
    with pytest.raises(ParamsError, match=said):
        read("mine")
