"""Rows on disk: written as Parquet with JSON text, read back one by one from Parquet or JSONL.

Messages and tools are JSON text inside Parquet: nested Arrow columns grow ``null`` keys in tool arguments.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aj.chat import RowError, parse_line
from aj.errors import DataError
from aj.hashing import canonical

BATCH = 4096


def write(path: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows as one Parquet file (zstd); lists and objects become JSON text. Returns the number of rows.

    A row may lack columns, which are null then. Raises DataError for no row, and for a column that no row of the first
    batch has.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    count, writer = 0, None
    columns: dict[str, None] = {}
    for batch in _batches(rows):
        found = dict.fromkeys(key for row in batch for key in row)  # from_pylist would take the first row's keys for all
        columns = columns or found
        if strange := [key for key in found if key not in columns]:
            raise DataError(f"{path.name}: column {strange[0]!r} comes after row {count}: give the first rows all columns.")
        table = pa.Table.from_pylist([{k: _text(row.get(k)) for k in columns} for row in batch])
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table.cast(writer.schema))
        count += len(batch)
    if writer is None:
        raise DataError(f"{path.name} would have 0 rows: check what its source kept.")
    writer.close()
    return count


def read(path: Path) -> Iterator[tuple[str, dict[str, Any] | RowError]]:
    """Rows of a Parquet or JSONL file as (place, row), or (place, RowError) where a line cannot be read."""
    if path.suffix == ".jsonl":
        with path.open("rb") as stream:
            yield from read_lines(path.name, stream)
    else:
        yield from read_groups(path, range(len(group_sizes(path))))


def read_lines(name: str, lines: Iterable[bytes], *, first: int = 1) -> Iterator[tuple[str, dict[str, Any] | RowError]]:
    """Rows of JSONL lines; ``first`` is the number of the first one. Blank lines are no rows."""
    for number, line in enumerate(lines, first):
        if not line.strip():
            continue
        try:
            yield f"{name}:{number}", parse_line(line.rstrip(b"\r\n"))
        except RowError as error:
            yield f"{name}:{number}", error


def read_groups(path: Path, groups: Iterable[int], *, first: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of some row groups of a Parquet file; ``first`` is the number of the first row."""
    import pyarrow as pa

    number = first - 1
    try:
        for batch in _parquet(path).iter_batches(BATCH, row_groups=list(groups)):
            for row in batch.to_pylist():
                number += 1
                yield f"{path.name}:{number}", row
    except pa.ArrowException as error:
        raise _not_whole(path, error) from None


def group_sizes(path: Path) -> list[int]:
    """Number of rows in each row group of a Parquet file."""
    meta = _parquet(path).metadata
    return [meta.row_group(i).num_rows for i in range(meta.num_row_groups)]


def read_all(path: Path) -> list[dict[str, Any]]:
    """Every row of a Parquet file that this project wrote."""
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def _batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    batch: list[Mapping[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _text(value: Any) -> Any:
    return canonical(value) if isinstance(value, list | tuple | dict) else value


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except pa.ArrowException as error:
        raise _not_whole(path, error) from None


def _not_whole(path: Path, error: Exception) -> DataError:
    return DataError(f"{path.name} is not a whole Parquet file ({' '.join(str(error).split())[:200]}): write it again.")
