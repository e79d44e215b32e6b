"""Hugging Face datasets, by id and revision: landed as Parquet with their columns mapped to the one message schema.

What is not covered yet: resuming a stream in the middle (the hub's cache resumes whole files).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aj.errors import DataError, ParamsError
from aj.params import COMMIT
from aj.sources import rows
from aj.sources.card import Hub

FORBIDDEN = ("test", "eval", "validation", "holdout")
COLUMNS = ({"messages"}, {"question", "answer"})


def land(card: Hub, name: str, out: Path) -> int:
    """Fetch a dataset split and write it as Parquet under ``out/rows``; returns the number of rows."""
    if any(word in card.split.lower() for word in FORBIDDEN):
        raise DataError(f"source {name!r} names split {card.split!r}: evaluation data does not go into training; name another.")
    if set(card.columns) not in COLUMNS:
        raise ParamsError(
            f"source {name!r} maps columns {', '.join(card.columns) or 'none'}: write {{messages: COLUMN}}, "
            "or {question: COLUMN, answer: COLUMN}."
        )
    return rows.write(out / "rows" / "data.parquet", (_map(row, card.columns) for row in _rows(card, name)))


def _rows(card: Hub, name: str) -> Iterator[Mapping[str, Any]]:
    from datasets import load_dataset
    from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
    from huggingface_hub.errors import HfHubHTTPError

    # The bases are OSError and the HTTP client's own error, which a broken connection raises bare.
    unreadable = (DatasetNotFoundError, DatasetGenerationError, ValueError, *HfHubHTTPError.__bases__)
    try:
        data = load_dataset(card.id, name=card.name, revision=_revision(card, name), split=card.split, streaming=True)
        missing = [c for c in card.columns.values() if data.column_names and c not in data.column_names]
        if missing:
            raise DataError(f"dataset {card.id!r} has no column {missing[0]!r}: it has {', '.join(data.column_names or [])}.")
        yield from data.take(card.limit) if card.limit else data
    except StopIteration:  # what datasets 5.2 raises for a file without a row
        raise DataError(f"dataset {card.id!r} at revision {card.revision!r} has no row: check id, name and split.") from None
    except unreadable as error:
        raise DataError(
            f"dataset {card.id!r} at revision {card.revision!r} cannot be read ({' '.join(str(error).split())[:200]}): check the "
            f"id, accept its licence at huggingface.co/datasets/{card.id} if it is gated, and set HF_TOKEN."
        ) from None


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


def _map(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    if "messages" in columns:
        messages = row.get(columns["messages"])
    else:
        messages = [
            {"role": "user", "content": row.get(columns["question"])},
            {"role": "assistant", "content": row.get(columns["answer"])},
        ]
    return {"messages": list(_roles(messages)) if isinstance(messages, list) else messages, "tools": []}


def _roles(messages: list[Any]) -> Iterator[Any]:
    # Other columns of a turn (WildChat's toxicity scores, say) are not part of the message.
    for message in messages:
        yield {k: message[k] for k in ("role", "content", "tool_calls") if k in message} if isinstance(message, dict) else message
