"""Rows that tie in the gold's ORDER BY may be answered in any order; rows that it sets apart may not."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aj.sqlenv import audit
from aj.sqlenv.database import Database, Result, show
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.grading import right, runs
from aj.sqlenv.order import places
from aj.sqlenv.questions import Question, sift

SCRIPT = """
CREATE TABLE t (name TEXT, n INTEGER, size TEXT);
INSERT INTO t VALUES ('a', 1, 'x'), ('b', 2, 'X'), ('c', 1, 'y'), ('d', 3, 'y'), ('e', 2, 'x');
"""


@pytest.fixture
def database(make_database: Callable[..., Path]) -> Database:
    return Database(make_database(SCRIPT, "ties"))


@pytest.mark.parametrize(
    ("sql", "tied"),
    [
        ("SELECT name FROM t ORDER BY n", ["ac", "be", "d"]), ("SELECT name FROM t ORDER BY n DESC, name", ["d", "b", "e", "a", "c"]),
        ("SELECT name FROM t ORDER BY n LIMIT 4", ["ac", "be"]), ("SELECT name, n FROM t ORDER BY 2 DESC", ["d", "be", "ac"]),
        ("SELECT name, n AS m FROM t ORDER BY m", ["ac", "be", "d"]), ("SELECT name, -n AS n FROM t ORDER BY n", ["d", "be", "ac"]),
        ("SELECT name, n * 2 AS m FROM t ORDER BY m % 4, m", ["be", "ac", "d"]), ("SELECT * FROM t ORDER BY n", ["ac", "be", "d"]),
        ("SELECT name FROM t ORDER BY size COLLATE NOCASE", ["abe", "cd"]), ("SELECT name FROM t ORDER BY size, n DESC", ["b", "e", "a", "d", "c"]),
        ("SELECT min(name), count(*) FROM t GROUP BY n ORDER BY count(*) DESC", ["ab", "d"]),
        ("SELECT min(name), count(*) AS k FROM t GROUP BY n ORDER BY k DESC;", ["ab", "d"]),
        ("SELECT min(name) FROM t GROUP BY n HAVING count(*) > 1 ORDER BY sum(n) DESC LIMIT 2", ["b", "a"]),
        ("SELECT DISTINCT name FROM t ORDER BY n", ["ac", "be", "d"]),
        ("SELECT name, n FROM t WHERE n < 3 UNION SELECT 'z', 9 ORDER BY n", ["ac", "be", "z"]),
        ("SELECT name, n FROM t UNION ALL SELECT name, n FROM t WHERE n = 3 ORDER BY 2 DESC LIMIT 3", ["dd", "b"]),
        ("WITH s AS (SELECT name, n FROM t) SELECT s.name FROM s ORDER BY s.n", ["ac", "be", "d"]),
        ("SELECT a.name FROM t AS a JOIN t AS b ON a.name = b.name ORDER BY b.n", ["ac", "be", "d"]),
        ('SELECT name FROM t ORDER BY CASE WHEN n = 1 THEN "n" ELSE 0 END', ["bde", "ac"]),
        ("SELECT name FROM (SELECT name, n FROM t ORDER BY name LIMIT 4) ORDER BY n", ["ac", "b", "d"]),
        ("SELECT name FROM t ORDER BY n LIMIT 2 OFFSET 2", ["be"]),
        ("SELECT name, n FROM t UNION SELECT 'z', 9 ORDER BY t.n", ["ac", "be", "d", "z"]),
        ("SELECT name, rank() OVER (ORDER BY n) AS r FROM t ORDER BY r", ["ac", "be", "d"]),
    ],
)  # fmt: skip
def test_tied_rows_share_a_place(database: Database, sql: str, tied: list[str]) -> None:
    rows = database.query(sql).rows
    found = places(sql, rows, database)
    assert found is not None
    assert ["".join(sorted(str(row[0]) for row in rows[run])) for run in runs(found, len(rows))] == tied
    for order in itertools.permutations(range(len(rows))):
        kept = all({*order[run]} == {*range(len(rows))[run]} for run in runs(found, len(rows)))
        turned = tuple(rows[i] for i in order)
        same = [row == other for row, other in zip(rows, turned, strict=True)]
        assert right(show(Result(turned)), rows, ordered=found) is (kept or all(same))


def test_a_whole_episode_may_answer_ties_in_either_order(make_question: Callable[..., Question]) -> None:
    question = make_question("SELECT name, n FROM t ORDER BY n LIMIT 4", script=SCRIPT)
    verdicts = {}
    for answer in (
        "a | 1\nc | 1\nb | 2\ne | 2",
        "c | 1\na | 1\ne | 2\nb | 2",
        "b | 2\na | 1\nc | 1\ne | 2",
        "a | 1\nc | 1\nb | 2",
    ):
        env = SQLEnv(2)
        env.reset(question)
        env.step(f"ANSWER: {answer}")
        env.close()
        verdicts[answer] = env.correct
    assert list(verdicts.values()) == [True, True, False, False]


def test_the_audit_turns_ties_round_and_counts_no_mutant_that_only_does_that(make_question: Callable[..., Question]) -> None:
    question = make_question("SELECT name, n FROM t ORDER BY n", script=SCRIPT)
    assert ("order", "c | 1\na | 1\ne | 2\nb | 2\nd | 3") in list(audit.spellings(question))
    numbers = audit.audit([question]).numbers()
    assert numbers["golds_right"] == 1.0 and numbers["false_accept_rate"] == numbers["false_reject_rate"] == 0.0
    assert not any(
        kind == "order" for kind, _ in audit.spellings(make_question("SELECT name FROM t ORDER BY name", script=SCRIPT))
    )


def test_an_order_that_cannot_be_told_is_refused_by_name(make_database: Callable[..., Path], tmp_path: Path) -> None:
    make_database(SCRIPT, "ties")
    file = tmp_path / "questions.json"
    rows = [
        {"question": "?", "db_id": "ties", "query": query}
        for query in ("SELECT 1", "SELECT name FROM t ORDER BY rank() OVER (ORDER BY n)")
    ]
    file.write_text(json.dumps(rows))
    usable, refused = sift(file)
    assert len(usable) == 1
    assert [r.bucket for r in refused] == ["gold_order_unclear"]
    assert "tie cannot be told" in refused[0].reason and "order it by columns of its result, or remove" in refused[0].reason
