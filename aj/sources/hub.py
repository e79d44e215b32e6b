"""Hugging Face datasets, by id and revision: streamed, filtered, mapped to the one message schema, landed as Parquet in parts.

Parts are written into a resume folder, each with the stream's position after it; a killed run goes on after its last whole
part and lands the same bytes as an undisturbed one. What it fetches again is the row group that holds the position and the one
before it (which may be the end of the file before); of a JSON file, all of it up to there.
What is not covered: a local folder that stands for a repository has no revision, so a change between two runs is not seen.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from aj.cross_checks import COMMIT
from aj.errors import DataError
from aj.hashing import canonical
from aj.params import as_dict
from aj.sources import columns, pin, rows
from aj.sources.card import Hub, refuse_evaluation

if TYPE_CHECKING:
    from datasets import IterableDataset

PART = 10_000  # rows landed in a file; a killed run loses fewer than this
PROGRESS = "progress.json"


@dataclass
class Progress:
    """What has landed of a stream, and where it goes on."""

    of: str
    """Hash of the card and of the library whose position this is; another one starts anew."""
    parts: int = 0
    rows: int = 0
    read: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    position: dict[str, Any] | None = None
    done: bool = False


def land(card: Hub, name: str, out: Path, resume: Path) -> tuple[int, dict[str, int]]:
    """Fetch a dataset split and write it as Parquet under ``out/rows``; returns the number of rows, and an account: rows
    ``read`` and rows dropped by each filter (``filtered.COLUMN``), with read = landed + dropped.

    Raises ParamsError for a card that maps nothing known, DataError for evaluation data, a dataset that cannot be read and one
    without a row. None of them leaves a file under ``out``; whole parts stay in ``resume``.
    """
    refuse_evaluation(name, card.split, card.name or "", *(card.data_files or []))
    to_messages = columns.mapping(card, name)
    progress = _progress(card, resume)
    if not progress.done:
        _fetch(card, name, to_messages, progress, resume)
    if not progress.read:
        raise _empty(card)
    if not progress.rows:
        reasons = ", ".join(f"{column} {count}" for column, count in sorted(progress.dropped.items()))
        raise DataError(f"source {name!r}: 0 of {progress.read} rows pass its filters ({reasons}): mend filters in its card.")
    for number in range(progress.parts):
        pin.place(_part(resume, number), out / "rows" / _part(resume, number).name)
    return progress.rows, {"read": progress.read, **{f"filtered.{c}": progress.dropped.get(c, 0) for c in card.filters}}


def _fetch(card: Hub, name: str, to_messages: Callable[[columns.Row], str], progress: Progress, resume: Path) -> None:
    batch: list[dict[str, Any]] = []
    data = _open(card, name, progress.position)
    for row in tqdm(_rows(card, data), desc=name, unit=" rows", initial=progress.read):
        progress.read += 1
        if column := columns.refusal(row, card):
            progress.dropped[column] = progress.dropped.get(column, 0) + 1
            continue
        batch.append({"messages": to_messages(row), "tools": "[]"})
        if progress.rows + len(batch) == card.limit:
            break
        if len(batch) == PART:
            _save(batch, progress, resume, data.state_dict())
            batch = []
    progress.done = True
    _save(batch, progress, resume, None)


def _save(batch: list[dict[str, Any]], progress: Progress, resume: Path, position: dict[str, Any] | None) -> None:
    if batch:
        _publish(_part(resume, progress.parts), lambda path: rows.write(path, batch))
        progress.parts += 1
        progress.rows += len(batch)
    progress.position = position
    _publish(resume / PROGRESS, lambda path: path.write_text(json.dumps(asdict(progress))))


def _publish(path: Path, write: Callable[[Path], object]) -> None:
    """A file that is there is whole: written beside its name, synced, renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    write(draft)
    with draft.open("rb") as stream:
        os.fsync(stream.fileno())
    draft.replace(path)


def _progress(card: Hub, resume: Path) -> Progress:
    of = hashlib.sha256(canonical([as_dict(card), PART, version("datasets"), version("pyarrow")]).encode()).hexdigest()
    path = resume / PROGRESS
    known = Progress(**json.loads(path.read_text())) if path.is_file() else Progress(of)
    return known if known.of == of and all(_part(resume, n).is_file() for n in range(known.parts)) else Progress(of)


def _part(resume: Path, number: int) -> Path:
    return resume / f"part-{number:05d}.parquet"


def _open(card: Hub, name: str, position: dict[str, Any] | None) -> "IterableDataset":
    """The stream of the columns that the card names, at a position that its ``state_dict`` gave."""
    from datasets import load_dataset_builder

    wanted = list(dict.fromkeys([*card.columns.values(), *card.filters]))
    try:
        revision = _revision(card, name)
        builder = load_dataset_builder(card.id, name=card.name, revision=revision, data_files=_data_files(card))
        data: IterableDataset = builder.as_streaming_dataset(split=card.split)
        known = data.column_names or list(next(iter(data)))
        missing = [column for column in wanted if column not in known]
        if missing:
            raise DataError(f"dataset {card.id!r} has no column {missing[0]!r}: it has {', '.join(known)}.")
        if hasattr(builder.config, "columns"):  # Parquet: the others are not even fetched
            builder.config.columns = wanted
            data = builder.as_streaming_dataset(split=card.split)
        data = data.select_columns(wanted)
        if position:
            data.load_state_dict(position)
    except StopIteration:
        raise _empty(card) from None
    except _unreadable() as error:
        raise _cannot_read(card, error) from None
    return data


def _rows(card: Hub, data: "IterableDataset") -> Iterator[columns.Row]:
    try:
        yield from data
    except StopIteration:  # what datasets 5.2 raises for a file without a row
        raise _empty(card) from None
    except _unreadable() as error:
        raise _cannot_read(card, error) from None


def _unreadable() -> tuple[type[Exception], ...]:
    from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
    from huggingface_hub.errors import HfHubHTTPError

    # The bases are OSError and the HTTP client's own error, which a broken connection raises bare.
    return (DatasetNotFoundError, DatasetGenerationError, ValueError, *HfHubHTTPError.__bases__)


def _cannot_read(card: Hub, error: Exception) -> DataError:
    return DataError(
        f"dataset {card.id!r} at revision {card.revision!r} cannot be read ({' '.join(str(error).split())[:200]}): check id and "
        f"network, accept its licence ({card.licence}) at huggingface.co/datasets/{card.id} if it is gated, and set HF_TOKEN."
    )


def _empty(card: Hub) -> DataError:
    return DataError(f"dataset {card.id!r} at revision {card.revision!r} has no row: check id, name and split.")


def _data_files(card: Hub) -> dict[str, list[str]] | None:
    return {card.split: card.data_files} if card.data_files else None


def _revision(card: Hub, name: str) -> str | None:
    if Path(card.id).is_dir():
        return None  # a local folder has no revisions
    if COMMIT.fullmatch(card.revision):
        return card.revision
    from huggingface_hub import HfApi

    now = HfApi().dataset_info(card.id, revision=card.revision).sha
    raise DataError(
        f"dataset {card.id!r}: {card.revision!r} moves; write the commit it points to now, {now}, into the card of {name!r}."
    )
