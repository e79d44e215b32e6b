"""Preference pairs: a conversation up to an assistant turn, a chosen turn, a rejected one, and the rule it breaks.

A turn is its text and its tool calls, both stored as text. ``broken_rule`` names the family that DPO's report counts by.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from aj.chat import Conversation, RowError, normalise
from aj.errors import DataError
from aj.hashing import canonical
from aj.mix import diverge
from aj.mix.account import Account
from aj.mix.leaks import Candidate
from aj.mix.pair import CALLS, COLUMNS, Pair, turn
from aj.sources import rows


def read(raw: Path, pins: Mapping[str, Mapping[str, Any]], validation: float) -> tuple[list[Pair], dict[str, Account]]:
    """Pairs of all sources, checked, in order, with their source and an id; and an account for each source that has any.

    They are landed as pairs (``pairs.parquet``, where a bad one stops the build), or derived from raw episodes whose pin
    names the format preference (diverge.py). Raises DataError where a source of that format gives none.
    """
    pairs: list[Pair] = []
    known: set[str] = set()
    accounts: dict[str, Account] = {}
    for name, pin in pins.items():
        for place, row in _of_source(raw / name, pin, validation):
            account = accounts.setdefault(name, Account(name))
            account.rows_in += 1
            if isinstance(row, RowError):
                account.drop(row.bucket, place, str(row))
                continue
            pair = check_pair(row, place)
            identity = hashlib.sha256(canonical(pair).encode()).hexdigest()[:16]
            if identity in known:
                account.drop("duplicate_pair", place, pair["prompt"])
                continue
            known.add(identity)
            account.kept += 1
            pairs.append({**pair, "source": name, "id": identity})
        if "preference" in pin.get("formats", ()) and not (name in accounts and accounts[name].kept):
            dropped = accounts[name].dropped if name in accounts else {}
            reasons = ", ".join(f"{bucket} {count}" for bucket, count in sorted(dropped.items())) or "all its episodes succeeded"
            raise DataError(f"source {name!r} gives 0 preference pairs ({reasons}): mend its episodes or drop the format.")
    return pairs, accounts


def candidates(pairs: Sequence[Pair]) -> list[Candidate]:
    """The training pairs as what leaks.find looks through: prompt, chosen and rejected turn."""
    found = []
    for pair in pairs:
        if pair["split"] == "train":
            messages = (*json.loads(pair["prompt"]), turn(pair, "chosen"), turn(pair, "rejected"))
            found.append(Candidate(pair["id"], pair["source"], Conversation(messages).text, messages))
    return found


def take(pairs: Sequence[Pair], wanted: int, *, without: Collection[str]) -> dict[str, list[Pair]]:
    """{train, held_out}: ``wanted`` training pairs that are not in ``without`` (ids), in their order, and all held-out ones.

    Which ones is decided by the hash of each, so that every source gives its part. Raises DataError when there are fewer.
    """
    refused = set(without)
    free = [pair["id"] for pair in pairs if pair["split"] == "train" and pair["id"] not in refused]
    if len(free) < wanted:
        raise DataError(f"{len(free)} preference pairs for training, mix.preference_pairs asks {wanted}: lower it.")
    taken = set(sorted(free)[:wanted])  # an id is a hash
    sides: dict[str, list[Pair]] = {"train": [], "held_out": []}
    for pair in pairs:
        if pair["split"] == "held_out" or pair["id"] in taken:
            sides[pair["split"]].append({column: pair[column] for column in (*COLUMNS, *CALLS)})
    return sides


def check_pair(row: dict[str, Any] | RowError, place: str) -> dict[str, Any]:
    """The pair with the columns that training reads.

    Raises DataError when it cannot be read, lacks a column, when both turns say the same, or when the prompt gives the label away.
    """
    if isinstance(row, RowError):
        raise DataError(f"preference pair at {place} cannot be read ({row}): mend or remove it.")
    missing = [column for column in COLUMNS if not isinstance(row.get(column), str)]
    if missing:
        raise DataError(f"preference pair at {place} has no text in column {missing[0]!r}: it needs {', '.join(COLUMNS)}.")
    pair = {column: row[column] for column in COLUMNS} | {column: row.get(column) or "[]" for column in CALLS}
    if pair["split"] not in ("train", "held_out"):
        raise DataError(f"preference pair at {place} has split {pair['split']!r}: write train or held_out.")
    for side in ("chosen", "rejected"):
        try:
            normalise({"messages": [*json.loads(pair["prompt"]), turn(pair, side)], "tools": pair["tools"]})
        except (RowError, json.JSONDecodeError) as error:
            raise DataError(f"preference pair at {place}: the {side} turn cannot be read ({error}): mend or remove it.") from None
    if turn(pair, "chosen") == turn(pair, "rejected"):
        raise DataError(f"preference pair at {place}: chosen and rejected are both {pair['chosen'][:80]!r}; remove it.")
    if pair["broken_rule"] in pair["prompt"]:
        raise DataError(f"preference pair at {place}: its prompt contains the label {pair['broken_rule']!r}; remove it.")
    return pair


def _of_source(folder: Path, pin: Mapping[str, Any], validation: float) -> Iterator[tuple[str, dict[str, Any] | RowError]]:
    landed = folder / "pairs.parquet"
    if landed.is_file():
        yield from rows.read(landed)
    if "preference" in pin.get("formats", ()):
        files = sorted((folder / "rows").rglob("*.jsonl"))
        yield from diverge.pairs((line for file in files for line in rows.read(file)), validation)
