"""How deep the brackets of a text nest, quotes ignored: what must be known before a parser that recurses is let at it."""

import re

SIGNS = re.compile(r"[()\[\]{}]")


def deepest(text: str, opening: str = "([{") -> int:
    """The most brackets of these kinds that are open at once; a closing one that closes nothing counts for nothing."""
    closing = opening.translate(str.maketrans("([{", ")]}"))
    depth = most = 0
    for sign in SIGNS.findall(text):
        if sign in opening:
            depth += 1
            most = max(most, depth)
        elif sign in closing:
            depth = max(0, depth - 1)
    return most
