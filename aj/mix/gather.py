"""Write chosen rows, in their final order, as one Parquet file, with memory that does not grow with their number.

The chosen rows lie scattered over all parts. One pass over the parts deals them out to chunks of the output (spilled to
disk as Arrow streams); then each chunk is put in order and written.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from aj.errors import DataError
from aj.mix import columns
from aj.mix.choose import Ints, Keys
from aj.mix.clean import part_file

if TYPE_CHECKING:
    import pyarrow as pa

Item = TypeVar("Item")

CHUNK = 1 << 14  # rows of the output that are put in order at once; more where there would be over MAX_CHUNKS
MAX_CHUNKS = 256  # files that are open at once
REPEATED = ["source", "group", "tools"]  # columns in which values come again
GROUP = 4096  # rows a Parquet row group: training reads it batch by batch


def gather(folder: Path, keys: Keys, order: Ints, out: Path) -> None:
    """Write the rows ``order`` (indices into ``keys``, repeats allowed) to ``out``. Raises DataError for no row."""
    import pyarrow.parquet as pq

    if not len(order):
        raise DataError(f"{out.name} would have 0 rows: check what its sources kept.")
    out.parent.mkdir(parents=True, exist_ok=True)
    spill = folder / "spill"
    spill.mkdir()
    with ExitStack() as stack:
        writer = None
        for table in _ahead(_in_order(_deal(folder, keys, order, spill))):
            writer = writer or stack.enter_context(
                pq.ParquetWriter(out, table.schema, compression="zstd", use_dictionary=REPEATED)
            )
            writer.write_table(table, row_group_size=GROUP)
    shutil.rmtree(spill)


def rows_at(folder: Path, keys: Keys, indices: list[int]) -> list[dict[str, Any]]:
    """A few rows, for the report."""
    found = {
        i: row for ranks, table in _pick(folder, keys, np.array(indices)) for i, row in zip(ranks, table.to_pylist(), strict=True)
    }
    return [found[i] for i in range(len(indices))]


def _pick(folder: Path, keys: Keys, order: Ints) -> "Iterator[tuple[Ints, pa.Table]]":
    """Part by part, the rows that are wanted from it in the order of their places in ``order``, and these places."""
    by_row = np.argsort(order, kind="stable")
    bounds = np.searchsorted(order[by_row], keys.starts)
    for part, start, low, high in zip(keys.parts, keys.starts, bounds, bounds[1:], strict=False):
        if high > low:
            places = np.sort(by_row[low:high])
            yield places, columns.read(part_file(folder, part.index, ".arrow")).take(columns.integers(order[places] - start))


def _deal(folder: Path, keys: Keys, order: Ints, spill: Path) -> list[Path]:
    """Deal the rows out to one file a chunk of the output, each with its place in ``order``."""
    import pyarrow as pa

    size = max(CHUNK, -(-len(order) // MAX_CHUNKS))
    files = [spill / f"{chunk}.arrow" for chunk in range(-(-len(order) // size))]
    with ExitStack() as stack:
        writers: dict[int, Any] = {}
        for places, table in _ahead(_pick(folder, keys, order)):
            table = table.append_column("place", columns.integers(places))
            bounds = np.searchsorted(places, np.arange(len(files) + 1) * size)
            for chunk in np.flatnonzero(np.diff(bounds)).tolist():
                mine = table.slice(bounds[chunk], bounds[chunk + 1] - bounds[chunk])
                if chunk not in writers:
                    writers[chunk] = stack.enter_context(pa.ipc.new_stream(files[chunk], mine.schema))
                writers[chunk].write_table(mine)
    return files


def _in_order(files: list[Path]) -> "Iterator[pa.Table]":
    import pyarrow as pa

    for file in files:
        with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
            yield stream.read_all().sort_by("place").drop_columns(["place"])
        file.unlink()


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items, each made by a thread while the one before is used: Arrow lets go of the interpreter lock."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
