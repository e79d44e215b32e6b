"""A preference pair as it is stored: text columns, of which some hold JSON."""

import json
from typing import Any

Pair = dict[str, Any]

COLUMNS = ("prompt", "chosen", "rejected", "broken_rule", "group", "split")
CALLS = ("chosen_calls", "rejected_calls", "tools")
"""JSON lists as text; a pair without them calls no tool."""


def turn(pair: Pair, side: str) -> dict[str, Any]:
    """The message of one side, "chosen" or "rejected"."""
    calls = json.loads(pair[f"{side}_calls"])
    return {"role": "assistant", "content": pair[side], **({"tool_calls": calls} if calls else {})}
