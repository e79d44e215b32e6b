"""From raw shell words to values: quotes, escapes, variables, substitutions, braces and tildes, as bash would expand them.

What is not covered: arithmetic, indirect variables and pattern substitution, whose values are unknown here.
"""

import re

from aj.validators.shell.host import Variables
from aj.validators.shell.quotes import backtick_end, closing, quote_end
from aj.validators.shell.values import (
    ACTIVE,
    ACTIVE_GLOBS,
    CLOSE,
    COMMA,
    HERE,
    HOME,
    OPEN,
    PRIVATE,
    SEPARATOR,
    UNKNOWN,
    UNSET,
    unescape,
)
from aj.validators.wordset import wordset

PARAMETER = re.compile(r"(#?!?)([A-Za-z_]\w*|\d+|[@*#?$!-])(\[[^\]]*\])?(.*)", re.S)
NAME = re.compile(r"[A-Za-z_]\w*|[\d@*#?$!-]")
NONEMPTY = wordset(
    """USER LOGNAME HOSTNAME TMPDIR SHELL PATH UID EUID RANDOM PPID OLDPWD LANG TERM EDITOR GITHUB_WORKSPACE RUNNER_TEMP
    WORKSPACE"""
)
MOST_BRACES = 64
ACTS = re.compile(r"""[\\'"$`<>~*?\[{},\ue000-\uf8ff]""")  # what is not simply itself


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
    if ACTS.search(raw) is None:
        return raw
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
    if ACTS.search(raw) is None:
        return [raw]
    out = []
    for word in braces(expand_text(raw, shell)):
        word = word.replace(OPEN, "{").replace(COMMA, ",").replace(CLOSE, "}")
        out += [part for part in word.split(SEPARATOR) if part] if SEPARATOR in word else [word]
    return out
