"""sql_compiles: the spec's traps, 370 labelled cases, hostile texts, and what is never a crash."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from aj.validators.registry import validate
from aj.validators.sql.nonsense import near
from aj.validators.sql.notation import rules
from aj.validators.sql.statement import sql_compiles
from tests.validators.labelled import in_time

CASES: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(
    Path(__file__).with_name("cases").joinpath("sql.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_labelled_case_is_judged_as_labelled(case: dict[str, Any]) -> None:
    score = validate("sql_compiles", case["text"], case.get("context"))
    assert score.passed == case["passes"], score.reasons
    assert case["passes"] or score.codes[0] == case["code"], score.reasons


def test_no_case_is_falsely_accepted_or_falsely_rejected() -> None:
    passed = {case["id"]: validate("sql_compiles", case["text"], case.get("context")).passed for case in CASES}
    assert [case["id"] for case in CASES if passed[case["id"]] and not case["passes"]] == []
    assert [case["id"] for case in CASES if not passed[case["id"]] and case["passes"]] == []


def test_the_cases_are_about_half_good_and_mostly_near_misses() -> None:
    assert len(CASES) >= 100
    assert 0.4 < sum(case["passes"] for case in CASES) / len(CASES) < 0.6
    assert sum(case["near_miss"] for case in CASES) / len(CASES) >= 0.5


def test_every_shape_names_only_shapes_that_exist() -> None:
    assert "statement" in rules()


def test_a_near_word_is_one_letter_away() -> None:
    assert near("FORM", "FROM") and near("FRM", "FROM") and near("FROMM", "FROM") and near("FRAM", "FROM")
    assert not near("FROM", "FROM") and not near("FOO", "FROM") and not near("DATE", "FROM")


HOSTILE = {
    "joins without ON": "SELECT * FROM a " + "JOIN b " * 200,
    "joins of queries": "SELECT * FROM a " + "JOIN LATERAL (SELECT a + 1 FROM c) " * 90,
    "brackets": "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    "deepest_allowed": "SELECT " + "(" * 39 + "1" + ")" * 39,
    "deepest_calls": "SELECT " + "f(" * 39 + "1" + ")" * 39 + " FROM t",
    "deepest_selects": "SELECT * FROM (" * 39 + "SELECT 1" + ")" * 39,
    "cases": "SELECT " + "CASE WHEN a THEN " * 800 + "1" + " END" * 800,
    "nots": "SELECT " + "NOT " * 3000 + "a",
    "minuses": "SELECT " + "- " * 3000 + "a",
    "sums": "SELECT " + "1 + " * 1900 + "1",
    "ands": "SELECT 1 FROM t WHERE " + "a = 1 AND " * 900 + "b = 2",
    "selects": "DESCRIBE QUERY " + "SELECT " * 2_300 + "1 AS a",
    "dollar_tags": "SELECT " + "".join(f"$a{i}$ " for i in range(2_400)),
    "lateral_views": "SELECT * FROM t " + "LATERAL VIEW " * 1_400,
    "shifts": "SELECT a" + " >>> 1" * 740,
    "pipes": "FROM t" + " |> WHERE a > 1" * 590,
    "pipe_tables": "TABLE t" + " |> UNION TABLE t" * 740,
    "pipe_brackets": "FROM t |> SELECT " + "(" * 39 + "1" + ")" * 39 + " |> SELECT a" * 900,
    "interval_units": "SELECT INTERVAL " + "1 DAY " * 1_490,
    "interval_list": "SELECT " + ", ".join(["INTERVAL '1 day 2 hours'"] * 900),
    "interval_blanks": "SELECT INTERVAL '" + " " * 19_000 + "x' DAY, INTERVAL '" + " " * 900 + "'",
    "interval_parts": "SELECT INTERVAL '" + "1 day " * 3_300 + "'",
    "hints": "SELECT /*+ " + "A(b), " * 3_300,
    "hint_calls": "SELECT /*+ " + "A(" * 30 + "b" + ")" * 30 + ", A(b)" * 900 + " */ 1",
    "hint_openers": "SELECT " + "/*+ " * 4_000 + "*/" * 1_900,
    "frames": "SELECT a" + " ROWS BETWEEN a" * 990 + " AND b",
    "units": "SELECT " + "dateadd('a', " * 38 + "1" + ", 2)" * 38,
    "samples": "SELECT * FROM t" + " TABLESAMPLE (1 ROWS) t" * 420,
    "identifiers": "SELECT " + "IDENTIFIER(" * 38 + "a" + ")(1)" * 38,
    "collations": "SELECT a" + " COLLATE a.b" * 740,
    "identities": "CREATE TABLE t (" + ", ".join(f"c{i} BIGINT GENERATED ALWAYS AS IDENTITY" for i in range(300)) + ")",
    "column_options": "CREATE TABLE t (" + ", ".join(f"c{i} INT NOT NULL" for i in range(550)) + ")",
    "merge_whens": "MERGE INTO t USING s ON a = b " + "WHEN MATCHED AND a = 1 THEN DELETE " * 300,
    "pivots": "SELECT * FROM t " + "PIVOT (sum(a) + 1 FOR b IN (1)) " * 180,
    "table_arguments": "SELECT * FROM " + "f(TABLE(" * 19 + "t" + "))" * 19,
    "long_number": "SELECT " + "9" * 15_000 + "L",
    "far_exponent": "SELECT 1E" + "9" * 5_000 + "BD",
    "aggregates": "SELECT " + "sum(" * 38 + "a" + ")" * 38,
    "dots": "SELECT " + "a." * 1900 + "b",
    "casts": "SELECT a" + "::int" * 1900,
    "unions": " UNION ALL ".join(["SELECT 1"] * 900),
    "commas": "SELECT " + "," * 9000,
    "columns": "SELECT " + ", ".join(f"c{i}" for i in range(1900)) + " FROM t",
    "types": "CREATE TABLE t (a " + "ARRAY<" * 1500 + "INT" + ">" * 1500 + ")",
    "whens": "MERGE INTO t USING s ON " + "WHEN " * 3000,
    "assignments": "UPDATE t SET " + ", ".join(f"c{i} = {i}" for i in range(900)),
    "wide_table": "CREATE TABLE t (" + ", ".join(f"c{i} INT DEFAULT {i}" for i in range(700)) + ")",
    "begins": "BEGIN " * 1500 + "SELECT 1; " + "END; " * 500,
    "begins_closed": "BEGIN " * 300 + "SELECT 1; " + "END; " * 300,
    "explains": "EXPLAIN " * 3000 + "SELECT 1",
    "sets": "SET a = " + "(" * 30 + "x " * 2000 + ")" * 30,
    "quotes": "SELECT " + "'" * 19_001,
    "backslashes": "SELECT '" + "\\" * 19_000,
    "backticks": "SELECT " + "`" * 19_001,
    "comments": "/*" * 9_000,
    "closed_comments": "SELECT 1 " + "/*" * 4000 + "*/" * 4000,
    "dollars": "SELECT " + "$" * 19_001,
    "braces": "SELECT ${" + "a" * 19_000,
    "digits": "SELECT " + "9" * 19_000,
    "words": "CREATE " * 2800,
    "joins": "SELECT * FROM t " + "JOIN t ON a = b " * 600,
    "lambdas": "SELECT " + "f(x -> " * 39 + "x" + ")" * 39,
    "lists": "SELECT * FROM t WHERE a IN (" + ", ".join(["1"] * 1900) + ")",
    "ctes": "WITH " + ", ".join(f"c{i} AS (SELECT 1)" for i in range(500)) + " SELECT 1",
    "nul": "SELECT \x00 FROM t",
    "surrogate": "SELECT '\ud800' FROM t",
    "brackets_json": "SELECT a" + "[0]" * 1200,
    "intervals": "SELECT " + "INTERVAL " * 2000 + "1 DAY",
    "structs": "SELECT CAST(a AS " + "STRUCT<a: " * 900 + "INT" + ">" * 900 + ")",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_judged_in_time_and_without_a_crash(name: str) -> None:
    validate("sql_compiles", "SELECT 1")
    text = HOSTILE[name][:20_000]
    score = in_time(lambda: validate("sql_compiles", text, {"schema": {"t": {"a": "INT", "b": "INT"}}}))
    assert not score.crashed, score.reasons


PIECES = [
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP",
    "BY",
    "ORDER",
    "(",
    ")",
    ",",
    ";",
    "*",
    "a",
    "b",
    "t",
    "1",
    "'x'",
    "`q`",
    "=",
    "AND",
    "OR",
    "NOT",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    "AS",
    "INSERT",
    "INTO",
    "VALUES",
    "UPDATE",
    "SET",
    "DELETE",
    "MERGE",
    "USING",
    "ON",
    "CREATE",
    "TABLE",
    "INT",
    "ALTER",
    "[",
    "]",
    ".",
    ":",
    "->",
    "BEGIN",
    "WITH",
    "JOIN",
    "IN",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join) | st.text(max_size=60))
def test_no_text_crashes_it(text: str) -> None:
    assert not validate("sql_compiles", text, {"schema": {"t": {"a": "INT"}}}).crashed


def test_it_can_be_called_without_the_registry() -> None:
    assert sql_compiles("SELECT 1", {}).value == 1.0
    assert sql_compiles("SELECT , 1", {}).value == 0.0
