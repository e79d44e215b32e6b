"""The notation of data/validators/sql_statements.yaml: shapes of statements, parsed once.

It is that of the SQL reference: ``CAPITALS`` are keywords, ``[ x ]`` is optional, ``{ a | b }`` a choice (the first that fits is
taken), ``x ...`` one or more, ``x ,...`` one or more between commas, small letters another rule or one of the built-in words: ``name``,
``alias``, ``string``, ``text`` (one string), ``number``, ``words_type``, ``body``, ``expr``, ``query``, ``rows`` (a query without brackets around it),
``projections`` (what stands between SELECT and FROM).
What is not covered: going back into a choice that was taken (the order in the file matters).
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[3] / "data" / "validators" / "sql_statements.yaml"
PIECE = re.compile(r",?\.\.\.|\|>|<>|[A-Za-z_0-9]+|=>|\S")
QUERY_STARTS = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE", "(", "MAP", "REDUCE"})
BUILT_IN = frozenset({"name", "alias", "string", "number", "words_type", "body", "expr", "query", "rows", "projections", "text"})
Node = tuple[Any, ...]


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
    return first_words(("rule", "statement"))[0] | QUERY_STARTS


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
def first_words(node: Node) -> tuple[frozenset[str], bool]:
    """The keywords that a node can start with, and whether it can be empty."""
    kind = node[0]
    if kind == "word":
        return frozenset({node[1]}), False
    if kind == "rule":
        return (
            (QUERY_STARTS if node[1] in ("query", "rows") else frozenset(), False)
            if node[1] in BUILT_IN
            else first_words(rules()[node[1]])
        )
    if kind == "maybe":
        return first_words(node[1])[0], True
    if kind == "many":
        return first_words(node[1])
    if kind == "choice":
        parts = [first_words(item) for item in node[1]]
        return frozenset[str]().union(*(words for words, _ in parts)), any(empty for _, empty in parts)
    return first_words_of(node[1])


@cache
def first_words_of(items: tuple[Node, ...]) -> tuple[frozenset[str], bool]:
    """The same of a sequence."""
    words: frozenset[str] = frozenset()
    for item in items:
        more, empty = first_words(item)
        words |= more
        if not empty:
            return words, False
    return words, True


@cache
def keyword_first(node: Node) -> bool:
    kind = node[0]
    if kind == "word":
        return True
    if kind == "rule":
        return node[1] not in BUILT_IN and keyword_first(rules()[node[1]])
    if kind == "maybe":
        return False
    if kind == "many":
        return keyword_first(node[1])
    if kind == "choice":
        return all(keyword_first(item) for item in node[1])
    return keyword_first(node[1][0]) or (
        node[1][0][0] == "maybe" and keyword_first(node[1][0][1]) and keyword_first(("sequence", node[1][1:]))
        if len(node[1]) > 1
        else False
    )
