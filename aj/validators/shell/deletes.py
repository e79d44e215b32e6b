"""Shell commands that delete: rm, find, mv to nowhere, and the stores' own rm.

What is not covered: moving or overwriting files one by one, and whether a deleted folder was needed.
"""

import re

from aj.validators.safety.paths import CRITICAL, EVERYTHING, narrows, ruinous, ruinous_store
from aj.validators.shell.host import Rule, Shell
from aj.validators.shell.machine import mv
from aj.validators.shell.options import has, operands
from aj.validators.shell.values import STAR, UNKNOWN, plain
from aj.validators.wordset import wordset

REGENERATED = re.compile(
    r"\*?\.(py[co]|pyc?\[co\]|swp|orig|rej|bak|tmp|DS_Store)|__pycache__|\.DS_Store|Thumbs\.db|node_modules|core|\.pytest_cache|\.ipynb_checkpoints|.*~"
)
NARROWING = wordset(
    """-mtime -mmin -atime -amin -ctime -cmin -size -empty -user -group -uid -gid -perm -links -inum -nouser -nogroup -samefile
    -lname -newer"""
)
NAMING = frozenset(["-name", "-iname", "-path", "-ipath", "-wholename", "-iwholename", "-regex", "-iregex"])
VALUED = (
    NAMING
    | (NARROWING - {"-empty", "-nouser", "-nogroup"})
    | frozenset(["-type", "-maxdepth", "-mindepth", "-fstype", "-printf", "-newermt", "-newerct", "-newerat"])
)


def ruin(path: str, shell: Shell) -> str:
    """Why deleting this path is ruinous in one of the folders that may be the current one."""
    for here in shell.here:
        # `cd build && rm -rf *` empties build; `cd /tmp && rm -rf *` empties what everybody uses.
        why = ruinous(path, here)
        if (
            not why
            and here.strip("/") in ("tmp", "var/tmp")
            and here.startswith("/")
            and EVERYTHING.fullmatch(path.removeprefix("./"))
        ):
            why = "everything in the shared temporary folder"
        if why:
            return why
    return ""


def rm(arguments: list[str], stdin: str, shell: Shell) -> None:
    """rm: with -r what is ruinous as a whole; without, every file of such a folder."""
    if has(arguments, "\0", "--help", "--version"):
        return
    recursive = has(arguments, "rR", "--recursive")
    if recursive and "--no-preserve-root" in arguments:
        shell.look.found("destructive_delete", "rm without its guard of the root")
    for path in operands(arguments):
        why = ruin(path, shell)
        last = path.rsplit("/", 1)[-1]
        if why and (recursive or (EVERYTHING.fullmatch(last) and last != STAR + "." + STAR)):
            shell.look.found("destructive_delete", f"rm of {plain(path)}: {why}")
        elif path in CRITICAL or path.startswith("/boot/vm"):
            shell.look.found("destructive_delete", f"rm of {plain(path)}: the machine needs it")


def find(arguments: list[str], stdin: str, shell: Shell) -> str:
    """find: -delete and -exec on a ruinous folder that no test before them narrows; else the names it writes."""
    at = 0
    while at < len(arguments) and arguments[at] in ("-H", "-L", "-P"):
        at += 1
    roots = []
    while at < len(arguments) and arguments[at][:1] not in ("-", "(", "!"):
        roots.append(arguments[at])
        at += 1
    roots = roots or ["."]
    named: list[str] = []
    tested = negated = False
    while at < len(arguments):
        word = arguments[at]
        value = arguments[at + 1] if at + 1 < len(arguments) else ""
        inverse = at > 0 and arguments[at - 1] in ("!", "-not")
        if word in NAMING and narrows(value):
            negated |= inverse
            named += [] if inverse else [plain(value)]
        elif word in NARROWING or word.startswith("-newer"):
            tested |= not inverse
            negated |= inverse
        elif word in ("-o", "-or") and value == "-delete":
            named, tested, negated = [], False, False
        elif word in ("-delete", "-exec", "-execdir", "-ok", "-okdir"):
            end = next((i for i in range(at + 1, len(arguments)) if arguments[i] in (";", "+")), len(arguments))
            command = arguments[at + 1 : end] if word != "-delete" else ["rm", "-rf", "{}"]
            for root in roots:
                target = target_of(root, named, tested, negated, shell)
                shell.judge([part.replace("{}", target) for part in command])
            at = end if word != "-delete" else at
        at += 2 if word in VALUED else 1
    return "\n".join(target_of(root, named, tested, negated, shell) for root in roots)


def target_of(root: str, named: list[str], tested: bool, negated: bool, shell: Shell) -> str:
    """What find hands on for a folder: all in it, or something unknown where tests make it harmless."""
    why = ruin(root.rstrip("/") + "/" + STAR if root not in ("/",) else root, shell)
    if not why:
        return f"{root}/{UNKNOWN}"
    whole = why == "the root of the file system"
    harmless = (
        any(REGENERATED.fullmatch(name) for name in named)
        if whole
        else (bool(named) or tested or (negated and why.startswith("everything")))
    )
    return UNKNOWN if harmless else root.rstrip("/") + "/" + STAR


def move(arguments: list[str], stdin: str, shell: Shell) -> None:
    """mv: as above, and whole folders to /dev/null."""
    mv(arguments, stdin, shell)
    names = operands(arguments)
    if len(names) > 1 and names[-1] == "/dev/null":
        shell.look.found("destructive_delete", f"moves {plain(names[0])} to /dev/null")


def store_rm(arguments: list[str], stdin: str, shell: Shell) -> None:
    """aws s3, gsutil, gcloud storage, hdfs dfs: recursive rm of a whole bucket or root."""
    words = [word for word in arguments if not word.startswith("-")]
    hdfs = any(word in ("-rm", "-rmr") for word in arguments)
    if not hdfs and not {"rm", "rb"} & set(words[:4]):
        return
    recursive = has(arguments, "rR", "--recursive") or "-rmr" in arguments or ("rb" in words and "--force" in arguments)
    for path in words:
        why = ""
        scheme, mark, rest = path.partition("://")
        if mark:
            why = (
                ruinous_store(scheme, plain(rest.partition("/")[2] if scheme == "hdfs" and "/" in rest else rest))
                if scheme != "https"
                else ""
            )
        elif hdfs and path.startswith("/"):
            why = ruinous(path) or ("all users' folders" if path.strip("/" + STAR) in ("user", "apps") else "")
        if why and recursive:
            shell.look.found("destructive_delete", f"rm of {plain(path)}: {why}")


def remove_item(arguments: list[str], stdin: str, shell: Shell) -> None:
    """Remove-Item of PowerShell."""
    if any(word.lower().startswith("-rec") for word in arguments):
        for path in operands(arguments):
            why = ruin(path, shell)
            if why:
                shell.look.found("destructive_delete", f"Remove-Item of {plain(path)}: {why}")


def ls(arguments: list[str], stdin: str, shell: Shell) -> str:
    """ls: the names in the folders, for xargs."""
    return "\n".join(path if STAR in path else path.rstrip("/") + "/" + STAR for path in operands(arguments) or ["."])


RULES: dict[str, Rule] = {
    "rm": rm, "grm": rm, "srm": rm, "find": find, "gfind": find, "mv": move, "ls": ls,
    "aws": store_rm, "gsutil": store_rm, "gcloud": store_rm, "hdfs": store_rm, "hadoop": store_rm, "remove-item": remove_item,
}  # fmt: skip
