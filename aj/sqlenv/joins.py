"""Linked databases and the questions that need a join: medium (2 to 3 tables) and hard (4 and more), from a seed and joins.yaml.

Tables are drawn as in family.py and get an id and foreign keys. A question is kept only if its gold has an answer (rows, no NULL,
no 0), nothing ties where the gold orders, and none of the template's hasty queries gives an answer that would be graded right.
What is not covered: a table linked to itself, two links between the same tables, rows that belong to nothing, outer joins.
"""

import itertools
import random
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from aj.errors import ParamsError
from aj.sqlenv.database import ROW_LIMIT, Result, Row, show
from aj.sqlenv.family import Lexicon, TableData, draw_tables, fill, word
from aj.sqlenv.grading import right
from aj.sqlenv.join_templates import Joins, JoinTemplate, Link, fits, letters_of
from aj.sqlenv.order import is_ordered

TRIES = 20  # values tried for one template and one set of rows
DATABASES = 1000  # tried for one template; the shipped ones need a handful


@dataclass(frozen=True)
class LinkedTable(TableData):
    """A table with an id, the columns of the family, and a foreign key for each table that it belongs to.

    ``schema`` names the family's columns only: a table is on one side of the split whatever it is linked to, in easy
    questions too.
    """

    owners: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """What identifies the schema: table and column names, without the keys."""
        return f"{self.name}({','.join(sorted(('name', self.number, self.category)))})"

    @property
    def types(self) -> tuple[tuple[str, str], ...]:
        """Columns with their SQL types."""
        return tuple((c, "TEXT" if c in ("name", self.category) else "INTEGER") for c in self.columns)

    def cell(self, row: Row, column: str) -> Any:
        """One value of a row."""
        return row[self.columns.index(column)]


@dataclass(frozen=True)
class JoinDraft:
    """A question over linked tables with its gold SQL, and what someone who left the join or a filter out would run."""

    template: str
    text: str
    sql: str
    hasty_sql: tuple[str, ...]


def draw_linked_tables(
    rng: random.Random, lexicon: Lexicon, joins: Joins, shape: Sequence[Link], *, held_out: bool = False
) -> list[LinkedTable]:
    """Tables of one database, linked as ``shape`` says, every one on the asked side of the split."""
    letters = letters_of(shape)
    tables = draw_tables(rng, replace(lexicon, rows=joins.rows), held_out=held_out, count=len(letters))
    drawn = dict(zip(letters, tables, strict=True))
    return [_linked(rng, drawn[x], [drawn[b] for a, b in shape if a == x]) for x in letters]


def draw_join_questions(
    rng: random.Random,
    lexicon: Lexicon,
    joins: Joins,
    level: str,
    *,
    count: int,
    held_out: bool = False,
    held_out_templates: bool = False,
    held_out_phrasing: bool = False,
    told: Collection[str] = (),
) -> tuple[list[LinkedTable], list[JoinDraft]]:
    """A database and ``count`` questions about it, of different text and gold; no text is in ``told``.

    The first question's template is drawn before its database, so that those that seldom fit are asked as often as others.
    Raises ParamsError when no rows suit that template, and for SQL that fails.
    """
    if joins.rows[1] > len(lexicon.names):
        raise ParamsError(
            f"joins.yaml asks up to {joins.rows[1]} rows a table, the lexicon has {len(lexicon.names)} names: lower rows."
        )
    own = joins.levels[level]
    templates = own.held_out_templates if held_out_templates else own.templates
    first = rng.choice(templates)
    shapes = [shape for shape in own.shapes if fits(first.links, shape)]
    for _ in range(DATABASES):
        tables = draw_linked_tables(rng, lexicon, joins, rng.choice(shapes), held_out=held_out)
        drafts: list[JoinDraft] = []
        with closing(sqlite3.connect(":memory:")) as connection:
            fill(connection, tables)
            while len(drafts) < count:
                used = {draft.template for draft in drafts}
                others = sorted(rng.sample(templates, len(templates)), key=lambda t: t.name in used)  # new ones first
                for template in others if drafts else [first]:
                    tried = (_draft(rng, lexicon, template, tables, held_out_phrasing) for _ in range(TRIES))
                    good = (d for d in tried if d and d.text not in told and is_sound(connection, d) and _differs(d, drafts))
                    if draft := next(good, None):
                        drafts.append(draft)
                        break
                else:
                    break
        if len(drafts) == count:
            return tables, drafts
    raise ParamsError(
        f"join template {first.name!r} of {level} gives no {count} questions on {DATABASES} databases: mend joins.yaml, or ask fewer."
    )


def is_sound(connection: sqlite3.Connection, draft: JoinDraft) -> bool:
    """Whether the gold has one answer, of rows without NULL and 0, that no hasty query also gives."""
    gold, ordered = _run(connection, draft, draft.sql), is_ordered(draft.sql)
    if not 0 < len(gold) <= ROW_LIMIT or any(cell in (None, 0) for row in gold for cell in row):
        return False
    if ordered and _ties(connection, draft):
        return False
    wrong = (_run(connection, draft, sql) for sql in draft.hasty_sql)
    return not any(rows and right(show(Result(rows)), gold, ordered=ordered) for rows in wrong)


def _differs(draft: JoinDraft, others: Sequence[JoinDraft]) -> bool:
    return all(draft.sql != other.sql and draft.text != other.text for other in others)


def _draft(
    rng: random.Random, lexicon: Lexicon, template: JoinTemplate, tables: Sequence[LinkedTable], held_out_phrasing: bool
) -> JoinDraft | None:
    """A question with words and values, sound or not; None where these tables or rows are not linked as it needs."""
    places = list(_places(template, tables))
    placed = rng.choice(places) if places else {}
    rows = _linked_rows(rng, template, placed) if places else {}
    if not rows:
        return None
    slots: dict[str, Any] = {"x": rng.choice(lexicon.thresholds)}
    for x, table in placed.items():
        slots |= {x: table.name, f"{x}N": table.number, f"{x}K": table.category, f"{x}w": table.cell(rows[x], "name")}
        slots |= {f"{x}n": word(rng, lexicon, table.number), f"{x}k": word(rng, lexicon, table.category)}
        slots[f"{x}v"] = table.cell(rows[x], table.category)
    slots |= {a + b: f"{placed[a].name}.{placed[b].name}_id = {placed[b].name}.id" for a, b in template.links}
    text = rng.choice(template.held_out_phrasing if held_out_phrasing else template.phrasing).format(**slots)
    return JoinDraft(template.name, text, template.sql.format(**slots), tuple(sql.format(**slots) for sql in template.hasty))


def _linked_rows(rng: random.Random, template: JoinTemplate, tables: Mapping[str, LinkedTable]) -> dict[str, Row]:
    """A row of each table that belong together, so that filters on them leave something; none where there are none."""
    start = template.letters[0]
    rows = {start: rng.choice(tables[start].rows)}
    for a, b in template.links:
        key = f"{tables[b].name}_id"
        if a in rows:
            rows[b] = next(r for r in tables[b].rows if tables[b].cell(r, "id") == tables[a].cell(rows[a], key))
        elif children := [r for r in tables[a].rows if tables[a].cell(r, key) == tables[b].cell(rows[b], "id")]:
            rows[a] = rng.choice(children)
        else:
            return {}
    return rows


def _places(template: JoinTemplate, tables: Sequence[LinkedTable]) -> Iterator[dict[str, LinkedTable]]:
    """Every way to put tables under the letters of a template."""
    for chosen in itertools.permutations(tables, len(template.letters)):
        placed = dict(zip(template.letters, chosen, strict=True))
        if all(placed[b].name in placed[a].owners for a, b in template.links):
            yield placed


def _linked(rng: random.Random, table: TableData, owners: Sequence[TableData]) -> LinkedTable:
    columns = ("id", *table.columns, *(f"{owner.name}_id" for owner in owners))
    rows = tuple(
        (number, *row, *(rng.randint(1, len(owner.rows)) for owner in owners)) for number, row in enumerate(table.rows, 1)
    )
    names = tuple(owner.name for owner in owners)
    return LinkedTable(table.name, columns, table.number, table.category, table.category_values, rows, names)


def _run(connection: sqlite3.Connection, draft: JoinDraft, sql: str) -> tuple[Row, ...]:
    try:
        return tuple(connection.execute(sql).fetchall())
    except sqlite3.Error as error:
        raise ParamsError(f"join template {draft.template!r} makes SQL that fails ({error}): {sql!r}; mend joins.yaml.") from None


def _ties(connection: sqlite3.Connection, draft: JoinDraft) -> bool:
    """Whether two rows have the same sort key, as far as the first row that LIMIT leaves out."""
    from sqlglot import exp, parse_one

    select = parse_one(draft.sql, dialect="sqlite")
    assert isinstance(select, exp.Select)
    limit = select.args.get("limit")
    keys = select.select(*(key.this for key in select.args["order"].expressions), append=False)
    keys.set("limit", None)
    found = _run(connection, draft, keys.sql("sqlite"))[: int(limit.expression.name) + 1 if limit else None]
    return len(set(found)) < len(found)
