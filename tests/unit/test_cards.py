"""Source cards."""

from pathlib import Path

import pytest

from aj.errors import ParamsError
from aj.sources.card import Files, Hub, SqlEnv, read

ROOT = Path(__file__).parents[2]
CARD = "kind: files\nid: x\nrevision: '1'\nlicence: MIT\ndescription: d\npaths: [a.jsonl]\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data/sources/mine").mkdir(parents=True)


def test_the_cards_of_the_repository_are_read() -> None:
    kinds = {p.parent.name: type(read(p.parent.name)) for p in (ROOT / "data" / "sources").glob("*/source.yaml")}
    assert kinds.items() >= {"agent": Files, "sqlenv": SqlEnv}.items()


@pytest.mark.usefixtures("write")
def test_a_hub_card_is_read_with_what_it_leaves_out() -> None:
    text = CARD.replace("kind: files", "kind: hub").replace("paths: [a.jsonl]", "split: train_sft\ncolumns: {messages: messages}")
    Path("data/sources/mine/source.yaml").write_text(text)
    card = read("mine")
    assert isinstance(card, Hub)
    assert (card.split, card.name, card.limit) == ("train_sft", None, None)


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
        ("kind: files", "kind: ftp", "kind is "),
        ("kind: files\n", "", "kind is "),
        ("licence: MIT\n", "", "licence is "),
    ],
)
def test_a_broken_card_names_the_field(old: str, new: str, said: str) -> None:
    Path("data/sources/mine/source.yaml").write_text(CARD.replace(old, new))
    with pytest.raises(ParamsError, match=said):
        read("mine")
