"""Question sets in Spider's layout: read, and refused."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aj.errors import EpisodeError
from aj.sqlenv.grading import right
from aj.sqlenv.order import is_ordered
from aj.sqlenv.questions import Question, gold_text, load, sift

FOREVER = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c"


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
        ({"query": "DROP TABLE herbs"}, "the gold SQL of question 'shop-0' is not allowed .not authorized.*; write it as a plain SELECT"),
        ({"query": "SELECT random()"}, "is not allowed .not authorized to use function: random"),
        ({"query": FOREVER}, "the gold SQL of question 'shop-0' is too much work .stopped: .*; make it cheaper or remove it"),
        ({"query": "SELECT name FROM herbs UNION SELECT city FROM herbs ORDER BY herbs.name || 'x'"}, "fails"),
        ({"query": "SELECT name FROM herbs WHERE 0"}, "the gold answer of question 'shop-0' is empty: "),
        ({"query": "SELECT NULL"}, "has a NULL"),
        ({"query": "SELECT weight FROM Ships"}, "has a NULL"),
        ({"query": "SELECT ''"}, "is not graded right: ''"),
        ({"query": "SELECT ' '"}, "is not graded right"),
        ({"query": "SELECT n FROM numbers"}, "rows, 20 are shown"),
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


def test_a_set_that_others_made_is_sifted_and_every_refusal_has_its_bucket(make_set: Callable[..., Path]) -> None:
    good = {"query": "SELECT count(*) FROM herbs"}
    folder = make_set(
        good, {"SQL": "SELECT name FROM herbs", "question_id": 7, "difficulty": "simple", "evidence": "x"}, {**good, "question_id": 7},
        {"query": "SELECT fee FROM herbs"}, {"query": "SELECT name FROM herbs WHERE 0"}, {"query": "SELECT NULL"},
        {"query": "SELECT n FROM numbers"}, {"query": "SELECT ''"}, {"question": " ", **good}, {"query": None},
        {**good, "db_id": "nowhere"}, {**good, "db_id": None}, {"query": "DROP TABLE herbs"},
    )  # fmt: skip
    file = folder / "questions.json"
    file.write_text(json.dumps([*json.loads(file.read_text()), "text"]))
    (folder / "database").rename(folder / "dev_databases")
    other = file.rename(folder / "dev.json")
    usable, refused = sift(other)
    assert [q.id for q in usable] == ["shop-0", "7"]
    assert [(r.id, r.bucket) for r in refused] == [
        ("7", "same_id"), ("shop-3", "gold_fails"), ("shop-4", "gold_empty"), ("shop-5", "gold_null"), ("shop-6", "gold_too_long"),
        ("shop-7", "not_gradable"), ("shop-8", "no_question"), ("shop-9", "no_gold"), ("nowhere-10", "no_database"),
        ("None-11", "no_database"), ("shop-12", "gold_forbidden"), ("question-13", "bad_row"),
    ]  # fmt: skip
    for question in usable:
        assert right(gold_text(question.gold), question.gold, ordered=question.ordered)


def test_a_set_without_a_usable_question_is_an_error(make_set: Callable[..., Path]) -> None:
    with pytest.raises(EpisodeError, match=r"has no question that can be asked \(gold_null 2\)"):
        sift(make_set({"query": "SELECT NULL"}, {"query": "SELECT NULL"}))
    with pytest.raises(EpisodeError, match=r"has no question that can be asked \(it is empty\)"):
        sift(make_set())


@pytest.mark.parametrize(
    ("sql", "bucket"),
    [
        (FOREVER, "gold_stopped"), ("SELECT zeroblob(1000000)", "gold_stopped"),
        ("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 900) SELECT printf('%9000s', '') || n FROM c", "gold_forbidden"),
        ("SELECT replace(printf('%900s', ''), ' ', printf('%90s', '')) FROM numbers AS a, numbers AS b", "gold_stopped"),
        ("SELECT random()", "gold_forbidden"), ("SELECT date('now')", "gold_forbidden"), ("SELECT current_timestamp", "gold_forbidden"),
        ("SELECT load_extension('x')", "gold_forbidden"), ("PRAGMA table_info(herbs)", "gold_forbidden"), ("EXPLAIN SELECT 1", "gold_forbidden"),
        ("DELETE FROM herbs", "gold_forbidden"), ("SELECT fee FROM herbs", "gold_fails"), ("SELECT", "gold_fails"),
        ("SELECT 'stopped: ' || fee FROM herbs", "gold_fails"),
    ],
)  # fmt: skip
def test_a_gold_that_was_stopped_or_is_forbidden_has_a_bucket_of_its_own(
    make_set: Callable[..., Path], sql: str, bucket: str
) -> None:
    _, [refused] = sift(make_set({"query": "SELECT 1"}, {"query": sql}))
    assert refused.bucket == bucket


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dev.jsonl", '{"question": "?"}'), ("dev.jsonl", '{"question": "?"}\n{"question": "?"}\n'), ("dev.json", '\n{"a": 1}\n{"a": 1}'),
        ("questions.json", '{"a": "\u2028"}\n{'),
    ],
)  # fmt: skip
def test_json_lines_are_named_with_the_mend(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    said = rf"{name}' holds JSON lines: a question set is one JSON list, which `jq -s \. {name} > questions\.json` makes\.$"
    with pytest.raises(EpisodeError, match=said):
        sift(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON"),
        ("{}", "is a dict: a question set is a list of objects"),
        ('{\n"a": 1}', "is a dict"),
        ("", "is not JSON"),
    ],
)
def test_a_file_that_is_no_set_gives_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "questions.json").write_text(content)
    with pytest.raises(EpisodeError, match=said):
        sift(tmp_path)


def test_text_that_is_not_utf8_is_read_all_the_same(make_set: Callable[..., Path]) -> None:
    folder = make_set({"query": "SELECT name FROM odd"})
    with sqlite3.connect(folder / "database/shop/shop.sqlite") as database:
        database.execute("CREATE TABLE odd (name TEXT)")
        database.execute("INSERT INTO odd VALUES (CAST(x'4dfcfc' AS TEXT))")
    [question] = load(folder)
    assert question.gold == (("M\ufffd\ufffd",),)


@pytest.mark.parametrize(
    ("sql", "ordered"),
    [
        ("SELECT name FROM herbs ORDER BY price", True),
        ("SELECT name FROM herbs WHERE price IN (SELECT price FROM herbs ORDER BY price DESC LIMIT 2)", False),
        ("SELECT name FROM herbs WHERE name != 'order by'", False),
        ("SELECT name FROM herbs UNION SELECT name FROM ships ORDER BY name", True),
        ("WITH x AS (SELECT name FROM herbs ORDER BY name) SELECT name FROM x", False),
        ('SELECT name FROM herbs WHERE city = "oslo" order  by price desc ;', True),
    ],
)
def test_a_gold_is_ordered_by_its_own_order_alone(sql: str, ordered: bool) -> None:
    assert is_ordered(sql) is ordered
