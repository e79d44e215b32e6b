"""Words of a text matched against the shapes of statements that sqlglot does not know (notation.py).

An expression or a query is everything up to the first word, outside brackets, that may follow it in the shape; it is handed out as a
capture, for sqlglot to parse. What is not covered: whether what was captured is an expression or a query (queries.py).
"""

from dataclasses import dataclass, field
from functools import cache

from aj.validators.sql.lexer import Word
from aj.validators.sql.notation import BUILT_IN, QUERY_STARTS, Node, first_words, first_words_of, keyword_first, rules
from aj.validators.wordset import wordset

MOST_STEPS = 60_000
NO_ALIAS = wordset(
    """ANTI CROSS EXCEPT FULL INNER INTERSECT JOIN LATERAL LEFT MINUS NATURAL ON RIGHT SEMI UNION USING WHERE SET SELECT VALUES"""
)


class TooComplex(Exception):
    """The shapes needed more steps than any real statement does."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A piece of the text that a rule matched: words ``first`` up to, without, ``last``."""

    rule: str
    first: int
    last: int


@dataclass
class Match:
    """One run of a rule over words; ``captures`` are in the order of the text."""

    words: list[Word]
    last: int
    captures: list[Capture] = field(default_factory=list)
    furthest: int = 0
    steps: int = 0

    def run(self, rule: str, start: int = 0) -> int:
        """Where the rule ends, or -1. Raises TooComplex."""
        return self._match(("rule", rule), start, frozenset())

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
            after, empty = first_words_of(items[number + 1 :])
            place = self._match(item, place, after | follow if empty else after)
            if place < 0:
                del self.captures[kept:]
                return -1
        return place

    def _many(self, node: Node, place: int, follow: frozenset[str]) -> int:
        _, inner, commas = node
        after = follow | ({","} if commas else first_words(inner)[0])
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
            words, empty = first_words(("rule", name))
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
        return keyword_first(rules()[name])

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
                before = self.words[place - 1]
                called = before.kind == "word" and before.end == self.words[place].start  # f(…) goes on
                if free and place > start and upper in follow and not called:
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
