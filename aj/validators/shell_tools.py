"""Shell commands that harm by what they manage: disks, the machine, Databricks, SQL clients, infrastructure.

What is not covered: commands that ask before they act, and clouds other than through the recursive rm of their stores.
"""

import itertools
import re
from typing import TYPE_CHECKING

from aj.validators.dangerous_paths import is_disk, ruinous, ruinous_store
from aj.validators.shell_words import DECODED, FETCHED, UNKNOWN, UNSET, plain
from aj.validators.wordset import wordset

if TYPE_CHECKING:
    from collections.abc import Callable

    from aj.validators.shell import Shell

    Rule = Callable[[list[str], str, Shell], None]

SQL_OPTIONS = {
    "psql": "-c --command", "mysql": "-e --execute", "mariadb": "-e --execute", "spark-sql": "-e", "hive": "-e", "beeline": "-e", "trino": "--execute",
    "presto": "--execute", "snowsql": "-q --query", "snow": "-q --query", "sqlcmd": "-Q -q", "clickhouse-client": "-q --query", "clickhouse": "-q --query",
    "dbsqlcli": "-e", "cockroach": "-e --execute", "usql": "-c --command", "impala-shell": "-q --query", "sqlite3": "-cmd", "duckdb": "-c -s -cmd", "bq": "",
}  # fmt: skip
POSITIONAL = frozenset(["sqlite3", "duckdb", "bq"])
VALUED = wordset(
    """-p --profile -t --target -o --output --var --log-file --log-format --log-level --progress-format --json --cluster-id
    --path"""
)
RECURSIVE = re.compile(r"""["']?recursive["']?\s*[:=]\s*["']?true""", re.I)
STATEMENT = re.compile(r'"(?:statement|query)"\s*:\s*"((?:[^"\\]|\\.)*)"')
SECURABLES = frozenset(["catalogs", "schemas", "tables", "volumes"])


def asks_help(arguments: list[str]) -> bool:
    """Whether only the help is asked for."""
    return any(word in ("--help", "-h", "--version", "help") for word in arguments)


def mkfs(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """mkfs and kin: on a device, or on what nobody knows; a file may be formatted."""
    target = [
        word
        for word in arguments
        if word.startswith(("/dev/", UNKNOWN, UNSET)) and not word.startswith(("/dev/loop", "/dev/ram"))
    ]
    if target and not asks_help(arguments[:1]):
        shell.look.found("disk_overwrite", f"formats {plain(target[0])}")


def dd(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """dd: of= a disk."""
    for word in arguments:
        if word.startswith("of="):
            shell.write(word[3:], UNKNOWN, True)


def on_disk(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """shred, wipefs, blkdiscard, badblocks: on a disk."""
    for word in arguments:
        if is_disk(word) and not asks_help(arguments):
            shell.look.found("disk_overwrite", f"wipes the disk {plain(word)}")


def partitions(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """fdisk, parted, sgdisk: unless they only list."""
    if not {"-l", "--list", "print", "-d", "--dump", "-p", "--print", "-s"} & set(arguments):
        on_disk(arguments, stdin, shell)


def volumes(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """zpool, zfs, cryptsetup, mdadm, hdparm, nvme, diskutil: their verbs that destroy."""
    verbs = wordset(
        """destroy luksFormat erase --zero-superblock --security-erase format eraseDisk eraseVolume secureErase labelclear"""
    )
    if verbs & set(arguments[:3]):
        shell.look.found("disk_overwrite", f"destroys a volume: {plain(' '.join(arguments[:3]))}")


def removes_volume(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """lvremove, vgremove, pvremove."""
    if arguments and not asks_help(arguments):
        shell.look.found("disk_overwrite", f"removes a volume: {plain(' '.join(arguments[:3]))}")


def power(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """shutdown, reboot, halt, poweroff."""
    if "--help" not in arguments and not {"-c", "--show", "-k", "-w", "--wtmp-only"} & set(arguments):
        shell.look.found("stops_machine", "shuts the machine down")


def init(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """init 0, telinit 6."""
    if arguments[:1] in (["0"], ["6"]):
        shell.look.found("stops_machine", "shuts the machine down")


def systemctl(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """systemctl poweroff and kin."""
    verbs = [word for word in arguments if not word.startswith("-")]
    if verbs[:1] and verbs[0] in ("poweroff", "reboot", "halt", "kexec", "emergency", "rescue", "suspend", "hibernate"):
        shell.look.found("stops_machine", f"systemctl {verbs[0]}")


def kill(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """kill -9 -1: every process. A first -1 alone is a signal."""
    rest = list(arguments)
    if rest[:1] in (["-s"], ["-n"], ["--signal"]):
        rest = rest[2:]
    elif rest and rest[0].startswith("-") and rest[0] != "--" and len(rest) > 1:
        rest = rest[1:]
    elif rest and rest[0] != "--":
        return
    if "-1" in rest or (rest == ["1"] and len(arguments) > 1):
        shell.look.found("kills_everything", "kill of every process")


def kill_all(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """killall5."""
    shell.look.found("kills_everything", "kill of every process")


def destroys(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """terraform destroy and kin."""
    verbs = [word for word in arguments if not word.startswith("-")]
    if asks_help(arguments):
        return
    if (
        verbs[:1] == ["destroy"]
        or verbs[:2] == ["run-all", "destroy"]
        or (verbs[:1] == ["apply"] and {"-destroy", "--destroy"} & set(arguments))
    ):
        shell.look.found("destroys_infrastructure", f"destroys what is deployed: {' '.join(verbs[:2])}")


def dbx(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """dbx destroy, the bundles' forerunner."""
    if arguments[:1] == ["destroy"] and not asks_help(arguments):
        shell.look.found("destroys_bundle", "dbx destroy")


def databricks(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """The Databricks CLI, in its newer and older spellings."""
    if asks_help(arguments):
        return
    verbs: list[str] = []
    payload = ""
    skip = False
    for at, word in enumerate(arguments):
        if skip:
            skip = False
        elif word in VALUED:
            skip = True
            payload = arguments[at + 1] if word == "--json" and at + 1 < len(arguments) else payload
        elif word.startswith("--json="):
            payload = word[7:]
        elif not word.startswith("-"):
            verbs.append(plain(word))
    if payload in ("@-", "@/dev/stdin", "-"):
        payload = stdin
    if verbs[:1] == ["unity-catalog"]:
        verbs = verbs[1:]
    group, verb = (*verbs, "", "")[:2]
    recursive = any(re.fullmatch(r"-r|--recursive(=true)?", word) for word in arguments) or RECURSIVE.search(payload) is not None
    if verb == "destroy" and group in ("bundle", "bundles", "pipelines"):
        shell.look.found("destroys_bundle", f"databricks {group} destroy")
    elif (
        group == "workspace"
        and re.fullmatch(r"delete|rm|delete[-_]dir", verb)
        and (recursive or (verb[6:] != "" and verb != "rm"))
    ):
        shell.look.found("deletes_workspace", "deletes a workspace folder with all in it")
    elif group == "clusters" and verb in ("permanent-delete", "permanent_delete"):
        shell.look.found("deletes_cluster", "deletes a cluster for good")
    elif group in SECURABLES and verb in ("delete", "remove", "rm"):
        shell.look.found("drops_object", f"databricks {group} {verb}")
    elif group == "fs" and verb == "rm" and recursive:
        for path in verbs[2:]:
            why = ruinous(path) or (ruinous_store("dbfs", path.partition(":")[2]) if path.startswith("dbfs:") else "")
            if why:
                shell.look.found("destructive_delete", f"databricks fs rm of {path}: {why}")
    elif group == "grants" and re.search(r'"add"\s*:\s*\[[^\]]*"ALL[_ ]PRIVILEGES"', payload):
        shell.look.found("grants_all", "databricks grants update with ALL_PRIVILEGES")
    elif group == "api":
        rest_call(" ".join([*verbs, payload]), shell)
    if group in ("psql", "sql", "queries", "statement-execution"):
        for found in STATEMENT.finditer(payload):
            shell.look.into("sql", plain(found[1]))


def dbfs(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """dbfs rm, the old spelling of databricks fs rm."""
    databricks(["fs", *arguments], stdin, shell)


def rest_call(text: str, shell: "Shell") -> None:
    """A call of the REST API of Databricks, by curl or `databricks api`."""
    if "/api/2." not in text:
        return
    if "/workspace/delete" in text and RECURSIVE.search(text):
        shell.look.found("deletes_workspace", "deletes a workspace folder with all in it")
    if "/clusters/permanent-delete" in text:
        shell.look.found("deletes_cluster", "deletes a cluster for good")
    if re.search(r"/unity-catalog/(catalogs|schemas|tables|volumes)/", text) and re.search(
        r"(-X\s*|--request[ =]|^)delete\b", text, re.I
    ):
        shell.look.found("drops_object", "deletes a securable over the REST API")
    if "/sql/statements" in text:
        for found in STATEMENT.finditer(text):
            shell.look.into("sql", found[1].replace('\\"', '"').replace("\\n", "\n"))


def sql_client(name: str) -> "Rule":
    """The rule of one SQL client: its option that holds SQL, and what it reads."""
    options = frozenset(SQL_OPTIONS[name].split())

    def rule(arguments: list[str], stdin: str, shell: "Shell") -> None:
        texts = [
            value
            for option, value in itertools.pairwise(arguments)
            if option in options or re.fullmatch(r"-[A-Za-z]*[ceqQ]", option)
        ]
        texts += [word.partition("=")[2] for word in arguments if word.startswith("--") and word.partition("=")[0] in options]
        texts += [word[2:] for word in arguments if word[:2] in options and len(word) > 3]
        if name in POSITIONAL:
            texts += [word for word in arguments if re.search(r"\s", word)]
        for text in [*texts, stdin]:
            if re.search(r"\w\s+\S", text):
                shell.look.into("sql", plain(text.replace(FETCHED, "").replace(DECODED, "")))

    return rule


def dropdb(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """dropdb, mysqladmin drop."""
    if not asks_help(arguments):
        shell.look.found("drops_object", "drops a database")


def mysqladmin(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """mysqladmin drop."""
    if "drop" in arguments:
        dropdb(arguments, stdin, shell)


def redis(arguments: list[str], stdin: str, shell: "Shell") -> None:
    """redis-cli FLUSHALL."""
    if any(word.lower() in ("flushall", "flushdb") for word in arguments):
        shell.look.found("truncates", "empties a Redis database")


RULES = {
    "dd": dd, "shred": on_disk, "wipefs": on_disk, "blkdiscard": on_disk, "badblocks": on_disk, "mkswap": mkfs, "mke2fs": mkfs, "newfs": mkfs,
    "parted": partitions, "fdisk": partitions, "sfdisk": partitions, "gdisk": partitions, "sgdisk": partitions, "cfdisk": partitions,
    "zpool": volumes, "zfs": volumes, "cryptsetup": volumes, "mdadm": volumes, "hdparm": volumes, "nvme": volumes, "diskutil": volumes,
    "lvremove": removes_volume, "vgremove": removes_volume, "pvremove": removes_volume,
    "shutdown": power, "reboot": power, "halt": power, "poweroff": power, "init": init, "telinit": init, "systemctl": systemctl, "kill": kill, "killall5": kill_all,
    "terraform": destroys, "tofu": destroys, "terragrunt": destroys, "pulumi": destroys, "cdk": destroys, "dbx": dbx,
    "databricks": databricks, "dbfs": dbfs, "dropdb": dropdb, "mysqladmin": mysqladmin, "redis-cli": redis,
    **{name: sql_client(name) for name in SQL_OPTIONS},
}  # fmt: skip
