"""Hints (``SELECT /*+ BROADCAST(t), REPARTITION(3) */ …``): they stand after SELECT, and are a list of names and calls.

What is not covered: whether a hint exists (an unknown one is ignored with a warning) and what its arguments mean.
"""

import re

from aj.validators.score import Reason
from aj.validators.sql.lexer import Word, words_of

HINT = re.compile(r"/\*\+(.*?)\*/", re.DOTALL)


def wrong_hint(text: str, words: list[Word]) -> Reason | None:
    """The first hint that is none; None where all are right. ``words`` are all of the text, in which hints are comments."""
    if "/*+" not in text:
        return None
    end, before = 0, ""
    for word in [*words, Word("op", "", "", len(text), len(text))]:
        gap = text[end : word.start]
        found = HINT.search(gap) if "/*+" in gap else None
        if found and not gap[: found.start()].strip().startswith("--"):
            if before != "SELECT":
                return Reason("syntax_error", "a hint /*+ … */ stands right after SELECT")
            if not _is_list(found[1]):
                return Reason("syntax_error", f"/*+{found[1][:40]}*/ is no list of hints")
        end, before = word.end, word.upper
    return None


def _is_list(hints: str) -> bool:
    """Whether a text is names and calls, with or without commas between them."""
    words, problems = words_of(hints)
    at, last = 0, len(words)
    while at < last and not problems:
        if words[at].kind not in ("word", "quoted"):
            return False
        at += 1
        if at < last and words[at].text == "(":
            close = _closed(words, at)
            if (
                close == at + 1
                or any(words[i].text == words[i + 1].text == "," for i in range(at, close))
                or words[close - 1].text == ","
            ):
                return False
            at = close + 1
        if at < last and words[at].text == ",":
            at += 1
            if at == last:
                return False
    return bool(words) and not problems


def _closed(words: list[Word], at: int) -> int:
    """Where the bracket that is opened here closes; ``words_of`` saw that it does."""
    depth = 0
    for place in range(at, len(words)):
        depth += (words[place].text == "(") - (words[place].text == ")")
        if depth == 0:
            return place
    return len(words)
