"""Words of a Databricks SQL text: one regular expression, linear in the text, with exact positions.

What is not covered: what words mean (grammar.py, queries.py). sqlglot's tokenizer is not used here because it swallows the rest of
a text after OPTIMIZE, SHOW or VACUUM, folds ``GROUP BY`` into one token, and reads the Python between ``$$`` as SQL.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from aj.validators.score import Reason

MOST_WORDS = 3_000  # a query of 240 lines; sqlglot takes up to 30 µs a word
DEEPEST = 40  # brackets and CASEs; sqlglot recurses ten frames a level
OPENERS = {"(": ")", "[": "]", "{": "}"}
CLOSERS = set(OPENERS.values())
WORD = re.compile(
    r"""(?P<space>\s+|--[^\n]*)
    |(?P<comment>/\*)
    |(?P<body>\$(?:[A-Za-z_]\w*)?\$)
    |(?P<string>[rR]'[^']*'|[rR]"[^"]*"|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    |(?P<quoted>`(?:[^`]|``)*`)
    |(?P<number>(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?:BD|bd|[LSYDFlsydf])?(?!\w))
    |(?P<word>\w+)
    |(?P<open>['"`])
    |(?P<op><=>|=>|->|\|>|\?::|::|\|\||==|!=|<>|<=|>=|\S)""",
    re.VERBOSE | re.DOTALL,
)
COMMENT_EDGE = re.compile(r"/\*|\*/")
SUBSTITUTION = re.compile(r"\$\{[\w.\-]{1,80}\}")


class Word(NamedTuple):
    """One word: ``kind`` is word, quoted, string, number, body, op or open (a quote or comment without its end); ``upper`` is its text in
    capitals ("" for a string or a quoted name)."""

    kind: str
    text: str
    upper: str
    start: int
    end: int

    @property
    def ends_operand(self) -> bool:
        """Whether a value or a name can end here."""
        return self.kind != "op" or self.text in (")", "]", "?", "*")


def substituted(text: str) -> str:
    """The text with a name in the place of each ``${name}``: pipelines and notebooks replace those before anything is parsed."""
    return SUBSTITUTION.sub(lambda found: "p" * len(found.group()), text) if "${" in text else text


def is_filled(name: str) -> bool:
    """Whether a name is one that ``substituted`` put in the place of ``${name}``: it may be any value."""
    return re.fullmatch("p{4,}", name) is not None


def scan(text: str) -> Iterator[Word]:
    """All words without comments; a quote or a comment that never ends is a word of its own, and what follows is read on."""
    place, closed = 0, True
    while place < len(text):
        match = WORD.match(text, place)
        if match is None:  # cannot be: the last alternative takes any character
            return
        kind, value, start, place = str(match.lastgroup), match.group(), place, match.end()
        if kind == "space":
            continue
        if kind == "body":
            end = text.find(value, place)
            kind, place = ("body", end + len(value)) if end >= 0 else ("op", start + 1)
            value = text[start:place]
        if kind == "comment":
            end = _after_comment(text, place) if closed else text.find("*/", place) + 2
            closed = closed and end >= 0
            if end > place:
                place = end
                continue
            kind = "open"
        yield Word(kind, value, value.upper() if kind in ("word", "op", "number") else "", start, place)


def words_of(text: str, most_words: int = MOST_WORDS) -> tuple[list[Word], list[Reason]]:
    """The words without comments, and what forbids to go on: an open quote or comment, unequal brackets, too many words, too deep."""
    found: list[Word] = []
    depth, most = 0, 0
    stack: list[str] = []
    for word in scan(text):
        kind, value, upper, _, place = word
        if kind == "open":
            what = "a comment /* has no end" if value == "/*" else f"a quote {value} is never closed (line {_line(text, place)})"
            return found, [Reason("unbalanced_quote", what)]
        if upper == "CASE":
            depth += 1
        elif upper == "END":
            depth -= depth > 0
        elif kind == "op" and value in OPENERS:
            stack.append(OPENERS[value])
        elif kind == "op" and value in CLOSERS and (not stack or stack.pop() != value):
            return found, [Reason("unbalanced_bracket", f"{value!r} closes nothing that was opened (line {_line(text, place)})")]
        most = max(most, len(stack) + depth)
        found.append(word)
        if len(found) > most_words:
            return found, [Reason("too_many_words", f"more than {most_words} words")]
        if most > DEEPEST:
            return found, [Reason("too_deep", f"brackets and CASEs are nested more than {DEEPEST} deep")]
    return found, [Reason("unbalanced_bracket", f"{stack[-1]!r} is missing at the end")] if stack else []


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _after_comment(text: str, place: int) -> int:
    """Where the comment that was just opened ends; comments nest in Databricks. -1 where it never ends."""
    level = 1
    for edge in COMMENT_EDGE.finditer(text, place):
        level += 1 if edge.group() == "/*" else -1
        if level == 0:
            return edge.end()
    return -1
