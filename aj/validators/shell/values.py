"""Values of shell words as strings: what is active or unknown in them stands as a private character.

So `'*'` (a name) and `*` (every name) stay apart. What is not covered: what a variable holds that nobody set.
"""

import re

UNKNOWN = "\ue000"  # something, not empty
UNSET = "\ue001"  # a variable nobody set: something, or nothing at all
FETCHED = "\ue002"  # text that came over the network
DECODED = "\ue003"  # text that was decoded from something unreadable
STAR, MARK, SET = "\ue010", "\ue011", "\ue012"  # active * ? [
HOME, HERE = "\ue013", "\ue014"  # the user's home, the current folder
SEPARATOR = "\ue020"
OPEN, COMMA, CLOSE = "\ue030", "\ue031", "\ue032"  # active { , }
PRIVATE = re.compile("[\ue000-\uf8ff]")
PLAIN = str.maketrans(
    {
        STAR: "*",
        MARK: "?",
        SET: "[",
        HOME: "~",
        HERE: ".",
        SEPARATOR: " ",
        OPEN: "{",
        COMMA: ",",
        CLOSE: "}",
        UNKNOWN: "X",
        UNSET: "X",
    }
)
ACTIVE = str.maketrans({"*": STAR, "?": MARK, "[": SET, "{": OPEN, ",": COMMA, "}": CLOSE})
ACTIVE_GLOBS = str.maketrans({"*": STAR, "?": MARK, "[": SET})
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "", "b": "", "e": "", "f": "", "v": ""}
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|[0-7]{1,3}|.)", re.S)


def plain(value: str) -> str:
    """The value as source text again."""
    return value.translate(PLAIN)


def unescape(text: str) -> str:
    """Escapes of $'...', echo -e and printf."""

    def one(found: re.Match[str]) -> str:
        body = found[1]
        if body[0] in "xu" and len(body) > 1:
            return chr(int(body[1:], 16))
        return chr(int(body, 8) % 256) if body[0] in "01234567" else ESCAPES.get(body, body)

    return PRIVATE.sub("?", ESCAPE.sub(one, text))
