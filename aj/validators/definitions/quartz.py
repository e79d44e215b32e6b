"""Quartz cron expressions and time zones, as Databricks' schedules take them (Quartz 2.3 CronExpression).

``cron_error`` says what is wrong with an expression of 6 or 7 fields (second minute hour day-of-month month day-of-week [year]), or None.

What is not covered: years that are over (that depends on the day it is asked); zones that the machine's tz database does not know (without one, any name of the right shape passes).
"""

import calendar
import re
from functools import cache

from aj.validators.wordset import wordset

MONTHS = dict(
    zip(["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"], range(1, 13), strict=True)
)
DAYS = dict(zip(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], range(1, 8), strict=True))
FIELDS = [
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of month", 1, 31),
    ("month", 1, 12),
    ("day of week", 1, 7),
    ("year", 1970, 2099),
]
OFFSET = re.compile(r"(?:UTC|GMT|UT)?[+-]\d{1,2}(?::?\d{2})?|UTC|GMT|UT|Z")
REGION = re.compile(r"(?!posix|right|localtime|Factory)[A-Z][\w+-]{1,30}(/[A-Z][\w+-]{1,30}){0,2}")
CERTAIN = "Europe/Zurich"
AMERICAN = {
    f"US/{name}"
    for name in ("Alaska", "Arizona", "Central", "East-Indiana", "Eastern", "Hawaii", "Michigan", "Mountain", "Pacific")
}  # Debian moved these old names to a package of their own
SHORT = wordset("""ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST""")


def cron_error(text: str) -> str | None:
    """What is wrong with a Quartz expression, or None."""
    parts = text.upper().split()
    if not 6 <= len(parts) <= 7:
        return f"{len(parts)} fields where Quartz has 6 or 7 (second first)"
    for part, (name, low, high) in zip(parts, FIELDS, strict=False):
        for item in part.split(",")[:100]:
            if not _item(item, name, low, high):
                return f"{item[:30]!r} is no {name}"
    if (parts[3] == "?") == (parts[5] == "?"):
        return "exactly one of day of month and day of week is ?"
    return _never(*parts[3:])


def _item(item: str, name: str, low: int, high: int) -> bool:
    if item == "?":
        return name in ("day of month", "day of week")
    base, slash, step = item.partition("/")
    if slash and not (step.isdecimal() and 0 < int(step[:6]) <= max(high, 59)):
        return False
    if name == "day of month" and re.fullmatch(r"L|LW|WL|L-([12]?\d|30)W?|([12]?\d|3[01])W", base):
        return not slash and not base.startswith("0")
    if name == "day of week":
        last = re.fullmatch(r"([A-Z]{3}|\d)(L|#[1-5])", base)
        if base == "L":
            return not slash
        if last:
            return not slash and _number(last[1], name, low, high)
    if base in ("*", "") and (base or slash):
        return True
    start, dash, end = base.partition("-")
    return _number(start, name, low, high) and (not dash or _number(end, name, low, high))


def _never(day: str, month: str, weekday: str, year: str = "*") -> str | None:
    """Why it never fires: none of its months has one of its days, or the years of a 29 February are no leap years."""
    if day == "?":
        return None
    years = _values(year, "year", 1970, 2099)
    leap = any(calendar.isleap(one) for one in years)
    most = max(
        29 if one == 2 and leap else 28 if one == 2 else calendar.monthrange(2027, one)[1]
        for one in _values(month, "month", 1, 12)
    )
    for item in day.split(",")[:100]:
        last = re.fullmatch(r"L-(\d+)W?", item)
        first = (
            int(last[1]) + 1
            if last
            else 1
            if item in ("L", "LW", "WL")
            else min(_values(item.rstrip("W"), "day of month", 1, 31))
        )
        if first <= most:
            return None
    return f"day {day[:20]} never comes in month {month[:20]}" + ("" if year == "*" else f" of {year[:20]}")


def _values(field: str, name: str, low: int, high: int) -> set[int]:
    """The values that a field without L, W and # stands for; of a range that wraps around both ends."""
    found: set[int] = set()
    for item in field.split(",")[:100]:
        base, slash, step = item.partition("/")
        start, dash, end = base.partition("-")
        first = low if start in ("*", "") else _value(start, name)
        last = _value(end, name) if dash else high if slash or start in ("*", "") else first
        every = range(first, last + 1) if first <= last else [*range(first, high + 1), *range(low, last + 1)]
        found.update(list(every)[:: int(step[:6]) if slash else 1])
    return found


def _value(text: str, name: str) -> int:
    named = MONTHS if name == "month" else DAYS if name == "day of week" else {}
    return named.get(text, int(text) if text.isdecimal() and len(text) <= 4 else -1)


def _number(text: str, name: str, low: int, high: int) -> bool:
    return low <= _value(text, name) <= high


@cache
def zone_known(name: str) -> bool:
    """Whether Java, and so Databricks, knows a time zone of this name."""
    import zoneinfo

    if OFFSET.fullmatch(name) or name in SHORT or name in AMERICAN:
        return True
    if not REGION.fullmatch(name):
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return name != CERTAIN and not zone_known(CERTAIN)  # a machine without a tz database knows none: the shape must do
    return True
