"""Two texts side by side, word by word: what is the same, what is changed, what is left out.

What is not covered: changes inside a word.
"""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

COMPARED, AROUND = 1000, 8  # words of a pair that are compared, and shown on either side of a change
WORD = re.compile(r"\s*\S+|\s+")


def changed(kept: str, removed: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Both texts as stretches (text, kind): "same", "changed", or "left out" for a note of how many words are not shown.

    Compared word by word; white space does not count.
    """
    one, other = words(kept), words(removed)
    matcher = SequenceMatcher(None, [w.strip() for w in one[:COMPARED]], [w.strip() for w in other[:COMPARED]])
    left: list[tuple[str, str]] = []
    right: list[tuple[str, str]] = []
    opcodes = matcher.get_opcodes()
    for number, (kind, *spans) in enumerate(opcodes):
        for side, text, (start, stop) in ((left, one, spans[:2]), (right, other, spans[2:])):
            if kind == "equal":
                head, tail = (AROUND if number else 0), (AROUND if number < len(opcodes) - 1 else 0)
                side += _shortened(text[start:stop], head, tail)
            elif stop > start:
                stretch = "".join(text[start:stop])
                rest = stretch.lstrip()
                side += [(stretch[: len(stretch) - len(rest)], "same"), (rest, "changed")]
    for side, text in ((left, one), (right, other)):
        if len(text) > COMPARED:
            side.append((f"… {len(text) - COMPARED:,} words not compared", "left out"))
    return left, right


def words(text: str) -> list[str]:
    """A text cut into words, each with the white space before it; joined they are the text."""
    return WORD.findall(text)


def _shortened(text: list[str], head: int, tail: int) -> Iterable[tuple[str, str]]:
    hidden = len(text) - head - tail
    if hidden <= AROUND:  # not worth a note
        return [("".join(text), "same")]
    note = f" … {hidden:,} equal words …"
    return [("".join(text[:head]), "same"), (note, "left out"), ("".join(text[len(text) - tail :]), "same")]
