"""Raw agent episodes beside the card: landed byte for byte, every line checked against the one schema (trace.py).

Training rows are not made here: they are derived when the mix is made (aj/mix/derive.py), so that a trace is stored once.
New ones are written by a teacher (endpoint.py).
"""

import re
import shutil
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from aj.chat import RowError
from aj.errors import DataError, ParamsError
from aj.sources import rows, trace
from aj.sources.card import Endpoint, Episodes, beside

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


def land(card: Episodes, name: str, out: Path) -> tuple[int, dict[str, int]]:
    """Copy the card's files to ``out/rows``; returns the number of lines, broken ones included, and an account: the lines of
    each file (``rows.FILE``), whole episodes (``episodes``), and broken ones by bucket (``broken.BUCKET``).

    Raises DataError for a pattern without a file, a file that is not .jsonl and a source without a whole episode; ParamsError
    for a card that holds a secret. None of them leaves a file under ``out``.
    """
    if card.teacher:
        refuse_secrets(card.teacher)
    files = beside(name, card.paths, [".jsonl"])
    counts: dict[str, int] = {}
    found: Counter[str] = Counter()
    for file, path in files.items():
        counts[f"rows.{file}"] = 0
        for _, raw in rows.read(path):
            counts[f"rows.{file}"] += 1
            try:
                trace.read(raw)
                found["episodes"] += 1
            except RowError as error:
                found[f"broken.{error.bucket}"] += 1
    if not found["episodes"]:
        reasons = ", ".join(f"{bucket} {count}" for bucket, count in sorted(found.items()) if count) or "its files are empty"
        raise DataError(f"source {name!r} has no whole episode ({reasons}): mend its files, or have a teacher write some.")
    for file, path in files.items():
        target = out / "rows" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return sum(counts.values()), {**counts, **dict(sorted(found.items()))}


def refuse_secrets(teacher: Endpoint) -> None:
    """Raise ParamsError where a key stands in the card instead of its variable's name; the sentence does not repeat it."""
    if not VARIABLE.fullmatch(teacher.key_variable):
        raise ParamsError(
            "teacher.key_variable is not the name of an environment variable: write the variable's name there, "
            "in capitals, and the key into the environment only."
        )
    if "@" in urlsplit(teacher.base_url).netloc:
        raise ParamsError("teacher.base_url has a user or password in it: take it out, a card is public.")
