"""Shell commands by what they write: echo, cat, tee, decoders, and what fetches from the network.

What is not covered: filters such as sed; what they write is unknown.
"""

import base64
import re

from aj.validators.shell.code import run_text
from aj.validators.shell.databricks import rest_call
from aj.validators.shell.host import Shell
from aj.validators.shell.values import DECODED, FETCHED, PRIVATE, UNKNOWN, plain, unescape
from aj.validators.wordset import wordset

FETCHERS = wordset("curl wget fetch http https aria2c lynx nc ncat iwr irm invoke-webrequest invoke-restmethod")


def fetch(name: str, arguments: list[str], shell: Shell) -> str:
    """curl, wget: text from the network, to the pipe or into a file."""
    joined = " ".join(map(plain, arguments))
    rest_call(joined, shell)
    if name in ("nc", "ncat"):
        if re.search(r"(^| )(-\w*e|-c|--exec|--sh-exec)( |=)", joined):
            shell.look.found("remote_code", "a shell wired to a network address")
        return FETCHED
    target = ""
    for option, value in zip(arguments, [*arguments[1:], ""], strict=False):
        short = re.fullmatch(r"-[a-zA-Z]*" + ("O" if name == "wget" else "o") + r"(\S*)", option)
        if option in ("--output", "--output-document") or (short and not short[1]):
            target = value
        elif short:
            target = short[1]
        elif option.startswith(("--output=", "--output-document=")):
            target = option.partition("=")[2]
    urls = [word for word in arguments if "://" in word]
    if not target and urls and (name == "wget" or re.search(r"(^| )-[a-zA-Z]*O|--remote-name", joined)):
        target = urls[-1].split("?")[0].rstrip("/").rsplit("/", 1)[-1]
    if target and target not in ("-", "/dev/stdout"):
        shell.write(target, FETCHED, True)
        return ""
    return FETCHED


def echo(arguments: list[str], stdin: str, shell: Shell) -> str:
    """echo: its words."""
    escapes = False
    while arguments and re.fullmatch(r"-[neE]+", arguments[0]):
        escapes |= "e" in arguments[0]
        arguments = arguments[1:]
    text = " ".join(arguments)
    return (unescape(text) if escapes else text) + "\n"


def printf(arguments: list[str], stdin: str, shell: Shell) -> str:
    """printf: its format with the words put in."""
    if arguments[:1] == ["-v"]:
        return ""
    rest = iter(arguments[1:])
    return re.sub(r"%[-\d.]*[a-zA-Z]", lambda found: next(rest, ""), unescape("".join(arguments[:1])))


def cat(arguments: list[str], stdin: str, shell: Shell) -> str:
    """cat: what it reads, or the files that the text wrote."""
    names = [word for word in arguments if not word.startswith("-") or word == "-"]
    if not names:
        return stdin
    return "".join(stdin if name == "-" else shell.files.get(name.removeprefix("./"), UNKNOWN) for name in names)


def tee(arguments: list[str], stdin: str, shell: Shell) -> str:
    """tee: writes what it reads."""
    for name in arguments:
        if not name.startswith("-"):
            shell.write(name, stdin, "-a" not in arguments)
    return stdin


def decode(arguments: list[str], stdin: str, shell: Shell) -> str:
    """base64 -d and others: text that nobody can read before it runs."""
    text = stdin.strip()
    try:
        plain_text = base64.b64decode(text, validate=True).decode() if text else ""
    except ValueError:
        plain_text = ""
    return DECODED + PRIVATE.sub("?", plain_text) + (FETCHED if FETCHED in stdin else "")


def maybe_decode(arguments: list[str], stdin: str, shell: Shell) -> str:
    """base64, xxd, openssl: decoders under some options."""
    flags = " ".join(arguments)
    if re.search(r"(^| )(-\w*[dDr]\b|--decode|-reverse|--reverse)", flags):
        return decode(arguments, stdin, shell)
    return UNKNOWN


def translate(arguments: list[str], stdin: str, shell: Shell) -> str:
    """tr: hides what is known, lets pass what is not."""
    if arguments[:1] and arguments[0].startswith("-"):
        return stdin
    known = stdin.strip() and not PRIVATE.search(stdin)
    return DECODED if known and re.search(r"[a-zA-Z]-[a-zA-Z]", "".join(arguments)) else stdin


def awk(arguments: list[str], stdin: str, shell: Shell) -> str:
    """awk: of its program only what it hands to system()."""
    for word in arguments:
        for found in list(re.finditer(r'system\(\s*"((?:[^"\\]|\\.)*)"', plain(word)))[:10]:
            run_text(unescape(found[1]), [], shell, "awk")
    return stdin if any(mark in stdin for mark in (FETCHED, DECODED)) else UNKNOWN
