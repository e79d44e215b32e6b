"""Commands that change the shell itself: cd, set, read, alias, trap.

What is not covered: cd through CDPATH, shopt.
"""

import re

from aj.validators.shell.code import source_of
from aj.validators.shell.host import Rule, Shell
from aj.validators.shell.values import HOME, UNKNOWN


def change_folder(arguments: list[str], stdin: str, shell: Shell) -> str:
    """cd: without `&&`, `|| exit` or `set -e` after it, the old folder stays possible."""
    names = [word for word in arguments if not word.startswith("-")]
    target = names[0] if names else HOME
    new = [join(here, target) for here in shell.here]
    shell.here = list(dict.fromkeys(new if shell.errexit else shell.here + new))[-8:]
    return ""


def set_(arguments: list[str], stdin: str, shell: Shell) -> str:
    """set -e, set -- words."""
    if any(re.match(r"-\w*e", word) or word == "errexit" for word in arguments):
        shell.errexit = True
    if "--" in arguments:
        shell.arguments = arguments[arguments.index("--") + 1 :]
    return ""


def read(arguments: list[str], stdin: str, shell: Shell) -> str:
    """read x: a variable from what comes in."""
    for word in arguments:
        if re.fullmatch(r"[A-Za-z_]\w*", word):
            shell.assign(word, stdin.strip() or UNKNOWN)
    return ""


def alias(arguments: list[str], stdin: str, shell: Shell) -> str:
    """alias x='code': remembered, and judged where it stands."""
    for word in arguments:
        name, equals, body = word.partition("=")
        if equals:
            shell.child(source_of(body))
            shell.aliases[name] = body
    return ""


def trap(arguments: list[str], stdin: str, shell: Shell) -> str:
    """trap 'code' SIGNAL: the code will run."""
    if arguments and not arguments[0].startswith("-") and arguments[0]:
        shell.run(source_of(arguments[0]))
    return ""


def join(here: str, target: str) -> str:
    """The folder that `cd target` leads to."""
    if target[:1] in ("/", HOME, UNKNOWN) or not here:
        return target
    return f"{here}/{target}"


RULES: dict[str, Rule] = {"cd": change_folder, "pushd": change_folder, "set": set_, "read": read, "alias": alias, "trap": trap}
