"""A SQLite database that can only be read, and only for so long.

Opened with ``mode=ro&immutable=1`` and an authorizer that lets nothing but reads through. A query ends after a
number of virtual-machine steps, so that a slow machine never changes a reward; a wall clock stands behind it as a
last resort. Functions whose value changes from call to call are refused: a rollout must replay byte for byte.
"""

import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from aj.errors import EpisodeError

Cell = str | int | float | bytes | None
Row = tuple[Cell, ...]

STEP_LIMIT = 2_000_000  # virtual-machine steps a query
STEP_BLOCK = 10_000  # steps between two calls of the progress handler
WALL_LIMIT = 5.0  # seconds, last resort
LENGTH_LIMIT = 1_000_000  # bytes of one string or blob, and of one statement
ROW_LIMIT = 20  # rows shown of a result
READ_LIMIT = 1_000  # rows read of a result, for the reward; more are never fetched

READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
REFUSED_FUNCTIONS = {"load_extension", "random", "randomblob", "changes", "last_insert_rowid", "total_changes"}


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
        self._connection = sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True)
        try:
            self.tables = self._read_schema()
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise EpisodeError(f"{str(path)!r} is not a SQLite database ({error}): fetch it again.") from None
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LENGTH_LIMIT)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, LENGTH_LIMIT)
        self._connection.set_authorizer(_authorize)
        self._connection.set_progress_handler(self._tick, STEP_BLOCK)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._connection.close()

    def query(self, sql: str) -> Result:
        """Run one SELECT. Raises QueryError with the reason when it is refused, wrong or stopped."""
        self._steps, self._deadline, self._stopped = 0, time.monotonic() + WALL_LIMIT, ""
        try:
            rows = self._connection.execute(sql).fetchmany(READ_LIMIT + 1)
        except (sqlite3.Error, sqlite3.Warning, ValueError, UnicodeError, MemoryError) as error:
            raise QueryError(self._stopped or str(error) or type(error).__name__) from None
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


def _authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
    if action in READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in REFUSED_FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY
