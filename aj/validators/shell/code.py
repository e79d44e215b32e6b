"""Shell commands that run code: shells, interpreters, eval, source. Text from the network or out of a decoder may not be run.

What is not covered: code in files that the text does not write.
"""

import re

from aj.validators.shell.host import Shell
from aj.validators.shell.options import after_options
from aj.validators.shell.values import DECODED, FETCHED, PRIVATE, UNKNOWN, UNSET, plain
from aj.validators.wordset import wordset

SHELLS = frozenset(["sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "rbash", "mksh"])
INTERPRETERS = wordset("python python2 python3 pypy pypy3 ipython perl ruby node nodejs php deno bun lua Rscript")
MOST_STRINGS = 20  # of a program in another language, each judged as a command


def source_of(text: str) -> str:
    """Marked text as source code; what is unknown stays a private character, which every parser takes for a letter."""
    return "".join(c if c in (UNKNOWN, UNSET, FETCHED, DECODED) else plain(c) for c in text) if PRIVATE.search(text) else text


def run_text(code: str, arguments: list[str], shell: Shell, what: str) -> str:
    """Text that a shell runs: judged as a script, refused where it comes from the network or out of a decoder."""
    if FETCHED in code:
        shell.look.found("remote_code", f"{what} runs text from the network")
    if DECODED in code:
        shell.look.found("hidden_code", f"{what} runs decoded text")
    code = source_of(code)
    if not code.strip(f" \n{UNKNOWN}{UNSET}{FETCHED}{DECODED}"):
        return UNKNOWN
    return shell.child(code, arguments)


def run_file(name: str, arguments: list[str], shell: Shell) -> None:
    """A script file that is run: judged where the text wrote it."""
    content = shell.files.get(name, shell.files.get(name.removeprefix("./"), ""))
    if content:
        run_text(content, arguments, shell, plain(name))


def run_shell(arguments: list[str], stdin: str, shell: Shell) -> str:
    """sh, bash and their kin: -c code, a script, or what they read."""
    at, wants_code = 0, False
    while at < len(arguments) and arguments[at][:1] in ("-", "+") and len(arguments[at]) > 1:
        option = arguments[at]
        wants_code |= not option.startswith("--") and "c" in option and option[0] == "-"
        at += 2 if option in ("-o", "-O", "+o", "+O", "--rcfile", "--init-file") else 1
        if option in ("-s", "--"):
            break
    rest = arguments[at:]
    if wants_code:
        return run_text(rest[0], rest[2:], shell, "sh -c") if rest else UNKNOWN
    if "-s" not in arguments and rest and rest[0] not in ("-", "/dev/stdin"):
        run_file(rest[0], rest[1:], shell)
        return UNKNOWN
    return run_text(stdin, rest, shell, "a shell") if stdin else UNKNOWN


def interpret(name: str, arguments: list[str], stdin: str, shell: Shell) -> str:
    """python, perl, ruby, node: code in an option, a script, or what they read."""
    python = name.startswith(("python", "pypy", "ipython"))
    options = ("-c",) if python else ("-e", "-E", "-r", "--eval", "-p", "eval")
    for at, option in enumerate(arguments):
        clustered = not python and re.fullmatch(r"-[a-zA-Z0-9]*[eE]", option)
        if (option in options or clustered or (python and re.fullmatch(r"-[A-Za-z]*c", option))) and at + 1 < len(arguments):
            run_code(source_of(arguments[at + 1]), python, shell)
            return UNKNOWN
        if option == "-m" or not option.startswith("-"):
            break
    rest = after_options(arguments, frozenset(("-W", "-X")))
    if "-m" in arguments[:3]:
        return UNKNOWN
    if rest and rest[0] not in ("-", "/dev/stdin"):
        content = shell.files.get(rest[0].removeprefix("./"), "")
        if content:
            run_code(content, python, shell)
    elif stdin:
        run_code(stdin, python, shell)
    return UNKNOWN


def run_code(code: str, python: bool, shell: Shell) -> None:
    """Code of an interpreter: Python is judged as Python, of others the strings as commands."""
    if FETCHED in code:
        shell.look.found("remote_code", "an interpreter runs text from the network")
    if DECODED in code:
        shell.look.found("hidden_code", "an interpreter runs decoded text")
    code = source_of(code)
    if not code.strip(f" \n{UNKNOWN}{UNSET}{FETCHED}{DECODED}"):
        return
    if python:
        shell.look.into("python", code)
        return
    if re.search(r"fork\s+while\s+fork|while\s*\(?\s*(1|true)\s*\)?\s*\{\s*fork", code):
        shell.look.found("fork_bomb", "a loop of forks")
    for found in list(
        re.finditer(r"""(?:system|exec\w*|spawn\w*|qx|popen|shell_exec)?\s*[(`{ ]\s*(["'`])(.+?)\1|`(.+?)`""", code)
    )[:MOST_STRINGS]:
        shell.child(found[2] or found[3])


def eval_(arguments: list[str], stdin: str, shell: Shell) -> str:
    """eval: its words are code, in this shell."""
    code = " ".join(arguments)
    if FETCHED in code:
        shell.look.found("remote_code", "eval runs text from the network")
    if DECODED in code:
        shell.look.found("hidden_code", "eval runs decoded text")
    return shell.run(source_of(code)) if code.strip(f" {UNKNOWN}{UNSET}{FETCHED}{DECODED}") else UNKNOWN


def source(arguments: list[str], stdin: str, shell: Shell) -> str:
    """source file: code in this shell."""
    if arguments:
        code = stdin if arguments[0] == "/dev/stdin" else shell.files.get(arguments[0].removeprefix("./"), "")
        return eval_([code], "", shell) if code else ""
    return ""


def invoke(arguments: list[str], stdin: str, shell: Shell) -> None:
    """iex of PowerShell: runs text."""
    if FETCHED in stdin + "".join(arguments) or re.search(
        r"downloadstring|invoke-webrequest|\biwr\b|\birm\b", " ".join(arguments), re.I
    ):
        shell.look.found("remote_code", "iex runs text from the network")
