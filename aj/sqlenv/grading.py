"""Grading an answer by the type of the gold answer.

Integer exact (42 = 42.0 = "42"); float within 1 %; string without case and white space; list without order unless
the gold SQL orders it, and then rows that tie in its ORDER BY may stand in any order among themselves; table as a bag of rows.
An empty answer is never right. Source: spec of SQLEnv, "Grading".
"""

import ast
import itertools
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from aj.sqlenv.actions import unfence
from aj.sqlenv.database import Cell, Row

Order = bool | tuple[int, ...]
"""False: a bag. True: every row in its place. Otherwise the place of each row, rising: rows that share one are a bag."""

RELATIVE = 0.01
LEAD = re.compile(r"\s*answer\s*:\s*", re.IGNORECASE)
QUOTES = "\"'`"
NUMBER = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
RULE = re.compile(r"\|?(\s*:?-+:?\s*\|)+(\s*:?-+:?\s*)?")  # below the header of a Markdown table
LONGEST_LITERAL = 20_000  # characters; what is longer is read line by line
THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")


def right(answer: str, gold: tuple[Row, ...], *, ordered: Order = False) -> bool:
    """Whether an answer in words matches the gold rows; ``ordered``: the places that the gold SQL's ORDER BY gives them.

    Rows are read as they are shown (a line a row, cells between ``|``), as a Markdown table, and as a JSON or Python list.
    """
    text = LEAD.sub("", unfence(answer), count=1).strip()
    # Quotes may stand around the whole answer or around its first and its last cell.
    return bool(gold) and any(_matches(spelling, gold, ordered) for spelling in dict.fromkeys((text, clean(text))) if spelling)


def clean(text: str) -> str:
    """The answer without code fence, leading ``Answer:``, surrounding quotes and white space."""
    text = LEAD.sub("", unfence(text), count=1).strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in QUOTES:
        text = text[1:-1].strip()
    return text


def _matches(text: str, gold: tuple[Row, ...], ordered: Order) -> bool:
    listed = _literal(text)
    if len(gold) == len(gold[0]) == 1:
        given = clean(str(listed[0])) if listed and len(listed) == 1 else ""
        return same_cell(clean(text), gold[0][0]) or (bool(given) and same_cell(given, gold[0][0]))
    rows: list[tuple[str, ...]]
    if listed is not None:
        flat = not any(isinstance(item, list | tuple) for item in listed)
        nested = [listed] if flat and len(gold) == 1 else [item if isinstance(item, list | tuple) else [item] for item in listed]
        rows = [tuple(clean(str(cell)) for cell in row) for row in nested]
    elif all(len(row) == 1 for row in gold):
        rows = [(item,) for item in _items(text)]
    else:
        rows = [tuple(clean(cell) for cell in line.split("|")) for line in _table(text)]
    return _same_items(rows, gold, ordered)


def same_cell(text: str, gold: Cell) -> bool:
    """One cell of an answer against one gold value, by the gold's type."""
    if gold is None:
        return text.strip().lower() in ("null", "none")
    if isinstance(gold, int):
        number = _number(text)
        return number is not None and number == gold
    if isinstance(gold, float):
        number = _number(text)
        return number is not None and abs(float(number) - gold) <= RELATIVE * abs(gold)
    wanted = gold.hex() if isinstance(gold, bytes) else gold
    return bool(_fold(text)) and _fold(text) == _fold(wanted)


def runs(ordered: Order, count: int) -> Iterator[slice]:
    """``count`` rows cut into those that may change places among themselves."""
    places = ordered if isinstance(ordered, tuple) else range(count) if ordered else [0] * count
    start = 0
    for _, tied in itertools.groupby(places):
        end = start + len(list(tied))
        yield slice(start, end)
        start = end


def _same_items(given: list[tuple[str, ...]], gold: tuple[Row, ...], ordered: Order) -> bool:
    return len(given) == len(gold) and all(_same_bag(given[run], gold[run]) for run in runs(ordered, len(gold)))


def _same_bag(given: list[tuple[str, ...]], gold: tuple[Row, ...]) -> bool:
    # Floats within 1 % may fit several rows, so rows are matched by augmenting paths (Kuhn, 1955).
    fits = [[i for i, g in enumerate(given) if _same_row(g, row)] for row in gold]
    taken: dict[int, int] = {}  # given row -> gold row
    return all(_place(row, fits, taken, set()) for row in range(len(gold)))


def _place(row: int, fits: Sequence[Sequence[int]], taken: dict[int, int], tried: set[int]) -> bool:
    for i in sorted(fits[row], key=taken.__contains__):  # free ones first
        if i not in tried:
            tried.add(i)
            if i not in taken or _place(taken[i], fits, taken, tried):
                taken[i] = row
                return True
    return False


def _same_row(given: tuple[str, ...], gold: Row) -> bool:
    return len(given) == len(gold) and all(same_cell(g, c) for g, c in zip(given, gold, strict=True))


def _items(text: str) -> list[str]:
    text = text.strip("[]") if text.startswith("[") else text
    parts = text.splitlines() if "\n" in text else text.split(",")
    return [clean(part) for part in parts if part.strip()]


def _table(text: str) -> list[str]:
    """The lines of a table, without Markdown's outer bars, and without its header where a rule stands below it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and RULE.fullmatch(lines[1]):
        lines = lines[2:]
    return [line[1:-1] if len(line) > 1 and line[0] == line[-1] == "|" else line for line in lines]


def _literal(text: str) -> list[Any] | None:
    """A JSON or Python list, or None."""
    if not text.startswith("[") or len(text) > LONGEST_LITERAL:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):  # a number of thousands of digits, thousands of brackets
            continue
        return found if isinstance(found, list) else None
    return None


def _number(text: str) -> Decimal | None:
    text = text.strip()
    if THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    return Decimal(text) if NUMBER.fullmatch(text) else None  # Decimal: a float would take 2**53 + 1 for 2**53


def _fold(text: str) -> str:
    return "".join(unicodedata.normalize("NFC", text).split()).casefold()


def bag(rows: tuple[Row, ...]) -> Counter[str]:
    """Cells of a result as a bag of text, numbers in one form (42 = 42.0)."""
    return Counter(f"{float(c):.9g}" if isinstance(c, int | float) else str(c) for row in rows for c in row)
