"""Questions over linked tables: every gold needs its join, has one answer, and nothing held out is drawn unasked."""

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
from sqlglot import exp, parse_one

from aj.errors import ParamsError
from aj.sqlenv.database import Database, Result, Row, show
from aj.sqlenv.family import Lexicon, TableData, draw_tables, fill, is_held_out, write_database
from aj.sqlenv.grading import right
from aj.sqlenv.join_templates import LEVELS, Joins, JoinTemplate
from aj.sqlenv.joins import JoinDraft, LinkedTable, draw_join_questions, is_sound
from aj.sqlenv.questions import Question, gold_text, load

ROOT = Path(__file__).parents[2]
JOINS = ROOT / "data" / "sources" / "sqlenv" / "joins.yaml"
KINDS = {"usual": (140, {}), "templates": (60, {"held_out_templates": True}), "phrasing": (100, {"held_out_phrasing": True})}


@dataclass(frozen=True)
class Asked:
    """A question as it was drawn."""

    level: str
    kind: str
    database: str
    tables: list[LinkedTable]
    draft: JoinDraft


@pytest.fixture(scope="session")
def joins() -> Joins:
    return Joins.read(JOINS)


@pytest.fixture(scope="session")
def asked(lexicon: Lexicon, joins: Joins) -> list[Asked]:
    """300 questions a level, on unseen schemas, two a database."""
    found = []
    for level in LEVELS:
        rng, told = random.Random(f"questions {level}"), set[str]()
        for kind, (wanted, how) in KINDS.items():
            for number in range(wanted // 2):
                tables, drafts = draw_join_questions(rng, lexicon, joins, level, count=2, held_out=True, told=told, **how)
                told |= {draft.text for draft in drafts}
                found += [Asked(level, kind, f"{level}-{kind}-{number}", tables, draft) for draft in drafts]
    return found


@pytest.fixture(scope="session")
def loaded(asked: list[Asked], tmp_path_factory: pytest.TempPathFactory) -> list[Question]:
    """The same, written in Spider's layout and read back."""
    folder = tmp_path_factory.mktemp("joins")
    for one in {one.database: one for one in asked}.values():
        write_database(folder / "database" / one.database / f"{one.database}.sqlite", one.tables)
    rows = [
        {"question": one.draft.text, "db_id": one.database, "query": one.draft.sql, "difficulty": one.level, "split": one.kind}
        for one in asked
    ]
    (folder / "questions.json").write_text(json.dumps(rows))
    return load(folder)


def in_memory(tables: Sequence[TableData]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    fill(connection, tables)
    return connection


def rows_of(connection: sqlite3.Connection, sql: str) -> tuple[Row, ...]:
    return tuple(connection.execute(sql).fetchall())


def graded(rows: tuple[Row, ...], question: Question) -> bool:
    return bool(rows) and right(show(Result(rows)), question.gold, ordered=question.ordered)


def tables_in(sql: str) -> set[str]:
    return {table.name for table in parse_one(sql, dialect="sqlite").find_all(exp.Table)}


def phrasing_of(template: JoinTemplate, text: str) -> str:
    """The phrasing that a text was made of."""
    patterns = {p: re.sub(r"\\\{\w+\\\}", r"[a-z0-9]+", re.escape(p)) for p in (*template.phrasing, *template.held_out_phrasing)}
    found = [p for p, pattern in patterns.items() if re.fullmatch(pattern, text)]
    assert len(found) == 1, (text, found)
    return found[0]


def test_every_gold_is_loaded_and_is_graded_right_against_itself(loaded: list[Question]) -> None:
    assert [sum(q.difficulty == level for q in loaded) for level in LEVELS] == [300, 300]
    for question in loaded:
        assert right(gold_text(question.gold), question.gold, ordered=question.ordered), question
        assert 1 <= len(question.gold) <= 20
        assert not any(cell in (None, 0, "") for row in question.gold for cell in row), question


def test_no_question_is_asked_twice(asked: list[Asked]) -> None:
    assert len({one.draft.text for one in asked}) == len({(one.database, one.draft.sql) for one in asked}) == 600


def test_medium_golds_join_two_to_three_tables_and_hard_ones_four_or_more(loaded: list[Question]) -> None:
    sizes = defaultdict(set)
    for question in loaded:
        used = tables_in(question.gold_sql)
        assert used <= set(question.tables)
        sizes[question.difficulty].add(len(used))
    assert sizes == {"medium": {2, 3}, "hard": {4, 5}}


def test_no_gold_can_do_without_one_of_its_tables(asked: list[Asked], loaded: list[Question]) -> None:
    for one, question in zip(asked, loaded, strict=True):
        for name in tables_in(one.draft.sql):
            with closing(in_memory(one.tables)) as connection:
                connection.execute(f"DELETE FROM {name}")
                assert not graded(rows_of(connection, one.draft.sql), question), (name, one.draft)


def test_the_gold_depends_on_which_rows_are_linked(asked: list[Asked], loaded: list[Question]) -> None:
    rng = random.Random(8)
    for one, question in zip(asked, loaded, strict=True):
        answers = (graded(relinked(rng, one.tables, one.draft.sql), question) for _ in range(50))
        assert not all(answers), one.draft


def relinked(rng: random.Random, tables: Sequence[LinkedTable], sql: str) -> tuple[Row, ...]:
    """What a query gives when every row belongs to other rows."""
    sizes = {table.name: len(table.rows) for table in tables}
    others = [
        replace(table, rows=tuple((*row[:4], *(rng.randint(1, sizes[owner]) for owner in table.owners)) for row in table.rows))
        for table in tables
    ]
    with closing(in_memory(others)) as connection:
        return rows_of(connection, sql)


def test_no_hasty_query_has_an_answer_that_is_graded_right(asked: list[Asked], loaded: list[Question]) -> None:
    count = 0
    for one, question in zip(asked, loaded, strict=True):
        with Database(question.database) as database:
            for sql in one.draft.hasty_sql:
                assert not graded(database.query(sql).rows, question), (sql, one.draft)
                count += 1
    assert count > 1800


def test_what_comes_first_comes_first_alone(asked: list[Asked]) -> None:
    count = 0
    for one in asked:
        found = re.fullmatch(r"SELECT .*? (FROM .*) ORDER BY (.*) DESC LIMIT 1", one.draft.sql)
        if found:
            with closing(in_memory(one.tables)) as connection:
                keys = rows_of(connection, f"SELECT {found[2]} {found[1]} ORDER BY 1 DESC")
            assert len(keys) < 2 or keys[0] > keys[1], one.draft
            count += 1
    assert count > 80


def test_every_template_and_every_phrasing_is_asked_and_held_out_ones_only_then(asked: list[Asked], joins: Joins) -> None:
    told = defaultdict(set)
    for one in asked:
        level = joins.levels[one.level]
        template = next(t for t in level.templates + level.held_out_templates if t.name == one.draft.template)
        told[one.level, one.kind].add((template.name, phrasing_of(template, one.draft.text)))
    for name, level in joins.levels.items():
        assert told[name, "usual"] == {(t.name, p) for t in level.templates for p in t.phrasing}
        assert told[name, "templates"] == {(t.name, p) for t in level.held_out_templates for p in t.phrasing}
        assert told[name, "phrasing"] == {(t.name, p) for t in level.templates for p in t.held_out_phrasing}
        assert not {t.name for t in level.templates} & {t.name for t in level.held_out_templates}
        assert not {t.sql for t in level.templates} & {t.sql for t in level.held_out_templates}


def test_every_shape_is_drawn(asked: list[Asked], joins: Joins) -> None:
    for level in LEVELS:
        drawn = {tuple(sorted(len(t.owners) for t in one.tables)) for one in asked if one.level == level}
        shapes = [[sum(a == x for a, _ in s) for x in {x for link in s for x in link}] for s in joins.levels[level].shapes]
        assert drawn == {tuple(sorted(owners)) for owners in shapes}


def test_the_question_often_says_another_word_than_the_column(asked: list[Asked], lexicon: Lexicon) -> None:
    columns = {w for group in lexicon.synonyms for w in group}
    pairs = [
        (set(re.findall(r"\w+", one.draft.text)) & columns, set(re.findall(r"\w+", one.draft.sql)) & columns) for one in asked
    ]
    asking = [(said, used) for said, used in pairs if said]
    assert 0.5 < sum(said != used for said, used in asking) / len(asking) < 0.95


def test_every_table_is_on_the_side_that_was_asked(lexicon: Lexicon, joins: Joins) -> None:
    rng, schemas = random.Random(4), {}
    for held_out in (False, True):
        drawn = [draw_join_questions(rng, lexicon, joins, level, count=1, held_out=held_out)[0] for level in [*LEVELS] * 40]
        schemas[held_out] = {table.schema for tables in drawn for table in tables}
        assert {is_held_out(schema, lexicon.held_out_share) for schema in schemas[held_out]} == {held_out}
        assert len(schemas[held_out]) > 150
    assert not schemas[False] & schemas[True]


def test_a_linked_table_is_on_the_side_of_the_same_table_in_easy_questions(asked: list[Asked], lexicon: Lexicon) -> None:
    rng = random.Random(5)
    easy = {t.schema for _ in range(3000) for t in draw_tables(rng, lexicon, held_out=False)}
    both = {t.schema for _ in range(3000) for t in draw_tables(rng, lexicon, held_out=True)}
    linked = {t.schema for one in asked for t in one.tables}
    assert not linked & easy
    assert len(linked & both) > 0.9 * len(linked)


def test_every_row_belongs_to_a_row_that_is_there(asked: list[Asked]) -> None:
    for one in asked[::10]:
        by_name = {t.name: t for t in one.tables}
        assert len(by_name) == len(one.tables)
        for table in one.tables:
            assert table.columns == ("id", *table.columns[1:4], *(f"{owner}_id" for owner in table.owners))
            assert [kind for _, kind in table.types].count("TEXT") == 2
            assert (
                len({table.cell(r, "name") for r in table.rows})
                == len({table.cell(r, "id") for r in table.rows})
                == len(table.rows)
            )
            for owner in table.owners:
                there = {by_name[owner].cell(r, "id") for r in by_name[owner].rows}
                assert {table.cell(r, f"{owner}_id") for r in table.rows} <= there


def test_the_same_seed_gives_the_same_questions_whatever_the_hash_seed() -> None:
    program = f"""
import json, random
from dataclasses import asdict
from pathlib import Path
from aj.sqlenv.family import Lexicon
from aj.sqlenv.join_templates import LEVELS, Joins
from aj.sqlenv.joins import draw_join_questions
folder = Path({str(JOINS.parent)!r})
lexicon, joins = Lexicon.read(folder / "lexicon.yaml"), Joins.read(folder / "joins.yaml")
for level in LEVELS:
    rng, told = random.Random(9), set()
    for _ in range(15):
        tables, drafts = draw_join_questions(rng, lexicon, joins, level, count=3, told=told)
        told |= {{draft.text for draft in drafts}}
        print(json.dumps([asdict(one) for one in (*tables, *drafts)]))
"""
    first, second = (
        subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True)
        for seed in ("1", "2")
    )
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    assert len(set(first.stdout.splitlines())) == 30


def test_another_seed_gives_other_questions(lexicon: Lexicon, joins: Joins) -> None:
    one, again, other = (draw_join_questions(random.Random(s), lexicon, joins, "hard", count=2) for s in (1, 1, 2))
    assert [asdict(t) for t in one[0]] == [asdict(t) for t in again[0]] and one[1] == again[1]
    assert one[1] != other[1]


def test_a_text_that_was_told_is_not_told_again(lexicon: Lexicon, joins: Joins) -> None:
    told = {draft.text for draft in draw_join_questions(random.Random(6), lexicon, joins, "medium", count=3)[1]}
    assert not told & {d.text for d in draw_join_questions(random.Random(6), lexicon, joins, "medium", count=3, told=told)[1]}


@pytest.mark.parametrize(
    ("sql", "hasty", "sound"),
    [
        ("SELECT SUM( price ) FROM herbs JOIN ships ON ships_id = ships.id WHERE ships.name = 'hal'", "SELECT 1", True),
        ("SELECT SUM( price ) FROM herbs JOIN ships ON ships_id = ships.id WHERE ships.name = 'hal'", "SELECT 40", False),
        ("SELECT AVG( price ) FROM herbs", "SELECT 25.1", False),  # graded right: within 1 %
        ("SELECT SUM( price ) FROM herbs WHERE name = 'zoe'", "SELECT 1", False),  # NULL
        ("SELECT name FROM herbs WHERE name = 'zoe'", "SELECT 1", False),  # empty
        ("SELECT COUNT( * ) FROM herbs WHERE name = 'zoe'", "SELECT 1", False),  # 0
        ("SELECT a.id, b.id, c.id FROM herbs a, herbs b, herbs c", "SELECT 1", False),  # 64 rows
        ("SELECT name FROM herbs ORDER BY price DESC LIMIT 1", "SELECT 1", True),
        ("SELECT name FROM herbs ORDER BY price LIMIT 1", "SELECT 1", False),  # two have 10
        ("SELECT name FROM herbs ORDER BY price LIMIT 2", "SELECT 1", False),  # which of them is named first?
        ("SELECT name FROM herbs ORDER BY price DESC LIMIT 2", "SELECT 1", True),  # the tie is below
        ("SELECT ships.name FROM herbs JOIN ships ON ships_id = ships.id GROUP BY ships.id ORDER BY COUNT( * ) DESC LIMIT 1", "SELECT 1", False),
        ("SELECT ships_id, COUNT( * ) FROM herbs GROUP BY ships_id ORDER BY COUNT( * ) DESC", "SELECT 1", False),
        ("SELECT ships_id, SUM( price ) FROM herbs GROUP BY ships_id ORDER BY SUM( price ) DESC", "SELECT 2, 60", True),
        ("SELECT name FROM herbs WHERE price = 10", "SELECT name FROM herbs WHERE price = 10 ORDER BY name DESC", False),
    ],
)  # fmt: skip
def test_only_golds_with_one_answer_that_no_hasty_query_has_are_sound(sql: str, hasty: str, sound: bool) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript("""
            CREATE TABLE ships (id INTEGER, name TEXT); INSERT INTO ships VALUES (1, 'hal'), (2, 'ida');
            CREATE TABLE herbs (id INTEGER, name TEXT, price INTEGER, ships_id INTEGER);
            INSERT INTO herbs VALUES (1, 'ada', 10, 1), (2, 'ben', 10, 2), (3, 'cal', 30, 1), (4, 'dan', 50, 2);
        """)
        assert is_sound(connection, JoinDraft("t", "?", sql, ("SELECT 'no'", hasty))) == sound


def test_more_rows_than_names_give_one_sentence(lexicon: Lexicon, joins: Joins) -> None:
    with pytest.raises(ParamsError, match="up to 25 rows a table, the lexicon has 24 names: lower rows"):
        draw_join_questions(random.Random(1), lexicon, replace(joins, rows=(8, 25)), "medium", count=1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: replace(t, hasty=(t.sql,)), "gives no 1 questions on .* databases: mend joins.yaml, or ask fewer"),
        (lambda t: replace(t, sql="SELECT {aN} FROM nowhere"), "makes SQL that fails .no such table: nowhere.*mend joins.yaml"),
        (lambda t: replace(t, hasty=("SELECT {aN} FROM",)), "makes SQL that fails .*mend joins.yaml"),
    ],
)
def test_a_template_that_cannot_be_asked_gives_one_sentence(
    lexicon: Lexicon,
    joins: Joins,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[JoinTemplate], JoinTemplate],
    said: str,
) -> None:
    monkeypatch.setattr("aj.sqlenv.joins.DATABASES", 5)
    level = joins.levels["medium"]
    broken = replace(joins, levels={"medium": replace(level, templates=(change(level.templates[0]),))})
    with pytest.raises(ParamsError, match=said):
        draw_join_questions(random.Random(1), lexicon, broken, "medium", count=1)


@pytest.mark.parametrize(
    ("pattern", "line", "said"),
    [
        (r"(?s)\A.*\Z", "", "is not a complete set of joins"),
        (r"^rows:.*\n", "", "is not a complete set of joins .*rows"),
        (r"^rows:", "rooms: 3\nrows:", "is not a complete set of joins .*rooms"),
        (r"^rows: \[8, 16\]", "rows: [16, 8]", "rows is .16, 8.: write the fewest and the most"),
        (r"^rows: \[8, 16\]", "rows: [8]", "is not a complete set of joins"),
        (r"^  hard:", "  harder:", "levels are medium, harder: write medium, hard"),
        (r"^    shapes: \[ab bc, ab ac, ac bc\]\n", "", "is not a complete set of joins .*shapes"),
        (r"^    shapes: \[ab bc, ab ac, ac bc\]", "    shapes: []", "medium: shapes, templates and held_out_templates need one"),
        (r"^    shapes: \[ab bc, ab ac, ac bc\]", "    shapes: [abc]", "links 'abc' are not pairs of letters"),
        (r"^    shapes: \[ab bc, ab ac, ac bc\]", "    shapes: [ab bv]", "links 'ab bv' are not pairs of letters a to f"),
        (r"^    shapes: \[ab bc, ab ac, ac bc\]", "    shapes: [ab cd]", "medium: links 'ab cd' are not one piece"),
        (r"^    shapes: \[ab bc, ab ac, ac bc\]", "    shapes: [ab bc ac]", "medium: links 'ab bc ac' close a circle"),
        (r"^    shapes: \[ab bc, ab ac, ac bc\]", "    shapes: [ab ac]", "'max_through' fits none of the shapes"),
        (r"(?<=      count_of:\n)        links: ab", "        links: ab bc cd", "'count_of' joins 4 tables: medium is 2 to 3"),
        (r"(?<=      count_of:\n)        links: ab", "        links: bc", "'count_of' has a slot that its links do not give .'a'"),
        (r"(?<=      count_of:\n)        links: ab\n", "", "is not a complete set of joins .*links"),
        (r"^        held_out_phrasing: \[\"what is the number of \{a\} that belong.*\]", "        held_out_phrasing: []", "'count_of' needs two"),
        (r"^        held_out_phrasing: \[\"what is the number of \{a\} that belong.*\]", "        held_out_phrasing: how", "'how' of 'count_of' is not a list"),
        (r", \"count \{a\} that belong to \{b\} with \{bk\} '\{bv\}'\"", "", "'count_of' needs two phrasings, one held out, and a hasty"),
        (r"how many \{a\} belong to \{b\} with \{bk\} '\{bv\}'\?", "how many {ships}", "'count_of' has a slot .*'ships'"),
        (r"how many \{a\} belong to \{b\} with \{bk\} '\{bv\}'\?", "how many {a", "'count_of' has a slot .*expected"),
    ],
)  # fmt: skip
def test_a_broken_joins_file_gives_one_sentence(tmp_path: Path, pattern: str, line: str, said: str) -> None:
    text, count = re.subn(pattern, lambda _: line, JOINS.read_text(), flags=re.MULTILINE)
    assert count == 1
    (tmp_path / "joins.yaml").write_text(text)
    with pytest.raises(ParamsError, match=said) as caught:
        Joins.read(tmp_path / "joins.yaml")
    assert "\n" not in str(caught.value)
