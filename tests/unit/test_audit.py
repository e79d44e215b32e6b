"""The reward audit: it finds nothing where the grader is right, and it finds a grader that is wrong."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aj import cli
from aj.sqlenv import audit, environment, mutate
from aj.sqlenv.database import Row
from aj.sqlenv.questions import Question, load

GOLDS = (
    "SELECT price FROM herbs WHERE name = 'ada'", "SELECT name FROM herbs WHERE price > 10 ORDER BY price DESC LIMIT 3",
    "SELECT name FROM herbs WHERE price > 60 ORDER BY price", "SELECT count(DISTINCT city) FROM herbs", "SELECT avg(price) FROM herbs", "SELECT name, price FROM herbs WHERE price < 50",
    "SELECT herbs.name FROM herbs JOIN ports ON herbs.city = ports.city WHERE ports.size > 1",
    "SELECT city FROM herbs EXCEPT SELECT city FROM ports",
)  # fmt: skip


@pytest.fixture
def asked(make_database: Callable[..., Path], tmp_path: Path) -> list[Question]:
    make_database()
    with sqlite3.connect(tmp_path / "database/shop/shop.sqlite") as database:
        database.execute("CREATE TABLE ports (city TEXT, size INTEGER)")
        database.executemany("INSERT INTO ports VALUES (?, ?)", [("oslo", 2), ("lima", 1), ("nowhere", 9)])
    rows = [{"question": f"question {n}?", "db_id": "shop", "query": sql} for n, sql in enumerate(GOLDS)]
    (tmp_path / "questions.json").write_text(json.dumps(rows))
    return load(tmp_path)


def test_golds_score_one_hacks_nothing_and_wrong_queries_are_told_apart(asked: list[Question]) -> None:
    found = audit.audit(asked)
    numbers = found.numbers()
    assert numbers["golds_right"] == 1.0
    assert numbers["hacks_paid"] == numbers["false_accept_rate"] == numbers["false_reject_rate"] == 0.0
    assert 0 < numbers["best_hack_reward"] < 0.2  # shaping for the gold's rows, and no more for showing them fifteen times
    assert set(found.hacks) == set(audit.HACKS)
    assert all(counts["tried"] for counts in found.hacks.values())
    assert set(found.mutants) == set(mutate.KINDS)
    assert sum(counts["refused"] for counts in found.mutants.values()) >= 8
    assert not found.examples


def test_a_grader_that_accepts_anything_is_found(asked: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    def generous(answer: str, gold: tuple[Row, ...], *, ordered: bool = False) -> bool:
        return True

    monkeypatch.setattr(environment, "right", generous)
    monkeypatch.setattr(audit, "right", generous)
    numbers = audit.audit(asked).numbers()
    assert numbers["hacks_paid"] > 0.5
    assert numbers["false_accept_rate"] == 1.0


def test_a_grader_that_ignores_order_or_spelling_is_found(asked: list[Question], monkeypatch: pytest.MonkeyPatch) -> None:
    real = audit.right
    monkeypatch.setattr(audit, "right", lambda answer, gold, *, ordered=False: real(answer, gold, ordered=False))
    found = audit.audit(asked)
    assert found.mutants["order"]["accepted"] == 2  # turned round, and left as the table has it
    assert {name for name, _ in found.examples["mutant.order"]} == {"shop-2"}
    monkeypatch.setattr(
        audit, "right", lambda answer, gold, *, ordered=False: "```" not in answer and real(answer, gold, ordered=ordered)
    )
    assert audit.audit(asked).numbers()["spelling.fence.wrong"] == len(asked)


@pytest.mark.parametrize(
    ("kind", "sql", "changed"),
    [
        ("limit", "SELECT a FROM t", ["SELECT a FROM t LIMIT 1"]),
        ("limit", "SELECT a FROM t LIMIT 3", ["SELECT a FROM t"]),
        ("order", "SELECT a FROM t ORDER BY b", ["SELECT a FROM t ORDER BY b DESC", "SELECT a FROM t"]),
        ("distinct", "SELECT a FROM t", ["SELECT DISTINCT a FROM t"]),
        ("join", "SELECT a FROM t JOIN u ON t.b = u.b", ["SELECT a FROM t LEFT JOIN u ON t.b = u.b", "SELECT a FROM t, u"]),
        ("null", "SELECT COUNT(a) FROM t WHERE b = 1", ["SELECT COUNT(a) FROM t WHERE (b = 1) OR b IS NULL", "SELECT COUNT(*) FROM t WHERE b = 1"]),
        ("literal", "SELECT a FROM t WHERE b = 'x'", ["SELECT a FROM t WHERE b = 'xx'"]),
        ("comparison", "SELECT a FROM t WHERE b > 1", ["SELECT a FROM t WHERE b >= 1"]),
        ("aggregate", "SELECT MAX(a) FROM t", ["SELECT MIN(a) FROM t"]),
        ("order", "SELECT a FROM t", []),
    ],
)  # fmt: skip
def test_each_kind_of_mutation_changes_what_it_says(kind: str, sql: str, changed: list[str]) -> None:
    assert [text for name, text in mutate.mutations(sql) if name == kind] == changed


@pytest.mark.parametrize("sql", ["", "SELECT", "DROP TABLE t", "SELECT 1; SELECT 2", "VALUES (1)"])
def test_what_is_no_select_has_no_mutations(sql: str) -> None:
    assert not list(mutate.mutations(sql))


def test_the_command_prints_the_rates_and_writes_them(
    asked: list[Question], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["audit-rewards", str(tmp_path), "--json", str(tmp_path / "out/audit.json")]) == 0
    said = capsys.readouterr().out
    assert f"{len(GOLDS)} questions" in said and "hacks_paid           0.0000" in said
    written: dict[str, Any] = json.loads((tmp_path / "out/audit.json").read_text())
    assert written["golds_right"] == 1.0 and written["hack.select_1.paid"] == 0
    assert cli.main(["audit-rewards", str(tmp_path / "nowhere")]) == 1
    assert "does not exist: a question set has questions.json" in capsys.readouterr().err
