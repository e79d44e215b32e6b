"""Queries written as pipes (``FROM t |> WHERE a > 1 |> SELECT b``) and as ``TABLE t``, said as the nested SELECTs that they mean.

Steps: Spark's reference of the pipe syntax. What is not covered: which columns a step hands on, so names are not resolved in a pipe.
"""

from dataclasses import dataclass, field

from aj.validators.score import Reason
from aj.validators.sql.lexer import Word, words_of
from aj.validators.wordset import wordset

PIPED = "piped__"  # the name of what comes in: a SELECT from it must not aggregate
GROUPED = "grouped__"
SET_OPERATORS = frozenset({"UNION", "EXCEPT", "INTERSECT", "MINUS"})
BY = ("ORDER", "CLUSTER", "DISTRIBUTE", "SORT")
JOINS = wordset("JOIN INNER CROSS LEFT RIGHT FULL SEMI ANTI NATURAL")
ORDERED = {"ORDER": 1, "CLUSTER": 2, "DISTRIBUTE": 3, "SORT": 4, "WINDOW": 5, "LIMIT": 6, "OFFSET": 7}
BEFORE_A_QUERY = SET_OPERATORS | {"ALL", "DISTINCT", "", ")"}  # ")" ends the columns of a CTE
NO_SETS = frozenset({"ALL", "CUBE", "ROLLUP", "GROUPING"})


class _Wrong(Exception):
    """A step that is none."""


@dataclass
class _Item:
    """A word, or brackets with all that is in them."""

    upper: str
    text: str
    is_name: bool = False


@dataclass
class _Level:
    """What stands between two brackets: steps, the first of which is the query that they start from."""

    steps: list[list[_Item]] = field(default_factory=lambda: [[]])


def unpiped(text: str, words: list[Word]) -> tuple[str, list[Word]] | Reason:
    """The query without pipes and without ``TABLE t``; the same where it has neither. A Reason where a step of a pipe is none."""
    if not any(word.text == "|>" or word.upper == "TABLE" for word in words):
        return text, words
    levels, end = [_Level()], words[0].start
    try:
        for place, word in enumerate(words):
            steps = levels[-1].steps
            gap, end = text[end : word.start], word.end
            if word.text == "(":
                steps[-1].append(_Item("(", gap))
                levels.append(_Level())
            elif word.text == ")" and len(levels) > 1:
                inner = _said(levels.pop())
                opened = levels[-1].steps[-1][-1]
                opened.text += f"({inner}{gap})"
            elif word.text == "|>":
                steps.append([])
            elif word.upper == "TABLE" and _is_query(words, place):
                steps[-1].append(_Item("TABLE", f"{gap}SELECT * FROM"))
            else:
                steps[-1].append(_Item(word.upper, gap + word.text, word.kind in ("word", "quoted")))
        said = _said(levels[0]).strip()
    except _Wrong as wrong:
        return Reason("syntax_error", str(wrong))
    found, problems = words_of(said)
    return problems[0] if problems else (said, found)


def _is_query(words: list[Word], place: int) -> bool:
    """Whether TABLE starts a query here. Raises _Wrong where its table has an alias."""
    after = words[place + 1] if place + 1 < len(words) else None
    before = words[place - 1].upper if place else ""
    called = before == "(" and place > 1 and words[place - 2].kind == "word" and words[place - 2].end == words[place - 1].start
    if after is None or after.kind not in ("word", "quoted") or called or before not in BEFORE_A_QUERY | {"(", "AS"}:
        return False
    end = place + 2
    while end + 1 < len(words) and words[end].text == ".":
        end += 2
    follows = words[end] if end < len(words) else None
    if follows is not None and (
        follows.kind == "quoted" or (follows.kind == "word" and follows.upper not in {*SET_OPERATORS, *ORDERED})
    ):
        raise _Wrong("TABLE takes a name only: no alias and no clause")
    return True


def _said(level: _Level) -> str:
    """The level as one query."""
    source, *steps = level.steps
    query = _text(source)
    if steps and source and source[0].upper == "FROM" and not any(item.upper == "SELECT" for item in source):
        query = f"SELECT * {query}"
    if steps and source and source[0].upper == "VALUES":  # sqlglot reads the alias of rows after FROM only
        query = f"SELECT * FROM {query}"
    for number, step in enumerate(steps, 1):
        head, tail = _divided(step)
        if tail and number < len(steps) and tail[0].upper not in SET_OPERATORS:
            raise _Wrong(f"{tail[0].text.strip()} is a step of its own, after |>")
        query = _step(head, f"({query})")
        if tail and head and head[0].upper in ORDERED:
            query = f"SELECT * FROM ({query})"
        query += f" {_text(tail)}"
    return query


def _text(items: list[_Item]) -> str:
    return "".join(item.text for item in items)


def _divided(step: list[_Item]) -> tuple[list[_Item], list[_Item]]:
    """A step, and what follows it that belongs to the whole query: UNION … or ORDER BY …"""
    first = step[0].upper if step else ""
    rank = ORDERED.get(first, 0)
    for place, item in enumerate(step[1:], 1):
        before = step[place - 1]
        if item.upper in SET_OPERATORS and before.text.strip() != "*":
            return step[:place], step[place:]
        starts = item.upper in ("LIMIT", "OFFSET", "WINDOW") or (
            item.upper in BY and place + 1 < len(step) and step[place + 1].upper == "BY"
        )
        if starts and first in ORDERED:
            if {first, item.upper} <= {"LIMIT", "OFFSET"} or (ORDERED[item.upper] > rank and item.upper in BY):
                rank = ORDERED[item.upper]
                continue
            if ORDERED[item.upper] > rank:
                raise _Wrong(f"{first} and {item.upper} do not stand in one step")
        if starts and before.upper != "BY":
            return step[:place], step[place:]
    return step, []


def _step(step: list[_Item], source: str) -> str:
    """A query that does to its source what the step does."""
    kind, rest = (step[0].upper, step[1:]) if step else ("", [])
    piped, said = f"FROM {source} AS {PIPED}", _text(rest)
    if kind in SET_OPERATORS:
        return f"SELECT * {piped}{_text(step)}"
    if not rest:
        raise _Wrong(f"{kind or '|>'} has nothing after it")
    if kind in ORDERED or kind == "WHERE" or (kind in JOINS and sum(item.upper == "JOIN" for item in step) == 1):
        return f"SELECT * {piped}{_text(step)}"
    if kind in ("PIVOT", "UNPIVOT", "TABLESAMPLE"):
        return f"SELECT * {piped}{_checked(kind, step)}"
    if kind == "SELECT":
        return f"SELECT{said} {piped}"
    if kind == "EXTEND":
        return f"SELECT *,{said} {piped}"
    if kind == "AGGREGATE":
        return _aggregate(rest, source)
    parts = _parts(rest)
    if kind == "SET" and all(len(part) > 2 and part[0].is_name and _assigned(part) for part in parts):
        return f"SELECT *,{','.join(f'({_text(part)})' for part in parts)} {piped}"
    if kind == "DROP" and all(len(part) == 1 and part[0].is_name for part in parts):
        return f"SELECT * EXCEPT ({said}) {piped}"
    if kind == "RENAME" and all(len(part) in (2, 3) and part[0].is_name and part[-1].is_name for part in parts):
        return f"SELECT * {piped}"
    if kind == "AS" and len(rest) == 1 and rest[0].is_name:
        return f"SELECT * FROM {source} AS{said}"
    raise _Wrong(f"|>{_text(step)[:60]} is no step of a pipe")


def _checked(kind: str, step: list[_Item]) -> str:
    """One PIVOT, UNPIVOT or TABLESAMPLE with its brackets, and nothing else but an alias, INCLUDE NULLS or REPEATABLE."""
    brackets = sum(item.upper == "(" for item in step)
    again = sum(item.upper in ("PIVOT", "UNPIVOT", "TABLESAMPLE") for item in step)
    if again > 1 or not 1 <= brackets <= (2 if kind == "TABLESAMPLE" else 1):
        raise _Wrong(f"one {kind} (…) is one step")
    return _text(step)


def _assigned(part: list[_Item]) -> bool:
    return next((item.upper for item in part[1:] if not item.is_name and item.upper != "."), "") == "="


def _parts(items: list[_Item]) -> list[list[_Item]]:
    """The items between commas."""
    parts: list[list[_Item]] = [[]]
    for item in items:
        if item.upper == ",":
            parts.append([])
        else:
            parts[-1].append(item)
    return parts


def _aggregate(rest: list[_Item], source: str) -> str:
    """AGGREGATE … GROUP BY …, as a SELECT that groups by all that is no aggregate."""
    by = next((i for i, item in enumerate(rest[:-1]) if item.upper == "GROUP" and rest[i + 1].upper == "BY"), len(rest))
    values, keys = rest[:by], rest[by + 2 :]
    if any(item.upper == "OVER" for item in rest) or any(item.upper in NO_SETS for item in keys):
        raise _Wrong("AGGREGATE takes no window, no GROUP BY ALL and no grouping sets")
    if (by < len(rest) and not keys) or any(item.text.replace(" ", "") == "()" for item in keys):
        raise _Wrong("nothing stands after GROUP BY")
    both = ",".join(filter(None, (_text(values), _text(keys))))
    return f"SELECT {both} FROM {source} AS {GROUPED}{' GROUP BY ALL' if keys else ''}"
