"""Hugging Face datasets, by id and revision: landed as Parquet with their columns mapped to the one message schema.

What is not covered yet: resuming a stream in the middle (the hub's cache resumes whole files).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aj.errors import DataError
from aj.sources import rows
from aj.sources.card import Hub

FORBIDDEN = ("test", "eval", "validation", "holdout")


def land(card: Hub, name: str, out: Path) -> int:
    """Fetch a dataset split and write it as Parquet under ``out/rows``; returns the number of rows."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    if any(word in card.split.lower() for word in FORBIDDEN):
        raise DataError(f"source {name!r} names split {card.split!r}: evaluation data does not go into training; name another.")
    try:
        data = load_dataset(card.id, name=card.name, revision=_revision(card), split=card.split, streaming=True)
    except (DatasetNotFoundError, ConnectionError, FileNotFoundError, ValueError) as error:
        raise DataError(
            f"dataset {card.id!r} at revision {card.revision!r} cannot be read ({' '.join(str(error).split())[:200]}): check the "
            f"id, accept its licence at huggingface.co/datasets/{card.id} if it is gated, and set HF_TOKEN."
        ) from None
    missing = [c for c in card.columns.values() if data.column_names and c not in data.column_names]
    if missing:
        raise DataError(f"dataset {card.id!r} has no column {missing[0]!r}: it has {', '.join(data.column_names or [])}.")
    taken = data.take(card.limit) if card.limit else data
    return rows.write(out / "rows" / "data.parquet", (_map(row, card.columns) for row in taken))


def _revision(card: Hub) -> str | None:
    return None if Path(card.id).is_dir() else card.revision  # a local folder has no revisions


def _map(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    if "messages" in columns:
        messages = row[columns["messages"]]
    else:
        messages = [
            {"role": "user", "content": row[columns["question"]]},
            {"role": "assistant", "content": row[columns["answer"]]},
        ]
    return {"messages": list(_roles(messages)) if isinstance(messages, list) else messages, "tools": []}


def _roles(messages: list[Any]) -> Iterator[Any]:
    # Other columns of a turn (WildChat's toxicity scores, say) are not part of the message.
    for message in messages:
        yield {k: message[k] for k in ("role", "content", "tool_calls") if k in message} if isinstance(message, dict) else message
