"""What one shell command does: wrappers are taken off until the command itself stands there, then a rule for its name judges it.

What is not covered: programs without a rule, which do no harm here; options that a configuration file sets.
"""

import base64
import itertools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from aj.validators import shell_deletes, shell_tools
from aj.validators.look import TooMuch
from aj.validators.shell_words import DECODED, FETCHED, PRIVATE, UNKNOWN, UNSET, plain, split, unescape, words
from aj.validators.wordset import wordset

if TYPE_CHECKING:
    from aj.validators.shell import Shell

Rule = Callable[[list[str], str, "Shell"], str | None]
SHELLS = frozenset(["sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "rbash", "mksh"])
INTERPRETERS = wordset("python python2 python3 pypy pypy3 ipython perl ruby node nodejs php deno bun lua Rscript")
FETCHERS = wordset("curl wget fetch http https aria2c lynx nc ncat iwr irm invoke-webrequest invoke-restmethod")
FILTERS = wordset("grep egrep sed head tail sort uniq cut dos2unix envsubst gpg iconv")
# Options with a value of their own, by wrapper; `+n` positional arguments stand before the command.
WRAPPERS: dict[str, tuple[frozenset[str], int]] = {
    name: (frozenset(options.split()), before)
    for name, options, before in (
        ("sudo", "-u -g -h -p -C -r -t -T -U -D -R --user --group --host --chdir", 0),
        ("doas", "-u -C", 0),
        ("env", "-u -C --unset --chdir", 0),
        ("nohup", "", 0),
        ("time", "-f -o --format --output", 0),
        ("nice", "-n --adjustment", 0),
        ("ionice", "-c -n --class --classdata", 0),
        ("timeout", "-s -k --signal --kill-after", 1),
        ("gtimeout", "-s -k", 1),
        ("stdbuf", "-i -o -e", 0),
        ("setsid", "", 0),
        ("exec", "-a", 0),
        ("command", "", 0),
        ("builtin", "", 0),
        ("strace", "-e -o -p -s", 0),
        ("caffeinate", "-t -w", 0),
        ("chroot", "", 1),
        ("flock", "-w --timeout", 1),
        ("unshare", "", 0),
        ("busybox", "", 0),
        ("toybox", "", 0),
        ("unbuffer", "", 0),
        ("runuser", "-u -g", 0),
        ("pkexec", "--user", 0),
        ("npx", "-p --package", 0),
        ("bunx", "", 0),
        ("uvx", "--from --with", 0),
        ("coproc", "", 0),
        ("noglob", "", 0),
        ("proxychains", "-f", 0),
        ("firejail", "", 0),
    )
}
RUNNERS = frozenset(("uv", "poetry", "pipenv", "pdm", "hatch", "conda", "mamba", "rye", "pixi"))
MOST_ITEMS = 6
MOST_WRAPPERS = 25
LEFTOVERS = frozenset(["(", "{", "!", "then", "do", "else", "elif", "if", "while", "until"])  # of a structure that did not parse


def judge(argv: list[str], stdin: str, shell: "Shell") -> str:
    """Judges a command by its words and what it reads; what it writes, where that is known. Raises TooMuch."""
    shell.wrapped += 1
    if shell.wrapped > MOST_WRAPPERS:
        raise TooMuch("too_deep", f"a command wrapped more than {MOST_WRAPPERS} times")
    try:
        return judged(argv, stdin, shell)
    finally:
        shell.wrapped -= 1


def judged(argv: list[str], stdin: str, shell: "Shell") -> str:
    """The rule of a command, applied."""
    while argv and argv[0] in LEFTOVERS:
        argv = argv[1:]
    if argv and argv[0][:1] == "!" and len(argv[0]) > 1:  # a notebook's way to call the shell
        argv = [argv[0][1:], *argv[1:]]
    if not argv:
        return UNKNOWN
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
        return judge([*body, *arguments], stdin, shell)
    if name in WRAPPERS:
        return unwrap(name, arguments, stdin, shell)
    if name in RUNNERS and arguments[:1] in (["run"], ["exec"]):
        return judge(
            after_options(arguments[1:], frozenset(["-n", "--name", "-p", "--with", "--env-file", "--python", "-e"])),
            stdin,
            shell,
        )
    if name in SHELLS:
        return run_shell(arguments, stdin, shell)
    if name in INTERPRETERS or re.fullmatch(r"python3?\.\d+", name):
        return interpret(name, arguments, stdin, shell)
    if name in FETCHERS:
        return fetch(name, arguments, shell)
    rule = RULES.get(name)
    if rule is None and name.startswith("mkfs"):
        rule = shell_tools.mkfs
    if rule is not None:
        out = rule(arguments, stdin, shell)
        return UNKNOWN if out is None else out
    if raw in shell.files or raw.removeprefix("./") in shell.files:
        run_file(raw, arguments, shell)
    elif name in FILTERS:
        return stdin if any(mark in stdin for mark in (FETCHED, DECODED)) else UNKNOWN
    return UNKNOWN


def after_options(arguments: list[str], valued: frozenset[str], before: int = 0) -> list[str]:
    """What is left when options, their values and ``before`` positional arguments are taken off."""
    at = 0
    while at < len(arguments) and arguments[at].startswith("-") and arguments[at] != "-":
        if arguments[at] == "--":
            at += 1
            break
        at += 2 if arguments[at] in valued else 1
    return arguments[at + before :]


def unwrap(name: str, arguments: list[str], stdin: str, shell: "Shell") -> str:
    """The command that a wrapper runs."""
    if name == "command" and arguments[:1] in (["-v"], ["-V"]):
        return UNKNOWN
    for option, value in zip(arguments, [*arguments[1:], ""], strict=False):
        if (name == "env" and option in ("-S", "--split-string")) or (name in ("flock", "runuser") and option == "-c"):
            return shell.child(plain(value))
        if not option.startswith("-"):
            break
    rest = after_options(arguments, *WRAPPERS[name])
    if name == "flock" and rest[:1] == ["-c"]:
        return shell.child(plain(" ".join(rest[1:2])))
    if name == "runuser" and rest[:1] == ["--"]:
        rest = rest[1:]
    while name in ("sudo", "env", "doas") and rest and re.match(r"\w+=", rest[0]):
        assigned, _, value = rest[0].partition("=")
        shell.assign(assigned, value)
        rest = rest[1:]
    if name == "sudo" and not rest and any(option in ("-s", "-i") for option in arguments):
        return run_shell([], stdin, shell)
    return judge(rest, stdin, shell)


def source_of(text: str) -> str:
    """Marked text as source code; what is unknown stays a private character, which every parser takes for a letter."""
    return "".join(c if c in (UNKNOWN, UNSET, FETCHED, DECODED) else plain(c) for c in text) if PRIVATE.search(text) else text


def run_text(code: str, arguments: list[str], shell: "Shell", what: str) -> str:
    """Text that a shell runs: judged as a script, refused where it comes from the network or out of a decoder."""
    if FETCHED in code:
        shell.look.found("remote_code", f"{what} runs text from the network")
    if DECODED in code:
        shell.look.found("hidden_code", f"{what} runs decoded text")
    code = source_of(code)
    if not code.strip(f" \n{UNKNOWN}{UNSET}{FETCHED}{DECODED}"):
        return UNKNOWN
    return shell.child(code, arguments)


def run_file(name: str, arguments: list[str], shell: "Shell") -> None:
    """A script file that is run: judged where the text wrote it."""
    content = shell.files.get(name, shell.files.get(name.removeprefix("./"), ""))
    if content:
        run_text(content, arguments, shell, plain(name))


def run_shell(arguments: list[str], stdin: str, shell: "Shell") -> str:
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


def interpret(name: str, arguments: list[str], stdin: str, shell: "Shell") -> str:
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


def run_code(code: str, python: bool, shell: "Shell") -> None:
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
    )[:20]:
        shell.child(found[2] or found[3])


def fetch(name: str, arguments: list[str], shell: "Shell") -> str:
    """curl, wget: text from the network, to the pipe or into a file."""
    joined = " ".join(map(plain, arguments))
    shell_tools.rest_call(joined, shell)
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


def echo(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """echo: its words."""
    escapes = False
    while arguments and re.fullmatch(r"-[neE]+", arguments[0]):
        escapes |= "e" in arguments[0]
        arguments = arguments[1:]
    text = " ".join(arguments)
    return (unescape(text) if escapes else text) + "\n"


def printf(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """printf: its format with the words put in."""
    if arguments[:1] == ["-v"]:
        return ""
    rest = iter(arguments[1:])
    return re.sub(r"%[-\d.]*[a-zA-Z]", lambda found: next(rest, ""), unescape("".join(arguments[:1])))


def cat(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """cat: what it reads, or the files that the text wrote."""
    names = [word for word in arguments if not word.startswith("-") or word == "-"]
    if not names:
        return stdin
    return "".join(stdin if name == "-" else shell.files.get(name.removeprefix("./"), UNKNOWN) for name in names)


def tee(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """tee: writes what it reads."""
    for name in arguments:
        if not name.startswith("-"):
            shell.write(name, stdin, "-a" not in arguments)
    return stdin


def decode(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """base64 -d and others: text that nobody can read before it runs."""
    text = stdin.strip()
    try:
        plain_text = base64.b64decode(text, validate=True).decode() if text else ""
    except ValueError:
        plain_text = ""
    return DECODED + PRIVATE.sub("?", plain_text) + (FETCHED if FETCHED in stdin else "")


def maybe_decode(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """base64, xxd, openssl: decoders under some options."""
    flags = " ".join(arguments)
    if re.search(r"(^| )(-\w*[dDr]\b|--decode|-reverse|--reverse)", flags):
        return decode(arguments, stdin, shell)
    return UNKNOWN


def translate(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """tr: hides what is known, lets pass what is not."""
    if arguments[:1] and arguments[0].startswith("-"):
        return stdin
    known = stdin.strip() and not PRIVATE.search(stdin)
    return DECODED if known and re.search(r"[a-zA-Z]-[a-zA-Z]", "".join(arguments)) else stdin


def eval_(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """eval: its words are code, in this shell."""
    code = " ".join(arguments)
    if FETCHED in code:
        shell.look.found("remote_code", "eval runs text from the network")
    if DECODED in code:
        shell.look.found("hidden_code", "eval runs decoded text")
    return shell.run(source_of(code)) if code.strip(f" {UNKNOWN}{UNSET}{FETCHED}{DECODED}") else UNKNOWN


def source(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """source file: code in this shell."""
    if arguments:
        code = stdin if arguments[0] == "/dev/stdin" else shell.files.get(arguments[0].removeprefix("./"), "")
        return eval_([code], "", shell) if code else ""
    return ""


def change_folder(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """cd: without `&&`, `|| exit` or `set -e` after it, the old folder stays possible."""
    names = [word for word in arguments if not word.startswith("-")]
    target = names[0] if names else shell_deletes.HOME
    new = [shell_deletes.join(here, target) for here in shell.here]
    shell.here = list(dict.fromkeys(new if shell.errexit else shell.here + new))[-8:]
    return ""


def set_(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """set -e, set -- words."""
    if any(re.match(r"-\w*e", word) or word == "errexit" for word in arguments):
        shell.errexit = True
    if "--" in arguments:
        shell.arguments = arguments[arguments.index("--") + 1 :]
    return ""


def read(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """read x: a variable from what comes in."""
    for word in arguments:
        if re.fullmatch(r"[A-Za-z_]\w*", word):
            shell.assign(word, stdin.strip() or UNKNOWN)
    return ""


def alias(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """alias x='code': remembered, and judged where it stands."""
    for word in arguments:
        name, equals, body = word.partition("=")
        if equals:
            shell.child(source_of(body))
            shell.aliases[name] = body
    return ""


def trap(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """trap 'code' SIGNAL: the code will run."""
    if arguments and not arguments[0].startswith("-") and arguments[0]:
        shell.run(source_of(arguments[0]))
    return ""


def xargs(arguments: list[str], stdin: str, shell: "Shell") -> str:
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
        return judge([*(rest or ["echo"]), *items], "", shell)
    for item in items[:MOST_ITEMS]:
        judge([word.replace(replace, item) for word in rest], "", shell)
    return UNKNOWN


def code_in_words(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """watch, ssh, su, tmux: words that are joined to a command line, or that hold one."""
    for option, value in itertools.pairwise(arguments):
        if option in ("-c", "--command"):
            run_text(value, [], shell, "-c")
    for word in arguments:
        if re.search(r"\s", word.strip()):
            run_text(word, [], shell, "a command line")


def ssh(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """ssh host command: the command runs there; without one, what comes in does."""
    rest = after_options(arguments, wordset("-p -i -l -o -F -J -L -R -D -b -c -E -S -W"), 1)
    rest = after_options(rest, frozenset(["-p", "-i", "-l", "-o"]))
    if rest:
        run_text(" ".join(source_of(word) for word in rest), [], shell, "ssh")
    elif stdin:
        run_text(stdin, [], shell, "ssh")


def container(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """docker exec/run, kubectl exec: the command within."""
    if "--" in arguments:
        judge(arguments[arguments.index("--") + 1 :], stdin, shell)
        return
    verbs = [at for at, word in enumerate(arguments[:4]) if word in ("exec", "run")]
    if verbs:
        valued = "-v -e -w -u -p -m -h -l --name --volume --env --workdir --user --network --net --mount --env-file --platform --entrypoint --publish --gpus --cpus --memory --restart"
        rest = after_options(arguments[verbs[0] + 1 :], frozenset(valued.split()), 1)
        if rest and not rest[0].startswith("-"):
            judge(rest, stdin, shell)


def scheduled(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """at, batch, crontab -: what comes in will run."""
    for line in stdin.splitlines():
        code = re.sub(r"^\s*(?:@\w+|(?:[\d*/,-]+\s+){5})\s*", "", plain(line))
        if code.strip():
            run_text(code, [], shell, "a schedule")


def awk(arguments: list[str], stdin: str, shell: "Shell") -> str:
    """awk: of its program only what it hands to system()."""
    for word in arguments:
        for found in list(re.finditer(r'system\(\s*"((?:[^"\\]|\\.)*)"', plain(word)))[:10]:
            run_text(unescape(found[1]), [], shell, "awk")
    return stdin if any(mark in stdin for mark in (FETCHED, DECODED)) else UNKNOWN


def invoke(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """iex of PowerShell: runs text."""
    if FETCHED in stdin + "".join(arguments) or re.search(
        r"downloadstring|invoke-webrequest|\biwr\b|\birm\b", " ".join(arguments), re.I
    ):
        shell.look.found("remote_code", "iex runs text from the network")


RULES: dict[str, Rule] = {
    "echo": echo, "printf": printf, "cat": cat, "tee": tee, "base64": maybe_decode, "base32": maybe_decode, "xxd": maybe_decode,
    "openssl": maybe_decode, "uudecode": decode, "zcat": decode, "gunzip": decode, "rev": decode, "tr": translate, "eval": eval_, "source": source, ".": source,
    "cd": change_folder, "pushd": change_folder, "set": set_, "read": read, "alias": alias, "trap": trap, "xargs": xargs, "parallel": xargs,
    "watch": code_in_words, "su": code_in_words, "tmux": code_in_words, "screen": code_in_words, "script": code_in_words, "ssh": ssh,
    "docker": container, "podman": container, "kubectl": container, "oc": container, "at": scheduled, "batch": scheduled, "crontab": scheduled,
    "awk": awk, "gawk": awk, "mawk": awk, "iex": invoke, "invoke-expression": invoke, "pwd": lambda a, s, sh: shell_deletes.HERE,
    **shell_deletes.RULES, **shell_tools.RULES,
}  # fmt: skip
