"""Statements of Databricks SQL that sqlglot does not know: shapes in data/validators/sql_statements.yaml, matched against words.

The notation is that of the SQL reference: ``CAPITALS`` are keywords, ``[ x ]`` is optional, ``{ a | b }`` a choice (the first that fits is
taken), ``x ...`` one or more, ``x ,...`` one or more between commas, small letters another rule or one of the built-in words: ``name``,
``alias``, ``string``, ``text`` (one string), ``number``, ``words_type``, ``body``, ``expr``, ``query``, ``rows`` (a query without brackets around it),
``projections`` (what stands between SELECT and FROM). An expression or a query is everything up to the first
word, outside brackets, that may follow it in the shape; it is handed out as a capture, for sqlglot to parse.
What is not covered: going back into a choice that was taken (the order in the file matters).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from aj.validators.sql.lexer import Word
from aj.validators.wordset import wordset

FILE = Path(__file__).parents[3] / "data" / "validators" / "sql_statements.yaml"
MOST_STEPS = 60_000
PIECE = re.compile(r",?\.\.\.|\|>|[A-Za-z_0-9]+|=>|\S")
QUERY_STARTS = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE", "(", "MAP", "REDUCE"})
NO_ALIAS = wordset(
    """ANTI CROSS EXCEPT FULL INNER INTERSECT JOIN LATERAL LEFT MINUS NATURAL ON RIGHT SEMI UNION USING WHERE SET SELECT VALUES"""
)
BUILT_IN = frozenset({"name", "alias", "string", "number", "words_type", "body", "expr", "query", "rows", "projections", "text"})
Node = tuple[Any, ...]


class TooComplex(Exception):
    """The shapes needed more steps than any real statement does."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A piece of the text that a rule matched: words ``first`` up to, without, ``last``."""

    rule: str
    first: int
    last: int


@cache
def rules() -> dict[str, Node]:
    """All rules, parsed. Raises KeyError where one names a rule that does not exist."""
    from ruamel.yaml import YAML

    read: dict[str, str] = YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))
    parsed = {name: _choice(_Pieces(PIECE.findall(text))) for name, text in read.items()}
    for name, node in parsed.items():
        for used in _used(node):
            if used not in parsed and used not in BUILT_IN:
                raise KeyError(f"{FILE.name}: {name} uses {used}, which does not exist")
    return parsed


@cache
def starters() -> frozenset[str]:
    """The first words of all statements."""
    return _first(("rule", "statement"))[0] | QUERY_STARTS


class _Pieces:
    """The pieces of one rule's text, read from the left."""

    def __init__(self, pieces: list[str]) -> None:
        self.pieces, self.place = pieces, 0

    def peek(self) -> str:
        return self.pieces[self.place] if self.place < len(self.pieces) else ""

    def take(self) -> str:
        self.place += 1
        return self.pieces[self.place - 1]


def _choice(pieces: _Pieces) -> Node:
    """``a | b``, up to a closing bracket of the notation."""
    choices = [_sequence(pieces)]
    while pieces.peek() == "|":
        pieces.take()
        choices.append(_sequence(pieces))
    return choices[0] if len(choices) == 1 else ("choice", tuple(choices))


def _sequence(pieces: _Pieces) -> Node:
    items: list[Node] = []
    while pieces.peek() not in ("", "|", "]", "}"):
        piece = pieces.take()
        if piece in ("[", "{"):
            inner = _choice(pieces)
            pieces.take()
            items.append(("maybe", inner) if piece == "[" else inner)
        elif piece in ("...", ",..."):
            last = items.pop()
            many = ("many", last[1] if last[0] == "maybe" else last, piece == ",...")
            items.append(("maybe", many) if last[0] == "maybe" else many)
        else:
            items.append(("rule" if piece[0].islower() else "word", piece))
    return items[0] if len(items) == 1 else ("sequence", tuple(items))


def _used(node: Node) -> Iterator[str]:
    if node[0] == "rule":
        yield node[1]
    elif node[0] in ("maybe", "many"):
        yield from _used(node[1])
    elif node[0] in ("sequence", "choice"):
        for item in node[1]:
            yield from _used(item)


@cache
def _first(node: Node) -> tuple[frozenset[str], bool]:
    """The keywords that a node can start with, and whether it can be empty."""
    kind = node[0]
    if kind == "word":
        return frozenset({node[1]}), False
    if kind == "rule":
        return (
            (QUERY_STARTS if node[1] in ("query", "rows") else frozenset(), False)
            if node[1] in BUILT_IN
            else _first(rules()[node[1]])
        )
    if kind == "maybe":
        return _first(node[1])[0], True
    if kind == "many":
        return _first(node[1])
    if kind == "choice":
        parts = [_first(item) for item in node[1]]
        return frozenset[str]().union(*(words for words, _ in parts)), any(empty for _, empty in parts)
    return _first_of(node[1])


@cache
def _first_of(items: tuple[Node, ...]) -> tuple[frozenset[str], bool]:
    """The same of a sequence."""
    words: frozenset[str] = frozenset()
    for item in items:
        more, empty = _first(item)
        words |= more
        if not empty:
            return words, False
    return words, True


@dataclass
class Match:
    """One run of a rule over words; ``captures`` are in the order of the text."""

    words: list[Word]
    last: int
    captures: list[Capture] = field(default_factory=list)
    furthest: int = 0
    steps: int = 0

    def run(self, rule: str, first: int = 0) -> int:
        """Where the rule ends, or -1. Raises TooComplex."""
        return self._match(("rule", rule), first, frozenset())

    def _upper(self, place: int) -> str:
        return self.words[place].upper if place < self.last else ""

    def _match(self, node: Node, place: int, follow: frozenset[str]) -> int:
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise TooComplex
        self.furthest = max(self.furthest, place)
        kind = node[0]
        if kind == "word":
            return place + 1 if self._upper(place) == node[1] else -1
        if kind == "maybe":
            end = self._match(node[1], place, follow)
            return place if end < 0 else end
        if kind == "many":
            return self._many(node, place, follow)
        if kind == "choice":
            return next((end for item in node[1] if (end := self._match(item, place, follow)) >= 0), -1)
        if kind == "sequence":
            return self._sequence(node[1], place, follow)
        return self._rule(node[1], place, follow)

    def _sequence(self, items: tuple[Node, ...], place: int, follow: frozenset[str]) -> int:
        kept = len(self.captures)
        for number, item in enumerate(items):
            after, empty = _first_of(items[number + 1 :])
            place = self._match(item, place, after | follow if empty else after)
            if place < 0:
                del self.captures[kept:]
                return -1
        return place

    def _many(self, node: Node, place: int, follow: frozenset[str]) -> int:
        _, inner, commas = node
        after = follow | ({","} if commas else _first(inner)[0])
        end = self._match(inner, place, after)
        while end > place:
            place = end
            if commas and self._upper(place) != ",":
                return place
            end = self._match(inner, place + commas, after)
            if end < 0:
                return place
        return end

    def _rule(self, name: str, place: int, follow: frozenset[str]) -> int:
        if name in BUILT_IN:
            end = self._built_in(name, place, follow)
        else:
            words, empty = _first(("rule", name))
            if words and not empty and self._only_keywords(name) and self._upper(place) not in words:
                return -1
            kept = len(self.captures)
            self.captures.append(Capture(name, place, place))
            end = self._match(rules()[name], place, follow)
            if end >= 0:
                self.captures[kept] = Capture(name, place, end)
            else:
                del self.captures[kept:]
            return end
        if end >= 0:
            self.captures.append(Capture(name, place, end))
        return end

    @staticmethod
    @cache
    def _only_keywords(name: str) -> bool:
        """Whether a rule always starts with a keyword: it can then be passed over by its first word."""
        return _keyword_first(rules()[name])

    def _built_in(self, name: str, place: int, follow: frozenset[str]) -> int:
        if place >= self.last:
            return -1
        word = self.words[place]
        if name == "string":
            end = place
            while end < self.last and self.words[end].kind == "string":
                end += 1
            return end if end > place else -1
        if name == "text":
            return place + 1 if word.kind == "string" else -1
        if name == "name":
            return place + 1 if word.kind in ("word", "quoted") else -1
        if name == "alias":
            fits = word.kind == "quoted" or (word.kind == "word" and word.upper not in follow and word.upper not in NO_ALIAS)
            return place + 1 if fits else -1
        if name == "words_type":
            return place + 1 if word.kind == "word" else -1
        if name in ("number", "body"):
            return place + 1 if word.kind == name else -1
        if name in ("query", "rows") and word.upper not in QUERY_STARTS - ({"(", "TABLE"} if name == "rows" else set()):
            return -1
        return self._span(place, follow, commas=name != "expr")

    def _span(self, place: int, follow: frozenset[str], commas: bool) -> int:
        """Up to the first word outside brackets that may follow; -1 where that is nothing."""
        start, depth, cases = place, 0, 0
        while place < self.last:
            upper = self.words[place].upper
            free = depth == cases == 0
            if upper in ("(", "[", "{"):
                if free and place > start and upper in follow:
                    break
                depth += 1
            elif upper in (")", "]", "}"):
                if depth == 0:
                    break
                depth -= 1
            elif upper == "CASE":
                cases += 1
            elif upper == "END" and cases:
                cases -= 1
            elif free and (
                upper == ";" or (upper == "," and not commas) or (upper in follow and self.words[place - 1].upper != ".")
            ):
                break
            self.steps += 1
            place += 1
        return place if place > start else -1


@cache
def _keyword_first(node: Node) -> bool:
    kind = node[0]
    if kind == "word":
        return True
    if kind == "rule":
        return node[1] not in BUILT_IN and _keyword_first(rules()[node[1]])
    if kind == "maybe":
        return False
    if kind == "many":
        return _keyword_first(node[1])
    if kind == "choice":
        return all(_keyword_first(item) for item in node[1])
    return _keyword_first(node[1][0]) or (
        node[1][0][0] == "maybe" and _keyword_first(node[1][0][1]) and _keyword_first(("sequence", node[1][1:]))
        if len(node[1]) > 1
        else False
    )
