"""Texts that are nearly right: a labelled one, of which a few words or lines are lost, doubled, swapped or taken from another.

People and models err like this. Bytes that are turned at random, and pieces put together, seldom get past the first check.
"""

import random
import re

WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)


def edited(chance: random.Random, text: str, other: str) -> str:
    """``text`` after one to three edits, of words or of lines; what comes in comes from ``other``."""
    by_line = chance.random() < 0.35
    parts, stock = (t.splitlines(keepends=True) if by_line else WORDS.findall(t) for t in (text, other))
    for _ in range(chance.randint(1, 3)):
        if not parts:
            break
        at, new = chance.randrange(len(parts)), chance.choice(stock or parts)
        match chance.randrange(6 if by_line else 5):
            case 0:
                del parts[at]
            case 1:
                parts.insert(at, new)
            case 2:
                parts[at] = new
            case 3:
                parts[at:at] = parts[at : at + chance.randint(1, 12)] * chance.randint(1, 3)
            case 4:
                there = chance.randrange(len(parts))
                parts[at], parts[there] = parts[there], parts[at]
            case 5:
                parts[at] = f"  {parts[at]}" if chance.random() < 0.5 else parts[at].removeprefix("  ")
    return "".join(parts)
