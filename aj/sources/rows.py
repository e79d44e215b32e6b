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
    """Write rows as one Parquet file (zstd); lists and objects become JSON text. Returns the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    count, writer = 0, None
    for batch in _batches(rows):
        table = pa.Table.from_pylist([{k: _text(v) for k, v in row.items()} for row in batch])
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
            for number, line in enumerate(stream, 1):
                if not line.strip():
                    continue
                try:
                    yield f"{path.name}:{number}", parse_line(line.rstrip(b"\r\n"))
                except RowError as error:
                    yield f"{path.name}:{number}", error
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        for batch in pq.ParquetFile(path).iter_batches(BATCH):
            for row in batch.to_pylist():
                number += 1
                yield f"{path.name}:{number}", row
    except pa.ArrowException as error:
        raise DataError(
            f"{path.name} is not a whole Parquet file ({' '.join(str(error).split())[:200]}): write it again."
        ) from None


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
