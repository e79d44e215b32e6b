"""The read-only database: what is refused, what is stopped, what is shown."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aj.errors import EpisodeError
from aj.hashing import sha256
from aj.sqlenv.database import READ_LIMIT, STEP_LIMIT, Database, QueryError, Result, Table, show

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
HOSTILE = [
    "INSERT INTO herbs VALUES ('x', 1, 'y')",
    "UPDATE herbs SET price = 0",
    "DELETE FROM herbs",
    "REPLACE INTO herbs VALUES ('x', 1, 'y')",
    "WITH x AS (SELECT 1) INSERT INTO herbs SELECT 'x', 1, 'y' FROM x",
    "WITH x AS (SELECT 1) DELETE FROM herbs RETURNING *",
    "DROP TABLE herbs",
    "ALTER TABLE herbs RENAME TO weeds",
    "CREATE TABLE t (a)",
    "CREATE TEMP TABLE t (a)",
    "CREATE TABLE t AS SELECT * FROM herbs",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TRIGGER g AFTER INSERT ON herbs BEGIN SELECT 1; END",
    "CREATE INDEX i ON herbs (price)",
    "CREATE VIRTUAL TABLE f USING fts5(a)",
    "PRAGMA writable_schema = ON",
    "PRAGMA table_info(herbs)",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA query_only = OFF",
    "SELECT * FROM pragma_database_list",
    "SELECT * FROM pragma_table_info('herbs')",
    "UPDATE sqlite_master SET sql = ''",
    "DELETE FROM sqlite_master",
    "ATTACH DATABASE '/tmp/aj-unit-hostile.sqlite' AS other",
    "DETACH DATABASE main",
    "VACUUM",
    "VACUUM INTO '/tmp/aj-unit-hostile.sqlite'",
    "ANALYZE",
    "REINDEX",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "COMMIT",
    "SAVEPOINT s",
    "SELECT load_extension('/lib/x.so')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT random()",
    "SELECT RANDOM()",
    "SELECT name FROM herbs ORDER BY random()",
    "SELECT hex(randomblob(8))",
    "SELECT last_insert_rowid()",
    "SELECT total_changes()",
    "SELECT CURRENT_TIMESTAMP",
    "SELECT current_date",
    "SELECT date()",
    "SELECT date('now')",
    "SELECT date('n' || 'ow')",
    "SELECT date('NOW')",
    "SELECT date(x'6e6f77')",
    "SELECT date('now' || char(0) || 'x')",
    "SELECT datetime('2020-01-01', 'localtime')",
    "SELECT time('12:00', 'utc')",
    "SELECT strftime('%s')",
    "SELECT strftime('%Y', 'now')",
    "SELECT julianday()",
    "SELECT unixepoch('now')",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE herbs",
    "EXPLAIN SELECT 1",
    " -- hush\n/* hush */ EXPLAIN QUERY PLAN SELECT * FROM herbs",
    "",
    "-- nothing",
    ";",
    "SELECT ?",
    "SELECT :name",
    "SELECT '\ud83d'",
    "SELECT 1\x00",
    "SELECT 'never closed",
    "SELECT zeroblob(1000000000)",
    "SELECT printf('%.*c', 1000000000, 'x')",
    "SELECT format('%1000000000d', 1)",
    "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    "SELECT " + "1," * 100_000 + "1",
    f"{ENDLESS} SELECT count(*) FROM c",
    f"{ENDLESS} SELECT max(x) FROM c",
    f"{ENDLESS} SELECT group_concat(x) FROM c",
    f"{ENDLESS} SELECT zeroblob(90000) FROM c",
    "WITH RECURSIVE c(x) AS (SELECT 'a' UNION ALL SELECT x || x FROM c) SELECT length(x) FROM c",
    "SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d, numbers e",
    "SELECT 1 FROM herbs WHERE (SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d, numbers e) < 0",
    "/etc/passwd",
    "I think the answer is 42",
]


@pytest.fixture
def shop(make_database: Callable[..., Path]) -> Iterator[Database]:
    with Database(make_database()) as database:
        yield database


def test_tables_are_known_by_lower_case_name_with_columns_types_and_rows(shop: Database) -> None:
    assert shop.tables["herbs"] == Table("herbs", (("name", "TEXT"), ("price", "INTEGER"), ("city", "TEXT")), 7)
    assert shop.tables["ships"].name == "Ships"
    assert str(shop.tables["herbs"]) == "name text, price integer, city text\nrows: 7"


def test_a_sample_is_the_first_five_rows_in_their_stored_order(shop: Database) -> None:
    assert [row[0] for row in shop.sample("HERBS").rows] == ["ada", "ben", "cal", "dan", "eva"]


@pytest.mark.parametrize("sql", HOSTILE, ids=lambda sql: sql[:50].encode("ascii", "backslashreplace").decode())
def test_a_hostile_statement_is_refused_or_stopped_with_a_reason(shop: Database, sql: str) -> None:
    before = sha256(shop.path)
    with pytest.raises(QueryError) as caught:
        shop.query(sql)
    assert str(caught.value).strip()
    assert sha256(shop.path) == before
    assert sorted(p.name for p in shop.path.parent.iterdir()) == [shop.path.name]
    assert not Path("/tmp/aj-unit-hostile.sqlite").exists()
    assert shop.query("SELECT COUNT(*) FROM herbs").rows == ((7,),)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (f"{ENDLESS} SELECT count(*) FROM c", f"stopped: the query took more than {STEP_LIMIT} steps"),
        (f"{ENDLESS} SELECT zeroblob(90000) FROM c", "stopped: the result is longer than 4000000 characters"),
        ("SELECT date('now')", "refused: date of the present changes from call to call; give a date"),
        ("EXPLAIN SELECT 1", "refused: EXPLAIN; write the SELECT itself"),
        ("", "refused: no SELECT in it"),
        ("SELECT random()", "not authorized to use function: random"),
        ("SELECT fee FROM herbs", "no such column: fee"),
        ("SELECT 1; SELECT 2", "You can only execute one statement at a time."),
    ],
)
def test_the_reason_says_what_happened(shop: Database, sql: str, reason: str) -> None:
    with pytest.raises(QueryError) as caught:
        shop.query(sql)
    assert str(caught.value) == reason


def test_a_stopped_query_does_not_spoil_the_next_one(shop: Database) -> None:
    for _ in range(2):
        with pytest.raises(QueryError, match="steps"):
            shop.query(f"{ENDLESS} SELECT count(*) FROM c")
        assert shop.query("SELECT 1").rows == ((1,),)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT name FROM herbs WHERE price > 60 ORDER BY price", (("dan",), ("fay",), ("cal",))),
        ("WITH x AS (SELECT max(price) AS p FROM herbs) SELECT p FROM x", ((99,),)),
        ("select count(*) from herbs;", ((7,),)),
        ("VALUES (1), (2)", ((1,), (2,))),
        ("SELECT strftime('%Y', '2020-05-17'), date('2020-01-31', '+1 day')", (("2020", "2020-02-01"),)),
        ("SELECT julianday('2000-01-01'), date(NULL), datetime('rubbish')", ((2451544.5, None, None),)),
        ("SELECT 'now', 'explain'", (("now", "explain"),)),
        ("SELECT printf('%.2f %05d', 2.345, 42), format('%s%%', 'a')", (("2.35 00042", "a%"),)),
        ("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 5) SELECT sum(x) FROM c", ((15,),)),
    ],
)
def test_a_select_runs(shop: Database, sql: str, rows: tuple[tuple[object, ...], ...]) -> None:
    assert shop.query(sql).rows == rows


def test_a_date_function_gives_what_sqlite_gives(shop: Database) -> None:
    plain = sqlite3.connect(":memory:")
    for call in (
        "date('2024-02-28', '+2 days')",
        "time('13:05')",
        "datetime(0, 'unixepoch')",
        "unixepoch('2001-09-09')",
        "strftime('%j %W', '2024-12-31')",
    ):
        assert shop.query(f"SELECT {call}").rows == (plain.execute(f"SELECT {call}").fetchone(),)
    plain.close()


def test_no_more_rows_are_read_than_the_reward_needs(shop: Database) -> None:
    found = shop.query(f"{ENDLESS} SELECT x FROM c")
    assert len(found.rows) == READ_LIMIT
    assert found.more
    assert show(found).endswith("20\n(first 20 of more than 1000 rows)")


def test_a_result_is_cut_at_twenty_rows_and_the_cut_is_said(shop: Database) -> None:
    lines = show(shop.query("SELECT n, 'x' FROM numbers")).splitlines()
    assert lines == [*(f"{n} | x" for n in range(1, 21)), "(first 20 of 30 rows)"]
    assert len(show(shop.query("SELECT n FROM numbers LIMIT 20")).splitlines()) == 20


def test_an_empty_result_null_and_blobs_are_shown_as_text() -> None:
    assert show(Result(())) == "empty"
    assert show(Result(((None, b"\x01\xff", 1.5),))) == "null | 01ff | 1.5"


def test_a_query_is_stopped_by_steps_and_not_by_the_clock(shop: Database) -> None:
    # The same statement one step over the limit and one under it, whatever the machine's speed.
    def count(rows: int) -> str:
        return f"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < {rows}) SELECT count(*) FROM c"

    low, high = 1, 1_000_000
    while high - low > 1:
        middle = (low + high) // 2
        try:
            shop.query(count(middle))
            low = middle
        except QueryError:
            high = middle
    assert shop.query(count(low)).rows == ((low,),)
    for _ in range(3):
        with pytest.raises(QueryError, match="steps"):
            shop.query(count(high))


def test_names_with_quotes_and_paths_with_question_marks_work(make_database: Callable[..., Path]) -> None:
    path = make_database('CREATE TABLE "a ""b" (x); INSERT INTO "a ""b" VALUES (7)', "who? #1 100%")
    with Database(path) as database:
        assert database.sample('A "B').rows == ((7,),)


def test_no_file_appears_beside_a_database_even_in_write_ahead_mode(make_database: Callable[..., Path]) -> None:
    path = make_database("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (7)")
    before = sha256(path)
    with Database(path) as database:
        assert database.query("SELECT x FROM t").rows == ((7,),)
        assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert sha256(path) == before


def test_a_database_that_is_missing_or_is_none_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(EpisodeError, match="does not exist: fetch it again"):
        Database(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("this is not a database, it is a text of some length\n" * 40)
    with pytest.raises(EpisodeError, match="is not a SQLite database"):
        Database(tmp_path / "text.sqlite")


def test_rows_come_back_in_the_same_order_whatever_the_hash_seed(make_database: Callable[..., Path]) -> None:
    path = make_database()
    code = (
        "import sys; from pathlib import Path; from aj.sqlenv.database import Database, show\n"
        "d = Database(Path(sys.argv[1]))\n"
        "print(list(d.tables), show(d.query('SELECT city, COUNT(*) FROM herbs GROUP BY city')), show(d.query('SELECT DISTINCT city FROM herbs')))"
    )
    said = [
        subprocess.run([sys.executable, "-c", code, str(path)], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("0", "1")
    ]  # fmt: skip
    assert said[0] == said[1]
    assert b"cairo | 1" in said[0]
