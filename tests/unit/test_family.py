"""The generated family: same seed, same bytes; no held-out schema on the training side of anything."""

import random
import re
import sqlite3
from pathlib import Path

import pytest

from aj.errors import ParamsError
from aj.hashing import sha256
from aj.sqlenv.database import Database, show
from aj.sqlenv.family import (
    Lexicon,
    draw_question,
    draw_tables,
    has_answer,
    is_held_out,
    redraw_rows,
    run_sql,
    write_database,
)
from aj.tiny import corpus
from aj.tiny.words import Words

LEXICON = Path(__file__).parents[2] / "data" / "sources" / "sqlenv" / "lexicon.yaml"


def test_the_same_seed_gives_the_same_database_file(lexicon: Lexicon, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_database(tmp_path / name, draw_tables(random.Random(7), lexicon, held_out=False))
    write_database(tmp_path / "c", draw_tables(random.Random(8), lexicon, held_out=False))
    assert sha256(tmp_path / "a") == sha256(tmp_path / "b") != sha256(tmp_path / "c")
    write_database(tmp_path / "c", draw_tables(random.Random(7), lexicon, held_out=False))  # over an older file
    assert sha256(tmp_path / "c") == sha256(tmp_path / "a")


def test_every_table_drawn_is_on_the_side_that_was_asked(lexicon: Lexicon) -> None:
    rng = random.Random(1)
    for held_out in (False, True):
        schemas = {t.schema for _ in range(300) for t in draw_tables(rng, lexicon, held_out=held_out)}
        assert {is_held_out(s, lexicon.held_out_share) for s in schemas} == {held_out}
        assert len(schemas) > 100


def test_a_schema_is_held_out_by_its_names_whatever_their_order(lexicon: Lexicon) -> None:
    tables = [t for _ in range(400) for t in draw_tables(random.Random(_), lexicon, held_out=False)]
    orders: dict[str, set[tuple[str, ...]]] = {}
    for table in tables:
        orders.setdefault(table.schema, set()).add(table.columns)
    assert any(len(found) > 1 for found in orders.values())
    share = sum(is_held_out(f"t{i}(a,b)", 0.2) for i in range(5000)) / 5000
    assert 0.18 < share < 0.22


def test_redrawn_rows_keep_the_schema(lexicon: Lexicon) -> None:
    rng = random.Random(2)
    for table in draw_tables(rng, lexicon, held_out=False):
        again = redraw_rows(rng, lexicon, table)
        assert (again.schema, again.columns) == (table.schema, table.columns)
        assert again.rows != table.rows


def test_every_gold_has_an_answer_that_does_not_depend_on_ties(lexicon: Lexicon, tmp_path: Path) -> None:
    rng = random.Random(3)
    templates = lexicon.templates + lexicon.held_out_templates
    for _ in range(120):
        tables = draw_tables(rng, lexicon, held_out=False)
        draft = draw_question(rng, lexicon, tables, templates=templates)
        names, numbers = ([r[draft.table.columns.index(c)] for r in draft.table.rows] for c in ("name", draft.table.number))
        assert len(set(names)) == len(names)
        assert len(set(numbers)) == len(numbers)
        if has_answer(tables, draft.sql):
            assert run_sql(tables, draft.sql) not in ("empty", "null", "")


def test_the_description_and_the_results_are_those_of_the_environment(lexicon: Lexicon, tmp_path: Path) -> None:
    rng = random.Random(4)
    tables = draw_tables(rng, lexicon, held_out=False)
    write_database(tmp_path / "x.sqlite", tables)
    with Database(tmp_path / "x.sqlite") as database:
        for table in tables:
            assert str(database.tables[table.name]) == table.description
            sql = f"SELECT * FROM {table.name} LIMIT 5"
            assert show(database.query(sql)) == run_sql(tables, sql) == show(database.sample(table.name))


def test_a_hasty_query_with_another_word_fails_and_with_the_same_word_is_the_gold(lexicon: Lexicon) -> None:
    rng, different = random.Random(5), 0
    for _ in range(200):
        tables = draw_tables(rng, lexicon, held_out=False)
        draft = draw_question(rng, lexicon, tables, templates=lexicon.templates)
        if draft.hasty_sql != draft.sql:
            different += 1
            with pytest.raises(sqlite3.OperationalError, match="no such column"):
                run_sql(tables, draft.hasty_sql)
    assert 60 < different < 190


def test_held_out_templates_and_phrasings_are_only_drawn_when_asked(lexicon: Lexicon) -> None:
    rng = random.Random(6)
    trained, held_out = ({t.name for t in templates} for templates in (lexicon.templates, lexicon.held_out_templates))
    assert not trained & held_out
    for template in lexicon.templates + lexicon.held_out_templates:
        assert not set(template.phrasing) & set(template.held_out_phrasing)
    tables = draw_tables(rng, lexicon, held_out=False)
    other = [draw_question(rng, lexicon, tables, templates=lexicon.templates, held_out_phrasing=True) for _ in range(60)]
    usual = [draw_question(rng, lexicon, tables, templates=lexicon.templates) for _ in range(60)]
    assert {d.template for d in other + usual} <= trained
    assert not {template_of(lexicon, d.text) for d in usual} & {"held out"}
    assert {template_of(lexicon, d.text) for d in other} == {"held out"}


def template_of(lexicon: Lexicon, text: str) -> str:
    for template in lexicon.templates:
        if any(re.fullmatch(re.sub(r"\\\{\w\\\}", r"[a-z0-9]+", re.escape(p)), text) for p in template.phrasing):
            return template.name
    return "held out"


def schemas_in(document: str, lexicon: Lexicon) -> set[str]:
    """Schemas of the tables that a document describes, as DESCRIBE writes them."""
    tables = "|".join(lexicon.tables)
    described = re.findall(rf"(?:DESCRIBE:|table) ({tables})\n((?:\w+ (?:integer|text)(?:, )?)+)\nrows:", document)
    return {f"{name}({','.join(sorted(c.split()[0] for c in columns.split(', ')))})" for name, columns in described}


@pytest.mark.parametrize("seed", [1, 17])
def test_the_corpus_never_shows_a_held_out_schema_or_template(lexicon: Lexicon, words: Words, seed: int) -> None:
    documents = list(corpus.documents(words, seed, 800))
    schemas = set().union(*(schemas_in(d, lexicon) for d in documents))
    assert len(schemas) > 300
    assert not any(is_held_out(s, lexicon.held_out_share) for s in schemas)
    queries = re.findall(r"QUERY: (.*)", "\n".join(documents))
    assert len(queries) > 500
    assert not any(re.search(r"SUM\(.*WHERE| < ", sql) for sql in queries)
    questions = re.findall(r"question: (.*)", "\n".join(documents))
    assert "held out" not in {template_of(lexicon, q) for q in questions}
    unknown = re.findall(r"FROM (\w+)", "\n".join(queries))
    assert set(unknown) <= set(lexicon.tables)


def test_the_corpus_is_the_same_for_the_same_seed_and_a_prefix_of_a_longer_one(words: Words) -> None:
    short = list(corpus.documents(words, 3, 40))
    assert list(corpus.documents(words, 3, 80))[:40] == short
    assert list(corpus.documents(words, 4, 40)) != short
    assert sum(corpus.KINDS.values()) == 100


def test_every_word_of_the_protocol_occurs_in_the_corpus(words: Words) -> None:
    text = "\n".join(corpus.documents(words, 9, 400))
    words = [
        "DESCRIBE: ",
        "SAMPLE: ",
        "QUERY: ",
        "ANSWER: ",
        "ANSWER: unknown",
        "error: no such column: ",
        "empty",
        "null",
        "rows: ",
        "tool",
        "<|im_start|>user",
    ]
    assert [w for w in words if w not in text] == []


def test_the_worked_episodes_of_the_corpus_answer_what_their_query_gives(words: Words) -> None:
    found = [e for d in corpus.documents(words, 11, 200) for e in re.findall(r"result: (.*)\nANSWER: (.*)\n", d)]
    assert len(found) > 100
    assert all(result == answer for result, answer in found)


@pytest.mark.parametrize(
    ("pattern", "line", "said"),
    [
        (r"^same_word:.*\n", "", "is not a complete lexicon .*same_word"),
        (r"^same_word:", "new_word: 1\nsame_word:", "is not a complete lexicon .*new_word"),
        (r"^held_out_share: 0.2", "held_out_share: 0.0", "held_out_share is 0.0: both sides need schemas"),
        (r"^held_out_share: 0.2", "held_out_share: 1.0", "held_out_share is 1.0: both sides need schemas"),
        (r"(?s)\A.*\Z", "", "is not a complete lexicon"),
    ],
)
def test_a_broken_lexicon_gives_one_sentence(tmp_path: Path, pattern: str, line: str, said: str) -> None:
    text, count = re.subn(pattern, line, LEXICON.read_text(), flags=re.MULTILINE)
    assert count == 1
    (tmp_path / "lexicon.yaml").write_text(text)
    with pytest.raises(ParamsError, match=said):
        Lexicon.read(tmp_path / "lexicon.yaml")
