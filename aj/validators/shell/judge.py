"""What one shell command does: wrappers are taken off until the command itself stands there, then a rule for its name judges it.

What is not covered: programs without a rule, which do no harm here; options that a configuration file sets.
"""

import re

from aj.validators.safety.look import TooMuch
from aj.validators.shell import builtins, clients, databricks, deletes, machine
from aj.validators.shell.code import INTERPRETERS, SHELLS, eval_, interpret, invoke, run_file, run_shell, source
from aj.validators.shell.host import Rule, Shell
from aj.validators.shell.machine import mkfs
from aj.validators.shell.output import FETCHERS, awk, cat, decode, echo, fetch, maybe_decode, printf, tee, translate
from aj.validators.shell.quotes import split
from aj.validators.shell.values import DECODED, FETCHED, HERE, UNKNOWN, plain
from aj.validators.shell.within import code_in_words, container, scheduled, ssh, xargs
from aj.validators.shell.words import words
from aj.validators.shell.wrappers import RUNNERS, WRAPPERS, run_by, unwrap
from aj.validators.wordset import wordset

FILTERS = wordset("grep egrep sed head tail sort uniq cut dos2unix envsubst gpg iconv")
MOST_WRAPPERS = 25
LEFTOVERS = frozenset(["(", "{", "!", "then", "do", "else", "elif", "if", "while", "until"])  # of a structure that did not parse
RULES: dict[str, Rule] = {
    "echo": echo, "printf": printf, "cat": cat, "tee": tee, "base64": maybe_decode, "base32": maybe_decode, "xxd": maybe_decode, "openssl": maybe_decode,
    "uudecode": decode, "zcat": decode, "gunzip": decode, "rev": decode, "tr": translate, "awk": awk, "gawk": awk, "mawk": awk, "pwd": lambda a, s, sh: HERE,
    "eval": eval_, "source": source, ".": source, "iex": invoke, "invoke-expression": invoke,
    "xargs": xargs, "parallel": xargs, "watch": code_in_words, "su": code_in_words, "tmux": code_in_words, "screen": code_in_words, "script": code_in_words,
    "ssh": ssh, "docker": container, "podman": container, "kubectl": container, "oc": container, "at": scheduled, "batch": scheduled, "crontab": scheduled,
    **builtins.RULES, **deletes.RULES, **machine.RULES, **databricks.RULES, **clients.RULES,
}  # fmt: skip


def judge(argv: list[str], stdin: str, shell: Shell) -> str:
    """Judges a command by its words and what it reads; what it writes, where that is known. Raises TooMuch."""
    shell.wrapped += 1
    if shell.wrapped > MOST_WRAPPERS:
        raise TooMuch("too_deep", f"a command wrapped more than {MOST_WRAPPERS} times")
    try:
        return judged(argv, stdin, shell)
    finally:
        shell.wrapped -= 1


def judged(argv: list[str], stdin: str, shell: Shell) -> str:
    """The rule of a command, applied."""
    while argv and argv[0] in LEFTOVERS:
        argv = argv[1:]
    if argv and argv[0][:1] == "!" and len(argv[0]) > 1:  # a notebook's way to call the shell
        argv = [argv[0][1:], *argv[1:]]
    if not argv or not argv[0]:
        return UNKNOWN
    raw = argv[0]
    name = plain(raw).rsplit("/", 1)[-1].lower()
    arguments = argv[1:]
    if raw in (FETCHED, DECODED):
        shell.look.found("remote_code" if raw == FETCHED else "hidden_code", "the command itself comes from elsewhere")
        return UNKNOWN
    if raw in shell.functions:
        return shell.call(raw, shell.functions[raw], arguments, stdin)
    if raw in shell.aliases:
        body = [word for part in split(shell.aliases.pop(raw)) for word in words(part, shell)]
        return shell.judge([*body, *arguments], stdin)
    if name in WRAPPERS:
        return unwrap(name, arguments, stdin, shell)
    if name in RUNNERS and arguments[:1] in (["run"], ["exec"]):
        return run_by(arguments, stdin, shell)
    if name in SHELLS:
        return run_shell(arguments, stdin, shell)
    if name in INTERPRETERS or re.fullmatch(r"python3?\.\d+", name):
        return interpret(name, arguments, stdin, shell)
    if name in FETCHERS:
        return fetch(name, arguments, shell)
    rule = RULES.get(name)
    if rule is None and name.startswith("mkfs"):
        rule = mkfs
    if rule is not None:
        out = rule(arguments, stdin, shell)
        return UNKNOWN if out is None else out
    if raw in shell.files or raw.removeprefix("./") in shell.files:
        run_file(raw, arguments, shell)
    elif name in FILTERS:
        return stdin if any(mark in stdin for mark in (FETCHED, DECODED)) else UNKNOWN
    return UNKNOWN
