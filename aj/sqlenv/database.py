"""A SQLite database that can only be read, and only for so long.

Opened with ``mode=ro&immutable=1`` and an authorizer that lets nothing but reads through. A query ends after a
number of virtual-machine steps, so that a slow machine never changes a reward; a wall clock stands behind it as a
last resort. Functions whose value changes from call to call are refused: a rollout must replay byte for byte.
What is not covered: some 25 CTEs that each name the one before twice keep SQLite's parser busy for minutes, and neither
limit is looked at before the first step.
"""

import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from aj.errors import EpisodeError

Cell = str | int | float | bytes | None
Row = tuple[Cell, ...]

STEP_LIMIT = 2_000_000  # virtual-machine steps a query
STEP_BLOCK = 1_000  # steps between two calls of the progress handler
WALL_LIMIT = 5.0  # seconds, last resort
LENGTH_LIMIT = 100_000  # bytes of one string or blob, and of one statement: what a single step may chew on
SIZE_LIMIT = 4_000_000  # characters and bytes of one result
ROW_LIMIT = 20  # rows shown of a result
READ_LIMIT = 1_000  # rows read of a result, for the reward; more are never fetched

READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
REFUSED_FUNCTIONS = {
    "load_extension", "fts3_tokenizer", "random", "randomblob", "changes", "last_insert_rowid", "total_changes",
    "current_date", "current_time", "current_timestamp",
}  # fmt: skip
# Functions of a date that is given; without one, or with these words, they read the clock or the time zone.
DATE_FUNCTIONS = {"date": 1, "time": 1, "datetime": 1, "julianday": 1, "unixepoch": 1, "strftime": 2}  # name: arguments
CLOCK_WORDS = {"now", "localtime", "utc"}
PADDING = re.compile(r"\*|[0-9]{4}")  # a width in printf that one step would spend seconds on
EXPLAIN = re.compile(r"(?:[\s;\ufeff]|--[^\n]*\n|/\*.*?\*/)*explain\b", re.IGNORECASE | re.DOTALL)


class QueryError(Exception):
    """A query that was refused, failed or was stopped; the text goes back to the model."""


@dataclass(frozen=True)
class Result:
    """Rows of a query, at most READ_LIMIT; ``more`` says that there were others."""

    rows: tuple[Row, ...]
    more: bool = False


@dataclass(frozen=True)
class Table:
    """Name, columns as (name, declared type), and number of rows."""

    name: str
    columns: tuple[tuple[str, str], ...]
    rows: int

    def __str__(self) -> str:
        columns = ", ".join(f"{name} {kind}".strip().lower() for name, kind in self.columns)
        return f"{columns}\nrows: {self.rows}"


class Database:
    """One read-only SQLite file. A context manager; ``tables`` maps lower-case names to Table."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise EpisodeError(f"database {str(path)!r} does not exist: fetch it again with `dvc repro download`.")
        self.path = path
        # No cache: a statement that is used again would go on counting its steps where it stopped.
        address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
        self._connection = sqlite3.connect(address, uri=True, cached_statements=0)
        try:
            self.tables = self._read_schema()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise EpisodeError(f"{str(path)!r} is not a SQLite database ({error}): fetch it again.") from None
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LENGTH_LIMIT)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LENGTH_LIMIT)
        self._scratch = sqlite3.connect(":memory:")
        for name, arguments in DATE_FUNCTIONS.items():
            self._connection.create_function(name, -1, self._guarded(name, partial(_reads_clock, arguments)), deterministic=True)
        for name in ("printf", "format"):
            self._connection.create_function(name, -1, self._guarded(name, _pads), deterministic=True)
        self._connection.set_authorizer(_authorize)
        self._connection.set_progress_handler(self._tick, STEP_BLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._connection.close()
        self._scratch.close()

    def query(self, sql: str) -> Result:
        """Run one SELECT. Raises QueryError with the reason when it is refused, wrong or stopped."""
        self._steps, self._deadline, self._stopped = 0, time.monotonic() + WALL_LIMIT, ""
        if EXPLAIN.match(sql):
            raise QueryError("refused: EXPLAIN; write the SELECT itself")  # its output holds addresses in memory
        try:
            return self._run(sql)
        except sqlite3.OperationalError as error:
            if not str(error).startswith("Could not decode to UTF-8"):
                raise QueryError(self._stopped or str(error)) from None
        except (sqlite3.Error, sqlite3.Warning, ValueError, UnicodeError, MemoryError) as error:
            raise QueryError(self._stopped or str(error) or type(error).__name__) from None
        # A database with text in another encoding (Spider has some): slower from here on, byte for byte the same each time.
        self._connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        return self.query(sql)

    def _run(self, sql: str) -> Result:
        rows: list[Row] = []
        size = 0
        cursor = self._connection.execute(sql)
        if cursor.description is None:
            raise QueryError("refused: no SELECT in it")
        for row in cursor:
            rows.append(row)
            size += sum(len(cell) for cell in row if isinstance(cell, str | bytes))
            if size > SIZE_LIMIT:
                raise QueryError(f"stopped: the result is longer than {SIZE_LIMIT} characters")
            if len(rows) > READ_LIMIT:
                break
        return Result(tuple(rows[:READ_LIMIT]), more=len(rows) > READ_LIMIT)

    def sample(self, name: str, count: int = 5) -> Result:
        """The first rows of a table in its stored order."""
        table = self.tables[name.lower()].name.replace('"', '""')
        return self.query(f'SELECT * FROM "{table}" LIMIT {count}')

    def _read_schema(self) -> dict[str, Table]:
        run = self._connection.execute
        tables = {}
        for (name,) in run("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall():
            quoted = name.replace('"', '""')
            columns = tuple((c[1], c[2]) for c in run(f'PRAGMA table_info("{quoted}")'))
            tables[name.lower()] = Table(name, columns, run(f'SELECT COUNT(*) FROM "{quoted}"').fetchone()[0])
        return tables

    def _guarded(self, name: str, refuses: Callable[[list[str]], str]) -> Callable[..., Cell]:
        """SQLite's own function, unless ``refuses`` gives a reason against its arguments as text."""

        def call(*values: Cell) -> Cell:
            # SQLite reads a blob as text, and a text up to its first NUL.
            texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
            if reason := refuses([text.partition("\0")[0] for text in texts]):
                self._stopped = f"refused: {name} {reason}"
                raise ValueError(self._stopped)
            found: Cell = self._scratch.execute(f"SELECT {name}({', '.join('?' * len(values))})", values).fetchone()[0]
            return found

        return call

    def _tick(self) -> int:
        self._steps += STEP_BLOCK
        if self._steps > STEP_LIMIT:
            self._stopped = f"stopped: the query took more than {STEP_LIMIT} steps"
        elif time.monotonic() > self._deadline:
            self._stopped = "stopped: the query took too long"
        return bool(self._stopped)


def show(result: Result) -> str:
    """A result as the model sees it: a row a line, cells joined by `` | ``; the cut is said."""
    if not result.rows:
        return "empty"
    lines = [" | ".join(_cell(c) for c in row) for row in result.rows[:ROW_LIMIT]]
    if len(result.rows) > ROW_LIMIT:
        total = f"more than {READ_LIMIT}" if result.more else str(len(result.rows))
        lines.append(f"(first {ROW_LIMIT} of {total} rows)")
    return "\n".join(lines)


def _cell(value: Cell) -> str:
    if value is None:
        return "null"
    return value.hex() if isinstance(value, bytes) else str(value)


def _reads_clock(arguments: int, texts: list[str]) -> str:
    present = len(texts) < arguments or any(text.lower() in CLOCK_WORDS for text in texts)
    return "of the present changes from call to call; give a date" if present else ""


def _pads(texts: list[str]) -> str:
    return "with a width of more than 999" if texts and PADDING.search(texts[0]) else ""


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    if action in READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
