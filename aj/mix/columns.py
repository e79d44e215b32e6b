"""Rows of texts as Arrow files, one lz4 batch after the other, and columns made from their buffers.

pyarrow's own ``array`` would load pandas, a second a process.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aj.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


def texts(values: Sequence[bytes]) -> "pa.StringArray":
    """UTF-8 texts as a column. Raises DataError where they have 2 GB or more together."""
    import pyarrow as pa

    offsets = np.append(0, np.cumsum(np.fromiter(map(len, values), np.int64, len(values))))
    if offsets[-1] > np.iinfo(np.int32).max:
        raise DataError(
            f"{len(values)} rows have {offsets[-1]} bytes, more than fit into one batch: drop the longest rows first."
        )
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(b"".join(values)))


def integers(values: npt.NDArray[np.int64]) -> "pa.Int64Array":
    """Integers as a column."""
    import pyarrow as pa

    return pa.Int64Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def batch(values: Mapping[str, Sequence[bytes]]) -> "pa.RecordBatch":
    """Columns of UTF-8 texts by name, as one batch."""
    import pyarrow as pa

    return pa.RecordBatch.from_arrays([texts(column) for column in values.values()], schema=_schema(values))


def writer(path: Path, names: Iterable[str]) -> "pa.RecordBatchFileWriter":
    """A writer of such batches; a context manager."""
    import pyarrow as pa

    return pa.ipc.new_file(path, _schema(names), options=pa.ipc.IpcWriteOptions(compression="lz4"))


def read(path: Path) -> "pa.Table":
    """All batches of such a file."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as file:
        return file.read_all()


def _schema(names: Iterable[str]) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in names])
