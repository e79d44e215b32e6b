"""Grading an answer by the type of the gold answer.

Integer exact (42 = 42.0 = "42"); float within 1 %; string without case and white space; list without order unless
the gold SQL orders it; table as a bag of rows. An empty answer is never right. Source: spec of SQLEnv, "Grading".
"""

import json
import re
from collections import Counter

from aj.sqlenv.actions import unfence
from aj.sqlenv.database import Cell, Row

RELATIVE = 0.01
LEAD = re.compile(r"\s*answer\s*:\s*", re.IGNORECASE)
QUOTES = "\"'`"


def right(answer: str, gold: tuple[Row, ...], *, ordered: bool = False) -> bool:
    """Whether an answer in words matches the gold rows; ``ordered``: the gold SQL has an ORDER BY."""
    text = clean(answer)
    if not text or not gold:
        return False
    if len(gold) == 1 and len(gold[0]) == 1:
        return same_cell(text, gold[0][0])
    if all(len(row) == 1 for row in gold):
        return _same_items([(item,) for item in _items(text)], gold, ordered)
    rows = [tuple(clean(c) for c in line.split("|")) for line in text.splitlines() if line.strip()]
    return _same_items(rows, gold, ordered)


def clean(text: str) -> str:
    """The answer without code fence, leading ``Answer:``, surrounding quotes and white space."""
    text = LEAD.sub("", unfence(text), count=1).strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES:
        text = text[1:-1].strip()
    return text


def same_cell(text: str, gold: Cell) -> bool:
    """One cell of an answer against one gold value, by the gold's type."""
    if gold is None:
        return text.strip().lower() in ("null", "none")
    if isinstance(gold, int):
        number = _number(text)
        return number is not None and number == gold
    if isinstance(gold, float):
        number = _number(text)
        return number is not None and abs(number - gold) <= RELATIVE * abs(gold)
    wanted = gold.hex() if isinstance(gold, bytes) else gold
    return bool(_fold(text)) and _fold(text) == _fold(wanted)


def _same_items(given: list[tuple[str, ...]], gold: tuple[Row, ...], ordered: bool) -> bool:
    if len(given) != len(gold):
        return False
    if ordered:
        return all(_same_row(g, row) for g, row in zip(given, gold, strict=True))
    # A bag: exact forms cancel first, what is left (floats within 1 %) is matched greedily.
    left = list(given)
    for row in sorted(gold, key=lambda r: any(isinstance(c, float) for c in r)):
        match = next((g for g in left if _same_row(g, row)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _same_row(given: tuple[str, ...], gold: Row) -> bool:
    return len(given) == len(gold) and all(same_cell(g, c) for g, c in zip(given, gold, strict=True))


def _items(text: str) -> list[str]:
    if text.startswith("["):
        try:
            return [clean(str(item)) for item in json.loads(text)]
        except json.JSONDecodeError:
            text = text.strip("[]")
    parts = text.splitlines() if "\n" in text else text.split(",")
    return [clean(part) for part in parts if part.strip()]


def _number(text: str) -> float | None:
    try:
        value = float(text.replace(",", "") if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", text.strip()) else text)
    except ValueError:
        return None
    return value if value == value and abs(value) != float("inf") else None


def _fold(text: str) -> str:
    return "".join(text.split()).casefold()


def bag(rows: tuple[Row, ...]) -> Counter[str]:
    """Cells of a result as a bag of text, numbers in one form (42 = 42.0)."""
    return Counter(f"{float(c):.9g}" if isinstance(c, int | float) else str(c) for row in rows for c in row)
