"""Shell commands that run another one: xargs, watch, ssh, docker exec, at.

What is not covered: options of these programs that come from a file.
"""

import itertools
import re

from aj.validators.shell.code import run_text, source_of
from aj.validators.shell.host import Shell
from aj.validators.shell.options import after_options
from aj.validators.shell.quotes import split
from aj.validators.shell.values import UNKNOWN, plain
from aj.validators.shell.words import words
from aj.validators.wordset import wordset

MOST_ITEMS = 6


def xargs(arguments: list[str], stdin: str, shell: Shell) -> str:
    """xargs: the command with the words that come in."""
    replace = ""
    for option, value in zip(arguments, [*arguments[1:], ""], strict=False):
        if option in ("-I", "-i", "-J", "--replace"):
            replace = value
        elif option.startswith(("-I", "--replace=")):
            replace = option.removeprefix("--replace=").removeprefix("-I")
    rest = after_options(
        arguments,
        wordset("-I -n -P -L -d -s -a -E -J --max-args --max-procs --delimiter --arg-file"),
    )
    if ":::" in rest:
        at = rest.index(":::")
        rest, stdin = rest[:at], " ".join(rest[at + 1 :])
    if len(rest) == 1 and " " in rest[0]:
        rest = [word for part in split(source_of(rest[0])) for word in words(part, shell)]
    items = stdin.replace("\0", " ").split() or [UNKNOWN]
    if not replace:
        return shell.judge([*(rest or ["echo"]), *items], "")
    for item in items[:MOST_ITEMS]:
        shell.judge([word.replace(replace, item) for word in rest], "")
    return UNKNOWN


def code_in_words(arguments: list[str], stdin: str, shell: Shell) -> None:
    """watch, ssh, su, tmux: words that are joined to a command line, or that hold one."""
    for option, value in itertools.pairwise(arguments):
        if option in ("-c", "--command"):
            run_text(value, [], shell, "-c")
    for word in arguments:
        if re.search(r"\s", word.strip()):
            run_text(word, [], shell, "a command line")


def ssh(arguments: list[str], stdin: str, shell: Shell) -> None:
    """ssh host command: the command runs there; without one, what comes in does."""
    rest = after_options(arguments, wordset("-p -i -l -o -F -J -L -R -D -b -c -E -S -W"), 1)
    rest = after_options(rest, frozenset(["-p", "-i", "-l", "-o"]))
    if rest:
        run_text(" ".join(source_of(word) for word in rest), [], shell, "ssh")
    elif stdin:
        run_text(stdin, [], shell, "ssh")


def container(arguments: list[str], stdin: str, shell: Shell) -> None:
    """docker exec/run, kubectl exec: the command within."""
    if "--" in arguments:
        shell.judge(arguments[arguments.index("--") + 1 :], stdin)
        return
    verbs = [at for at, word in enumerate(arguments[:4]) if word in ("exec", "run")]
    if verbs:
        valued = "-v -e -w -u -p -m -h -l --name --volume --env --workdir --user --network --net --mount --env-file --platform --entrypoint --publish --gpus --cpus --memory --restart"
        rest = after_options(arguments[verbs[0] + 1 :], frozenset(valued.split()), 1)
        if rest and not rest[0].startswith("-"):
            shell.judge(rest, stdin)


def scheduled(arguments: list[str], stdin: str, shell: Shell) -> None:
    """at, batch, crontab -: what comes in will run."""
    for line in stdin.splitlines():
        code = re.sub(r"^\s*(?:@\w+|(?:[\d*/,-]+\s+){5})\s*", "", plain(line))
        if code.strip():
            run_text(code, [], shell, "a schedule")
