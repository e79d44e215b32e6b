"""Literals of INTERVAL: units that exist and go together, values that a unit takes, formats from one unit to another.

Formats and ranges: Spark's reference of interval literals. What is not covered: strings that a CAST reads as an interval.
"""

import re
from itertools import pairwise

from aj.validators.score import Reason
from aj.validators.sql.lexer import Word
from aj.validators.wordset import wordset

MONTHLY = ("YEAR", "MONTH")
CLOCK = ("DAY", "HOUR", "MINUTE", "SECOND")
MICROSECONDS = {
    "WEEK": 604_800_000_000, "DAY": 86_400_000_000, "HOUR": 3_600_000_000, "MINUTE": 60_000_000, "SECOND": 1_000_000,
    "MILLISECOND": 1_000, "MICROSECOND": 1,
}  # fmt: skip
MONTHS = {"YEAR": 12, "MONTH": 1}
UNITS = frozenset({*MONTHS, *MICROSECONDS, "NANOSECOND"})
WHOLE = re.compile(r"[+-]?\s*(\d{1,25})")  # of stripped texts: blanks that two parts of a pattern may take cost their square
SECONDS = re.compile(r"[+-]?\s*(\d{0,20}(?:\.\d{0,9})?)")
PART = re.compile(r"[+-]?\s*(\d{1,25}(?:\.\d{0,9})?|\.\d{1,9})\s+([a-z]+)(?:\s+|$)")
YEARLY = re.compile(r"\s*([+-]?)(\d{1,10})-(\d{1,2})\s*")
FIELDS = {"DAY": r"\d{1,9}", "HOUR": r"\d{1,10}", "MINUTE": r"\d{1,12}", "SECOND": r"\d{1,13}(?:\.\d{1,9})?"}
FILLED = re.compile("p{4}")
NO_VALUE = wordset(
    "AND OR NOT IS IN AS LIKE BETWEEN FROM TO THEN ELSE WHEN END ASC DESC DAY MONTH YEAR HOUR MINUTE SECOND WEEK NULLS COMMENT DEFAULT"
)


def wrong_interval(words: list[Word], place: int) -> Reason | None:
    """What is wrong with the literal that the word INTERVAL at ``place`` starts; None where it is right, or no literal."""
    found: list[tuple[str, bool, str]] = []  # value, whether it is a string, unit
    at = place + 1
    while at < len(words):
        signed = words[at].text in ("+", "-")
        value = at + signed
        if value >= len(words) or words[value].kind not in ("number", "string"):
            break
        unit = _unit(words, value + 1)
        if not unit:
            if signed and found:
                break
            text = words[value].text
            if signed and words[value].kind == "number":
                return None  # a column of that name, and a sum
            if found or signed or words[value].kind == "number":
                return Reason("syntax_error", f"INTERVAL {text[:40]} has no unit")
            return _said(text[1:-1])
        said = words[value].text
        found.append((said[1:-1] if words[value].kind == "string" else said, words[value].kind == "string", unit))
        at = value + 2
    if not found:
        return _named(words, place)
    if at + 1 < len(words) and words[at].upper == "TO" and (last := _unit(words, at + 1)):
        return _reaching(found, last)
    return _counted(found)


def _unit(words: list[Word], place: int) -> str:
    """The unit that stands here, in the singular; '' where none does."""
    upper = words[place].upper if place < len(words) else ""
    one = upper.removesuffix("S")
    return one if one in UNITS and words[place].kind == "word" else ""


def _named(words: list[Word], place: int) -> Reason | None:
    """A name where the value of a literal must stand: ``INTERVAL n DAY``."""
    if place + 2 >= len(words) or not _unit(words, place + 2):
        return None
    value = words[place + 1]
    before = words[place - 1] if place else None
    typed = before is not None and (
        before.kind in ("word", "quoted") and before.upper not in ("SELECT", "BY", "THEN", "ELSE", "AND", "OR")
    )
    plain = value.kind == "word" and value.upper not in NO_VALUE and not FILLED.fullmatch(value.text[:4]) and not typed
    return (
        Reason(
            "syntax_error",
            f"INTERVAL {value.text[:40]}: a name stands where a number must: write {value.text[:20]} * INTERVAL 1 …",
        )
        if plain
        else None
    )


def _counted(found: list[tuple[str, bool, str]]) -> Reason | None:
    """Values with a unit each: ``1 DAY``, ``'1' YEAR 2 MONTHS``."""
    months = [unit in MONTHS for _, _, unit in found]
    if any(months) and not all(months):
        return Reason("syntax_error", "the INTERVAL mixes months with days or seconds: write two intervals")
    for value, _, unit in found:
        if FILLED.search(value):
            continue
        if unit == "NANOSECOND":
            return Reason("syntax_error", "an INTERVAL counts microseconds at the finest")
        fits = (SECONDS if unit == "SECOND" else WHOLE).fullmatch(value.strip())
        if fits is None or not fits[1].strip("."):
            return Reason(
                "syntax_error",
                f"INTERVAL {value[:40]} {unit}: it takes a whole number"
                if unit != "SECOND"
                else f"INTERVAL {value[:40]} is no number of seconds",
            )
        if not _has_room(float(fits[1]), unit):
            return Reason("syntax_error", f"INTERVAL {value[:40]} {unit} is out of range")
    return None


def _has_room(value: float, unit: str) -> bool:
    return value * MONTHS[unit] <= 2**31 if unit in MONTHS else value * MICROSECONDS[unit] <= 2**63


def _said(value: str) -> Reason | None:
    """A whole interval in one string: ``'1 day 2 hours'``."""
    if FILLED.search(value):
        return None
    rest = value.lower().strip()
    rest = rest.removeprefix("interval").lstrip() if rest.startswith("interval ") else rest
    kinds, place = set[bool](), 0
    while place < len(rest):
        part = PART.match(rest, place)
        if part is None:
            return Reason("syntax_error", f"INTERVAL '{value[:40]}' is not a number and a unit, time after time")
        unit = part[2].upper().removesuffix("S")
        if unit not in UNITS or unit == "NANOSECOND":
            return Reason("syntax_error", f"INTERVAL '{value[:40]}': {part[2][:30]} is no unit")
        if "." in part[1] and unit != "SECOND":
            return Reason("syntax_error", f"INTERVAL '{value[:40]}': only seconds have a fraction")
        kinds.add(unit in MONTHS)
        place = part.end()
    if len(kinds) == 1:
        return None
    what = "mixes months with days or seconds: write two intervals" if kinds else "is empty"
    return Reason("syntax_error", f"INTERVAL '{value[:40]}' {what}")


def _reaching(found: list[tuple[str, bool, str]], last: str) -> Reason | None:
    """One string from a unit to another: ``'1-2' YEAR TO MONTH``, ``'1 10:00' DAY TO MINUTE``."""
    value, quoted, first = found[0]
    if len(found) > 1 or not quoted:
        return Reason("syntax_error", "INTERVAL … TO … takes one string")
    if FILLED.search(value) or "interval" in value.lower():
        return None
    if (first, last) == MONTHLY:
        fits = YEARLY.fullmatch(value)
        right = fits is not None and int(fits[3]) < 12 and int(fits[2]) * 12 + int(fits[3]) < 2**31 + (fits[1] == "-")
    elif first in CLOCK and last in CLOCK and CLOCK.index(first) < CLOCK.index(last):
        right = _clock(value, first, last)
    else:
        return Reason("syntax_error", f"there is no INTERVAL from {first} to {last}")
    return None if right else Reason("syntax_error", f"INTERVAL '{value[:40]}' is not of the form {first} TO {last}")


def _clock(value: str, first: str, last: str) -> bool:
    """Whether a string gives the fields from the first to the last, each but the first within its clock."""
    fields = CLOCK[CLOCK.index(first) : CLOCK.index(last) + 1]
    pattern = f"({FIELDS[first]})"
    for before, field in pairwise(fields):
        pattern += (" +" if before == "DAY" else ":") + (r"(\d{1,2}(?:\.\d{1,9})?)" if field == "SECOND" else r"(\d{1,2})")
    found = re.fullmatch(rf"\s*[+-]?{pattern}\s*", value)
    most = {"HOUR": 24, "MINUTE": 60, "SECOND": 60}
    return found is not None and all(float(found[i]) < most[field] for i, field in enumerate(fields[1:], 2))
