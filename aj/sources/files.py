"""Local JSONL and Parquet files: landed byte for byte, so that a broken row stays visible until it is counted."""

import shutil
from pathlib import Path

from aj.errors import DataError
from aj.sources import rows
from aj.sources.card import CARDS, Files

SUFFIXES = (".jsonl", ".parquet")


def land(card: Files, name: str, out: Path) -> int:
    """Copy the card's files into ``out/rows``; returns the number of rows, broken ones included.

    Raises DataError for a pattern without a file, a file of another kind, or a source without a row.
    """
    found: list[Path] = []
    for pattern in card.paths:
        matches = sorted((CARDS / name).glob(pattern))
        if not matches:
            raise DataError(f"source {name!r}: no file matches {str(CARDS / name / pattern)!r}; put it there or mend the card.")
        found += [path for path in matches if path not in found]
    count = 0
    for path in found:
        if path.suffix not in SUFFIXES:
            raise DataError(f"source {name!r}: {path.name!r} is not one of {', '.join(SUFFIXES)}: convert it or mend the card.")
        target = out / "rows" / path.relative_to(CARDS / name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        count += sum(1 for _ in rows.read(target))
    if count == 0:
        raise DataError(f"source {name!r} is empty: {', '.join(p.name for p in found)} has 0 rows; fill it or remove the source.")
    return count
