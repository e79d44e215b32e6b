"""Values of shell words: quotes, escapes, variables, substitutions, braces and tildes, as bash would expand them.

A value is a string in which what is active or unknown stands as a private character, so that `'*'` (a name) and `*` (every name) stay apart.
What is not covered: arithmetic, indirect variables and pattern substitution, whose values are unknown here.
"""

import re
from typing import Protocol

from aj.validators.wordset import wordset

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
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "", "b": "", "e": "", "f": "", "v": ""}
ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{1,4}|[0-7]{1,3}|.)", re.S)
PARAMETER = re.compile(r"(#?!?)([A-Za-z_]\w*|\d+|[@*#?$!-])(\[[^\]]*\])?(.*)", re.S)
NAME = re.compile(r"[A-Za-z_]\w*|[\d@*#?$!-]")
NONEMPTY = wordset(
    """USER LOGNAME HOSTNAME TMPDIR SHELL PATH UID EUID RANDOM PPID OLDPWD LANG TERM EDITOR GITHUB_WORKSPACE RUNNER_TEMP
    WORKSPACE"""
)
MOST_BRACES = 64
CASE = re.compile(r"(?<![\w-])(?:case\s+\S+\s+in(?=\s)|esac\b)")


class Variables(Protocol):
    """What the expansion asks of the shell around it."""

    def variable(self, name: str) -> str | None:
        """The value of a variable, None where nobody set it."""
        ...

    def guarded(self, name: str) -> bool:
        """Whether the script makes sure that the variable is not empty."""
        ...

    def substitute(self, code: str) -> str:
        """The output of a command substitution."""
        ...

    def pipe(self, code: str) -> str:
        """The name of the pipe that a process substitution makes."""
        ...


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


def dollar(raw: str, i: int, shell: Variables, quoted: bool) -> tuple[str, int]:
    """Value of what begins with the dollar at ``i``, and the index after it."""
    if raw.startswith("$((", i):
        end = closing(raw, i + 2)
        return "1", end + 1
    if raw.startswith("$(", i):
        end = closing(raw, i + 2)
        return shell.substitute(raw[i + 2 : end]), end + 1
    if raw.startswith("${", i):
        end = closing(raw, i + 2, "}")
        return parameter(raw[i + 2 : end], shell, quoted), end + 1
    if not quoted and raw.startswith("$'", i):
        found = re.compile(r"(?:[^'\\]|\\.)*", re.S).match(raw, i + 2)
        end = found.end() if found else len(raw)
        return unescape(raw[i + 2 : end]), end + 1
    found = NAME.match(raw, i + 1)
    if not found:
        return ("", i + 1) if raw.startswith('$"', i) and not quoted else ("$", i + 1)
    return value_of(found[0], shell), found.end()


def value_of(name: str, shell: Variables) -> str:
    """Value of a variable by its name."""
    value = shell.variable(name)
    if value is not None:
        return value
    if name == "HOME":
        return HOME
    if name == "PWD":
        return HERE
    if name == "SHELL":
        return "/bin/sh"
    if name == "IFS":
        return " "
    if name in "#?$!-0" or name in NONEMPTY or shell.guarded(name):
        return UNKNOWN
    return UNSET


def parameter(body: str, shell: Variables, quoted: bool) -> str:
    """Value of ${body}."""
    found = PARAMETER.match(body)
    if not found:
        return UNKNOWN
    prefix, name, _, rest = found.groups()
    if prefix:
        return UNKNOWN
    value = value_of(name, shell)
    operator = rest.lstrip(":")[:1]
    word = rest.lstrip(":")[1:]
    if operator in ("-", "=") and rest[:1] in ":-=":
        return expand_text(word, shell, quoted) if value in (UNSET, "") else value
    if operator == "?":
        return UNKNOWN if value == UNSET else value
    if operator == "+":
        return expand_text(word, shell, quoted)
    if rest.startswith(":"):
        numbers = re.fullmatch(r":\s*(\d+)(?::(\d+))?", rest)
        if numbers and (name in ("PATH", "HOME", "PWD") and value in (UNKNOWN, HOME, HERE)):
            return "/" if (numbers[1], numbers[2]) == ("0", "1") else UNKNOWN
        if numbers and not PRIVATE.search(value):
            start = int(numbers[1][:4])
            return value[start:][: int(numbers[2][:4])] if numbers[2] else value[start:]
        return UNKNOWN
    if operator == "%" and word.lstrip("%") == "/":
        return value.rstrip("/")
    return value if value == UNSET or not rest else UNKNOWN


def expand_text(raw: str, shell: Variables, quoted: bool = False, heredoc: bool = False) -> str:
    """Value of one raw word. ``quoted``: it stands within double quotes; ``heredoc``: quotes are plain characters."""
    out: list[str] = []
    i = 0
    while i < len(raw):
        c = raw[i]
        if c == "\\":
            follower = raw[i + 1 : i + 2]
            out.append("" if follower == "\n" else follower if not quoted or follower in '$`"\\' else c + follower)
            i += 2
        elif c == "'" and not quoted:
            end = raw.find("'", i + 1)
            end = end if end >= 0 else len(raw)
            out.append(raw[i + 1 : end])
            i = end + 1
        elif c == '"' and not heredoc:
            end = quote_end(raw, i + 1)
            out.append(expand_text(raw[i + 1 : end], shell, quoted=True) if not quoted else "")
            i = end + 1 if not quoted else i + 1
        elif c == "$":
            value, i = dollar(raw, i, shell, quoted)
            out.append(value if quoted else re.sub(r"\s+", SEPARATOR, value).translate(ACTIVE_GLOBS))
        elif c == "`":
            end = backtick_end(raw, i + 1)
            value = shell.substitute(re.sub(r"\\([`$\\])", r"\1", raw[i + 1 : end]))
            out.append(value if quoted else re.sub(r"\s+", SEPARATOR, value))
            i = end + 1
        elif not quoted and c in "<>" and raw.startswith("(", i + 1):
            end = closing(raw, i + 2)
            out.append(shell.pipe(raw[i + 2 : end]))
            i = end + 1
        elif not quoted and c == "~" and (i == 0 or raw[i - 1] in "=:"):
            user = re.compile(r"[\w.-]*").match(raw, i + 1)
            name = user[0] if user else ""
            out.append(HOME if not name else "/root" if name == "root" else f"/home/{name}")
            i += 1 + len(name)
        else:
            out.append(c if quoted else c.translate(ACTIVE))
            i += 1
    return "".join(out)


ACTIVE_GLOBS = str.maketrans({"*": STAR, "?": MARK, "[": SET})


def braces(value: str) -> list[str]:
    """Words that a brace expansion makes, at most MOST_BRACES."""
    done: list[str] = []
    todo = [value]
    while todo and len(done) + len(todo) <= MOST_BRACES:
        word = todo.pop(0)
        found = re.search(f"{OPEN}([^{OPEN}{CLOSE}]*{COMMA}[^{OPEN}{CLOSE}]*){CLOSE}", word)
        if found:
            todo = [word[: found.start()] + part + word[found.end() :] for part in found[1].split(COMMA)] + todo
        else:
            done.append(word)
    return done + todo


def words(raw: str, shell: Variables) -> list[str]:
    """Words that one raw word becomes: more than one after braces and unquoted variables with blanks, none for an empty variable."""
    out = []
    for word in braces(expand_text(raw, shell)):
        word = word.replace(OPEN, "{").replace(COMMA, ",").replace(CLOSE, "}")
        out += [part for part in word.split(SEPARATOR) if part] if SEPARATOR in word else [word]
    return out


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
