"""Question sets in Spider's layout: read, and refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aj.errors import EpisodeError
from aj.sqlenv.questions import Question, load


@pytest.fixture
def make_set(make_database: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    """A question set over the shop's database."""

    def make(*rows: dict[str, Any]) -> Path:
        make_database()
        whole = [{"question": "how many herbs?", "db_id": "shop", **row} for row in rows]
        (tmp_path / "questions.json").write_text(json.dumps(whole), encoding="utf-8")
        return tmp_path

    return make


def test_the_layout_of_spider_and_of_bird_is_read(make_set: Callable[..., Path]) -> None:
    spider, bird = load(
        make_set({"query": "SELECT count(*) FROM herbs"}, {"SQL": "SELECT name FROM herbs ORDER BY price", "evidence": "x"})
    )
    assert spider.gold == ((7,),)
    assert (spider.id, bird.id) == ("shop-0", "shop-1")
    assert not spider.ordered
    assert bird.ordered
    assert len(bird.gold) == 7
    assert spider.tables == ("herbs", "Ships", "numbers")


def test_a_question_opens_with_table_names_and_its_text_alone(make_set: Callable[..., Path]) -> None:
    [plain] = load(make_set({"query": "SELECT count(*) FROM herbs"}))
    assert plain.messages == [{"role": "user", "content": "tables: herbs, Ships, numbers\nquestion: how many herbs?"}]
    [told] = load(make_set({"query": "SELECT count(*) FROM herbs", "system": "You explore."}))
    assert told.messages == [{"role": "system", "content": "You explore."}, *plain.messages]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "q7"}, "question 'q7' has no gold SQL: give it under 'query' or 'SQL'"),
        ({"query": ""}, "question 'shop-0' has no gold SQL"),
        ({"query": "SELECT fee FROM herbs"}, "the gold SQL of question 'shop-0' fails .no such column: fee.*; mend or remove it"),
        ({"query": "DROP TABLE herbs"}, "the gold SQL of question 'shop-0' fails .not authorized"),
        ({"query": "SELECT name FROM herbs WHERE 0"}, "the gold answer of question 'shop-0' is empty or NULL"),
        ({"query": "SELECT NULL"}, "is empty or NULL"),
        ({"query": "SELECT weight FROM Ships"}, "is empty or NULL"),
        ({"query": "SELECT ''"}, "is not graded right: ''"),
        ({"query": "SELECT ' '"}, "is not graded right"),
        ({"query": "SELECT n FROM numbers"}, "is not graded right"),
        ({"query": "SELECT 1e999"}, "is not graded right"),
        ({"query": "SELECT 1", "db_id": "nowhere"}, "nowhere.sqlite' does not exist"),
    ],
)  # fmt: skip
def test_a_bad_gold_is_refused_and_named(make_set: Callable[..., Path], row: dict[str, Any], said: str) -> None:
    with pytest.raises(EpisodeError, match=said):
        load(make_set(row))


def test_a_folder_without_questions_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match=r"questions\.json' does not exist: a question set has"):
        load(tmp_path)


def test_hidden_fields_are_not_in_the_opening(make_question: Callable[..., Question]) -> None:
    question = make_question("SELECT price + 1000000 FROM herbs WHERE name = 'ada'")
    assert question.gold == ((1000042,),)
    assert "1000042" not in str(question.messages)
    assert "1000000" not in str(question.messages)
