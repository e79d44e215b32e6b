"""Literals and small words that no Databricks statement has: numbers out of range, dates that are none, ``IS ! NULL``, letters of other alphabets.

Ranges and formats: Spark's SQL reference (literals, identifiers). What is not covered: strings that a function or a CAST reads as a number or a date.
"""

import datetime
import re
from decimal import Decimal, InvalidOperation

from aj.validators.score import Reason
from aj.validators.sql.collations import wrong_collation
from aj.validators.sql.intervals import wrong_interval
from aj.validators.sql.lexer import Word

LARGEST = {"Y": 2**7, "S": 2**15, "L": 2**63}
WHOLE = re.compile(r"(\d+)([YSL])")
DAY = re.compile(r"\s*[+-]?(?P<year>\d{4,7})(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2})(?P<rest>[ T].*)?)?)?\s*", re.DOTALL)
CLOCK = re.compile(
    r"[ T]?\s*T?(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.\d*)?)?)?\s*(?P<zone>[A-Za-z].*|[+-]\d{1,2}(?::?\d{2}){0,2})?",
    re.DOTALL,
)
SPECIAL = frozenset({"epoch", "now", "today", "tomorrow", "yesterday"})
PREDICATES = frozenset({"IN", "LIKE", "ILIKE", "RLIKE", "BETWEEN", "EXISTS", "NULL"})
QUANTIFIED = ("ANY", "ALL", "SOME")


def wrong_literal(words: list[Word]) -> Reason | None:
    """The first of them; None where there is none."""
    for place, word in enumerate(words):
        after = words[place + 1] if place + 1 < len(words) else None
        if word.kind == "number" and (bad := _number(word, place > 0 and words[place - 1].text == "-")):
            return bad
        if word.kind == "word" and not word.text.isascii():
            return Reason("syntax_error", f"the name {word.text[:40]} has letters other than a to z: write it in backticks")
        if after is None or (place and words[place - 1].text == "."):
            continue
        bad = _pair(words, place, word, after)
        if bad:
            return bad
    return None


def _number(word: Word, negative: bool) -> Reason | None:
    """A number that its suffix has no room for."""
    whole = WHOLE.fullmatch(word.upper)
    if whole and (len(whole[1]) > 20 or int(whole[1]) > LARGEST[whole[2]] - (not negative)):
        return Reason("syntax_error", f"{word.text[:40]} is out of the range of its type")
    if word.upper.endswith("BD") and _precision(word.text[:-2]) > 38:
        return Reason("syntax_error", f"{word.text[:40]} needs more than the 38 digits of a DECIMAL")
    if re.fullmatch(r"[\d.]+", word.text) and _precision(word.text) > 38:
        return Reason("syntax_error", f"{word.text[:20]}… has more than the 38 digits of a DECIMAL")
    double = word.text[:-1] if word.upper.endswith("D") else word.text if word.upper[-1:].isdigit() and "E" in word.upper else "0"
    if not word.upper.endswith("BD") and float(double) == float("inf"):
        return Reason("syntax_error", f"{word.text[:40]} is out of the range of DOUBLE")
    return None


def _precision(text: str) -> int:
    """Digits that a decimal of this text needs."""
    try:
        _, digits, exponent = Decimal(text).as_tuple()
    except InvalidOperation:  # an exponent beyond all that is computed with
        return len(text) + 99
    return max(len(digits), -int(exponent), len(digits) + int(exponent))


def _pair(words: list[Word], place: int, word: Word, after: Word) -> Reason | None:
    """What two words beside each other must not be."""
    before = words[place - 1].upper if place else ""
    negates = before == "IS" or (place and words[place - 1].ends_operand and after.upper not in ("EXISTS", "NULL"))
    if word.text == "!" and after.upper in PREDICATES and negates:
        return Reason("syntax_error", f"! stands for NOT before a condition only, not before {after.upper}")
    if (
        word.upper == "NEAREST"
        and after.kind == "number"
        and not (after.text.isdigit() and 1 <= int(after.text[:7]) <= 100_000 and len(after.text) < 7)
    ):
        return Reason("syntax_error", f"NEAREST {after.text[:20]}: it must be 1 to 100000")
    if word.upper == "INTERVAL" and (bad := wrong_interval(words, place)):
        return bad
    collates = word.upper == "COLLATE" and place and words[place - 1].ends_operand
    if (collates or (word.upper == "COLLATION" and before == "DEFAULT")) and (bad := wrong_collation(words, place)):
        return bad
    listed = word.upper in ("LIKE", "ILIKE") and after.upper in QUANTIFIED
    if listed and [item.text for item in words[place + 2 : place + 4]] == ["(", ")"]:
        return Reason("empty_clause", f"{word.upper} {after.upper} () has nothing in it")
    if after.kind != "string":
        return None
    value = after.text[1:-1]
    if word.upper == "ESCAPE" and place and words[place - 1].kind == "string" and len(value.replace("\\\\", "\\")) != 1:
        return Reason("syntax_error", f"ESCAPE {after.text[:20]}: it must be one character")
    if word.upper in ("DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ") and not _is_moment(value, word.upper == "DATE"):
        return Reason("syntax_error", f"{word.upper} {after.text[:40]} is no {'date' if word.upper == 'DATE' else 'time'}")
    if word.upper == "TIME" and before not in ("TO", "FROM") and not _is_clock(value):
        return Reason("syntax_error", f"TIME {after.text[:40]} is no time of a day")
    return None


def _is_moment(value: str, whole_day: bool) -> bool:
    if value.strip().lower() in SPECIAL:
        return True
    found = DAY.fullmatch(value)
    if found is None:
        return not whole_day and CLOCK.fullmatch(value.strip()) is not None and ":" in value
    try:
        datetime.date(
            2000 + int(found["year"]) % 400, int(found["month"] or 1), int(found["day"] or 1)
        )  # the calendar repeats after 400 years
    except ValueError:
        return False
    rest = found["rest"] or ""
    return whole_day or not rest.strip(" T") or _is_clock(rest)


def _is_clock(value: str) -> bool:
    found = CLOCK.fullmatch(value.strip(" "))
    return found is not None and int(found["hour"]) < 25 and int(found["minute"] or 0) < 60 and int(found["second"] or 0) < 60
