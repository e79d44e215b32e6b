"""The generated family of databases and questions: schemas, rows and questions from a seed and a lexicon.

Schemas are held out by the hash of table and column names, so the same schema is on the same side in every use:
tokenizer, pretraining, demonstrations, preference pairs, RL questions and evaluation.
What is not covered: joins (aj/sqlenv/joins.py); every question here needs one table (easy).
"""

import hashlib
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aj.errors import ParamsError
from aj.params import read_yaml
from aj.sqlenv.database import Result, Row, Table, show


@dataclass(frozen=True)
class Template:
    """One kind of question: gold SQL and its phrasings, with the slots named in lexicon.yaml."""

    name: str
    sql: str
    phrasing: tuple[str, ...]
    held_out_phrasing: tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """The words of the family (data/sources/sqlenv/lexicon.yaml)."""

    same_word: float
    tables_per_database: int
    rows: tuple[int, int]
    values: tuple[int, int]
    thresholds: tuple[int, ...]
    held_out_share: float
    tables: tuple[str, ...]
    names: tuple[str, ...]
    numbers: tuple[tuple[str, ...], ...]
    categories: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]
    templates: tuple[Template, ...]
    held_out_templates: tuple[Template, ...]

    @classmethod
    def read(cls, path: Path) -> "Lexicon":
        """Read the YAML file; ParamsError when a field is missing or unknown."""
        tree = read_yaml(path)
        try:
            fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in tree.items()}
            fields["numbers"] = tuple(map(tuple, tree["numbers"]))
            fields["categories"] = tuple((tuple(c["words"]), tuple(c["values"])) for c in tree["categories"])
            fields["templates"] = _templates(tree["templates"])
            fields["held_out_templates"] = _templates(tree["held_out_templates"])
            lexicon = cls(**fields)
        except (AttributeError, KeyError, TypeError) as error:
            raise ParamsError(f"{path} is not a complete lexicon ({error}): compare it with the one in git.") from None
        if not 0 < lexicon.held_out_share < 1:
            raise ParamsError(f"{path}: held_out_share is {lexicon.held_out_share}: both sides need schemas, write 0.2, say.")
        return lexicon

    @property
    def synonyms(self) -> tuple[tuple[str, ...], ...]:
        """Every group of words for one column."""
        return self.numbers + tuple(words for words, _ in self.categories)


@dataclass(frozen=True)
class TableData:
    """One table with its rows: a name, one number column and one category column, in any order."""

    name: str
    columns: tuple[str, ...]
    number: str
    category: str
    category_values: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def schema(self) -> str:
        """What identifies the schema: table and column names."""
        return f"{self.name}({','.join(sorted(self.columns))})"

    @property
    def types(self) -> tuple[tuple[str, str], ...]:
        """Columns with their SQL types."""
        return tuple((c, "INTEGER" if c == self.number else "TEXT") for c in self.columns)

    @property
    def description(self) -> str:
        """What DESCRIBE shows of it."""
        return str(Table(self.name, self.types, len(self.rows)))


@dataclass(frozen=True)
class Draft:
    """A question about one table with its gold SQL, and the SQL of someone who did not look (``hasty_sql``)."""

    template: str
    table: TableData
    text: str
    sql: str
    hasty_sql: str


def is_held_out(schema: str, share: float) -> bool:
    """Whether a schema is on the held-out side: its SHA-256, read as a fraction, lies below ``share``."""
    return int.from_bytes(hashlib.sha256(schema.encode()).digest()[:8], "big") < share * 2**64


def draw_tables(rng: random.Random, lexicon: Lexicon, *, held_out: bool, count: int | None = None) -> list[TableData]:
    """Tables of one database, every one on the asked side of the split."""
    return [
        _draw_table(rng, lexicon, name, held_out) for name in rng.sample(lexicon.tables, count or lexicon.tables_per_database)
    ]


def redraw_rows(rng: random.Random, lexicon: Lexicon, table: TableData) -> TableData:
    """The same schema with other rows."""
    count = rng.randint(*lexicon.rows)
    low, high = lexicon.values
    names, numbers = rng.sample(lexicon.names, count), rng.sample(range(low, high + 1), count)
    cells: dict[str, list[Any]] = {
        "name": names,
        table.number: numbers,
        table.category: [rng.choice(table.category_values) for _ in range(count)],
    }
    rows = tuple(tuple(cells[c][i] for c in table.columns) for i in range(count))
    return replace(table, rows=rows)


def draw_question(
    rng: random.Random,
    lexicon: Lexicon,
    tables: Sequence[TableData],
    *,
    templates: Sequence[Template],
    held_out_phrasing: bool = False,
) -> Draft:
    """One question about one of the tables."""
    table, template = rng.choice(tables), rng.choice(templates)
    slots = {
        "t": table.name,
        "C": table.number,
        "K": table.category,
        "c": word(rng, lexicon, table.number),
        "k": word(rng, lexicon, table.category),
        "n": rng.choice(table.rows)[table.columns.index("name")],
        "v": rng.choice(table.category_values),
        "x": rng.choice(lexicon.thresholds),
    }
    text = rng.choice(template.held_out_phrasing if held_out_phrasing else template.phrasing).format(**slots)
    hasty = template.sql.format(**{**slots, "C": slots["c"], "K": slots["k"]})
    return Draft(template.name, table, text, template.sql.format(**slots), hasty)


def run_sql(tables: Sequence[TableData], sql: str) -> str:
    """The result of a SELECT over tables in memory, as the environment would show it."""
    connection = sqlite3.connect(":memory:")
    try:
        fill(connection, tables)
        return show(Result(tuple(connection.execute(sql).fetchall())))
    finally:
        connection.close()


def write_database(path: Path, tables: Sequence[TableData]) -> None:
    """Write tables as a SQLite file; the same tables give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA page_size = 1024")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        fill(connection, tables)
        connection.commit()
    finally:
        connection.close()


def has_answer(tables: Sequence[TableData], sql: str) -> bool:
    """Whether a gold SQL gives rows without NULL (a SUM over no row does not)."""
    return run_sql(tables, sql) not in ("empty", "null")


def word(rng: random.Random, lexicon: Lexicon, column: str) -> str:
    """The question's word for a column: its own name, or another one of its group."""
    group = next(g for g in lexicon.synonyms if column in g)
    return column if rng.random() < lexicon.same_word else rng.choice([w for w in group if w != column])


def fill(connection: sqlite3.Connection, tables: Sequence[TableData]) -> None:
    """Create the tables with their rows."""
    for table in tables:
        columns = ", ".join(f"{name} {kind}" for name, kind in table.types)
        connection.execute(f"CREATE TABLE {table.name} ({columns})")
        connection.executemany(f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})", table.rows)


def _draw_table(rng: random.Random, lexicon: Lexicon, name: str, held_out: bool) -> TableData:
    while True:
        words, values = rng.choice(lexicon.categories)
        number, category = rng.choice(rng.choice(lexicon.numbers)), rng.choice(words)
        columns = [number, category]
        rng.shuffle(columns)
        table = TableData(name, ("name", *columns), number, category, values, ())
        if is_held_out(table.schema, lexicon.held_out_share) == held_out:
            return redraw_rows(rng, lexicon, table)


def _templates(tree: dict[str, Any]) -> tuple[Template, ...]:
    return tuple(Template(name, t["sql"], tuple(t["phrasing"]), tuple(t["held_out_phrasing"])) for name, t in tree.items())
