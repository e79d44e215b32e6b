"""Scripts that do not parse: cut at separators that no quote holds, and judged piece by piece.

What is not covered: structures that go over several pieces; each command in them is judged as if it ran.
"""

import re

from aj.validators.shell.host import Shell
from aj.validators.shell.quotes import split
from aj.validators.shell.words import expand_text, words
from aj.validators.wordset import wordset

KEYWORDS = wordset("then do else elif if while until ! { ( done fi } ) time")


def pieces(code: str, pipes: bool = True) -> list[str]:
    """Simple commands (or pipelines) of a script that did not parse: cut at separators that no quote holds."""
    out: list[str] = []
    start = i = 0
    quote = ""
    while i <= len(code):
        c = code[i : i + 1]
        if c == "\\":
            i += 1
        elif quote:
            quote = "" if c == quote else quote
        elif c in ("'", '"') and code.find(c, i + 1) > 0:
            quote = c
        elif c == "#" and (i == 0 or code[i - 1].isspace()):
            out.append(code[start:i])
            end = code.find("\n", i)
            i = start = end if end > 0 else len(code)
        elif (
            c in ("", "\n", ";", "&", "|")
            and (pipes or c != "|" or code[i - 1 : i] == "|" or code[i + 1 : i + 2] == "|")
            and not (c == "&" and code[i - 1 : i] in (">", "<"))
        ):
            out.append(code[start:i])
            start = i + 1
        i += 1
    return [piece.strip() for piece in out if piece.strip()]


def judge_piece(piece: str, shell: Shell) -> None:
    """Judges one simple command out of a script that did not parse."""
    raw = split(piece)
    while raw and (raw[0] in KEYWORDS or raw[0][0] in "({!"):
        raw = raw[1:] if raw[0] in KEYWORDS or len(raw[0]) == 1 else [raw[0][1:], *raw[1:]]
    labels = [at for at, word in enumerate(raw[:-1]) if word in ("{", "(") or (word.endswith((")", "{")) and "$(" not in word)]
    raw = raw[labels[-1] + 1 :] if labels else raw  # `case x in x) command`, `sudo f() { command`
    argv: list[str] = []
    for at, word in enumerate(raw):
        found = re.fullmatch(r"\d?>[>|]?(.*)", word, re.S)
        if found and not found[1]:
            shell.write(expand_text("".join(raw[at + 1 : at + 2]), shell), "", True)
        elif found:
            shell.write(expand_text(found[1], shell), "", True)
        elif not argv and (assigned := re.fullmatch(r"(\w+)=(.*)", word, re.S)):
            shell.assign(assigned[1], expand_text(assigned[2], shell))
        else:
            argv += words(word, shell)
    if argv:
        shell.judge(argv)
