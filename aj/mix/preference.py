"""Preference pairs: a conversation up to an assistant turn, a chosen turn, a rejected one, and the rule it breaks."""

import json
from typing import Any

from aj.chat import RowError, normalise
from aj.errors import DataError

COLUMNS = ("prompt", "chosen", "rejected", "broken_rule", "group", "split")


def check_pair(row: dict[str, Any] | RowError, place: str) -> dict[str, Any]:
    """The pair with the columns that training reads.

    Raises DataError when it cannot be read, lacks a column, when both turns say the same, or when the prompt gives the label away.
    """
    if isinstance(row, RowError):
        raise DataError(f"preference pair at {place} cannot be read ({row}): mend or remove it.")
    missing = [column for column in COLUMNS if not isinstance(row.get(column), str)]
    if missing:
        raise DataError(f"preference pair at {place} has no text in column {missing[0]!r}: it needs {', '.join(COLUMNS)}.")
    pair = {column: row[column] for column in COLUMNS}
    if pair["split"] not in ("train", "held_out"):
        raise DataError(f"preference pair at {place} has split {pair['split']!r}: write train or held_out.")
    for side in ("chosen", "rejected"):
        turn = {"role": "assistant", "content": pair[side]}
        try:
            normalise({"messages": [*json.loads(pair["prompt"]), turn]})
        except (RowError, json.JSONDecodeError) as error:
            raise DataError(f"preference pair at {place}: the {side} turn cannot be read ({error}): mend or remove it.") from None
    if pair["chosen"] == pair["rejected"]:
        raise DataError(f"preference pair at {place}: chosen and rejected are both {pair['chosen'][:80]!r}; remove it.")
    if pair["broken_rule"] in pair["prompt"]:
        raise DataError(f"preference pair at {place}: its prompt contains the label {pair['broken_rule']!r}; remove it.")
    return pair
