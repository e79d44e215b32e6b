"""Options and operands of a command."""

import re


def after_options(arguments: list[str], valued: frozenset[str], before: int = 0) -> list[str]:
    """What is left when options, their values and ``before`` positional arguments are taken off."""
    at = 0
    while at < len(arguments) and arguments[at].startswith("-") and arguments[at] != "-":
        if arguments[at] == "--":
            at += 1
            break
        at += 2 if arguments[at] in valued else 1
    return arguments[at + before :]


def operands(arguments: list[str]) -> list[str]:
    """Words that are no options."""
    if "--" in arguments:
        at = arguments.index("--")
        return [word for word in arguments[:at] if not word.startswith("-")] + arguments[at + 1 :]
    return [word for word in arguments if not word.startswith("-") or word == "-"]


def has(arguments: list[str], letters: str, *long: str) -> bool:
    """Whether a short option with one of these letters, or a long one (or its beginning), stands there."""
    for word in arguments:
        if word == "--":
            return False
        if re.match(rf"-[A-Za-z]*[{letters}]", word) or any(
            word.startswith("--") and len(word) > 3 and name.startswith(word.split("=")[0]) for name in long
        ):
            return True
    return False


def asks_help(arguments: list[str]) -> bool:
    """Whether only the help is asked for."""
    return any(word in ("--help", "-h", "--version", "help") for word in arguments)
