"""The unit of work: a stretch of one landed file that one process can clean on its own.

JSONL is cut at line ends into stretches of about PART_BYTES, Parquet at row groups into about PART_ROWS rows. Parts stand in
the order of sources in params.yaml, then file name, then position: that order is the priority in which duplicates are kept.
What is not covered: a single JSON line longer than memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj.chat import RowError
from aj.sources import rows

PART_BYTES = 8 << 20
PART_ROWS = 16384
SUFFIXES = (".jsonl", ".parquet")


@dataclass(frozen=True)
class Part:
    """A stretch of ``file``: bytes [start, stop) of JSONL or row groups [start, stop) of Parquet."""

    index: int
    source: str
    file: str
    """Relative to the folder that was planned."""
    start: int
    stop: int
    first: int
    """Number of the first line or row, counted from 1."""
    weight: int = 1
    """How often each of its rows is repeated in training."""
    formats: tuple[str, ...] | None = None
    """What is derived from its lines where they are raw episodes; None: a line is a row."""


def plan(raw: Path, pins: Mapping[str, Mapping[str, Any]]) -> list[Part]:
    """Parts of every source under ``raw/NAME/rows``. ``pins``: source -> what its pin says, of which two entries count here:
    ``weights`` (glob of file names -> repeat factor) and ``formats`` (what is derived from raw episodes)."""
    parts: list[Part] = []
    for source, pin in pins.items():
        factors, formats = pin.get("weights", {}), tuple(pin["formats"]) if "formats" in pin else None
        files = sorted(f for f in (raw / source / "rows").rglob("*.*") if f.suffix in SUFFIXES)
        for file in files:
            weight = next((n for glob, n in factors.items() if file.relative_to(raw / source / "rows").match(glob)), 1)
            for start, stop, first in _stretches(file):
                parts.append(Part(len(parts), source, str(file.relative_to(raw)), start, stop, first, weight, formats))
    return parts


def read(raw: Path, part: Part) -> Iterator[tuple[str, dict[str, Any] | RowError]]:
    """Rows of a part as (place, row), or (place, RowError) where a line cannot be read."""
    file = raw / part.file
    if file.suffix == ".jsonl":
        found = rows.read_lines(file.name, _within(file, part), first=part.first)
        if part.formats is not None:
            from aj.mix import derive  # loads pydantic, which no other kind of source needs in its workers

            found = derive.derived(found, part.formats)
        yield from found
    else:
        yield from rows.read_groups(file, range(part.start, part.stop), first=part.first)


def _within(file: Path, part: Part) -> Iterator[bytes]:
    with file.open("rb", buffering=1 << 20) as stream:
        stream.seek(part.start)
        left = part.stop - part.start
        while left > 0 and (line := stream.readline()):
            left -= len(line)
            yield line


def _stretches(file: Path) -> Iterable[tuple[int, int, int]]:
    return _lines(file) if file.suffix == ".jsonl" else _groups(file)


def _lines(file: Path) -> Iterator[tuple[int, int, int]]:
    start, first = 0, 1
    with file.open("rb") as stream:
        while block := stream.read(PART_BYTES):
            block += stream.readline()
            yield start, start + len(block), first
            start, first = start + len(block), first + block.count(b"\n")


def _groups(file: Path) -> Iterator[tuple[int, int, int]]:
    sizes = rows.group_sizes(file)
    start, first, count = 0, 1, 0
    for group, size in enumerate(sizes):
        count += size
        if count >= PART_ROWS or group == len(sizes) - 1:
            yield start, group + 1, first
            start, first, count = group + 1, first + count, 0
