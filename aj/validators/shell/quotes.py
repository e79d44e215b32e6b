"""Where quotes, substitutions and brackets of shell source end, and raw words: what stands between blanks that no quote holds.

What is not covered: here-documents, which the parser finds.
"""

import re

CASE = re.compile(r"(?<![\w-])(?:case\s+\S+\s+in(?=\s)|esac\b)")


def closing(raw: str, start: int, close: str = ")") -> int:
    """Index of the bracket that closes the one before ``start``; the end where none does."""
    opening = {")": "(", "}": "{"}[close]
    depth, i, cases = 1, start, 0
    while i < len(raw):
        c = raw[i]
        if c == "\\":
            i += 1
        elif c in "ce" and (found := CASE.match(raw, i)):
            cases = max(0, cases + (1 if c == "c" else -1))
            i = found.end() - 1
        elif c == ")" and close == ")" and cases and depth == 1:
            pass  # ends a pattern, not the substitution
        elif c == "'":
            end = raw.find("'", i + 1)
            i = end if end > 0 else i
        elif c == '"':
            i = quote_end(raw, i + 1)
        elif c == opening:
            depth += 1
        elif c == close:
            depth -= 1
            if not depth:
                return i
        i += 1
    return len(raw)


def quote_end(raw: str, start: int) -> int:
    """Index of the double quote that ends a string begun before ``start``."""
    i = start
    while i < len(raw):
        if raw[i] == "\\":
            i += 1
        elif raw.startswith("$(", i):
            i = closing(raw, i + 2)
        elif raw[i] == '"':
            return i
        i += 1
    return len(raw)


def backtick_end(raw: str, start: int) -> int:
    """Index of the backtick that ends a substitution begun before ``start``."""
    i = start
    while i < len(raw) and raw[i] != "`":
        i += 2 if raw[i] == "\\" else 1
    return min(i, len(raw))


def split(raw: str) -> list[str]:
    """Raw words of a piece of shell that the parser does not read: blanks split, quotes and substitutions hold."""
    out: list[str] = []
    start = i = 0
    hopeless: set[str] = set()  # openers that nothing closes from here on: looking again each time would be quadratic
    while i <= len(raw):
        if i == len(raw) or raw[i].isspace():
            if start < i:
                out.append(raw[start:i])
            start = i + 1
        elif raw[i] == "\\":
            i += 1
        else:
            opener = "$(" if raw.startswith("$(", i) else raw[i]
            if opener in ENDS and opener not in hopeless:
                end = ENDS[opener](raw, i + len(opener))
                if 0 <= end < len(raw):
                    i = end
                else:
                    hopeless.add(opener)
        i += 1
    return out


ENDS = {"'": lambda raw, start: raw.find("'", start), '"': quote_end, "`": backtick_end, "$(": closing}
