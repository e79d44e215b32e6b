"""The Databricks CLI, its forerunners and its REST API: what deletes for good.

What is not covered: commands that ask before they act.
"""

import re

from aj.validators.safety.paths import ruinous, ruinous_store
from aj.validators.shell.host import Rule, Shell
from aj.validators.shell.options import asks_help
from aj.validators.shell.values import plain
from aj.validators.wordset import wordset

VALUED = wordset(
    """-p --profile -t --target -o --output --var --log-file --log-format --log-level --progress-format --json --cluster-id
    --path"""
)
RECURSIVE = re.compile(r"""["']?recursive["']?\s*[:=]\s*["']?true""", re.I)
STATEMENT = re.compile(r'"(?:statement|query)"\s*:\s*"((?:[^"\\]|\\.)*)"')
SECURABLES = frozenset(["catalogs", "schemas", "tables", "volumes"])


def dbx(arguments: list[str], stdin: str, shell: Shell) -> None:
    """dbx destroy, the bundles' forerunner."""
    if arguments[:1] == ["destroy"] and not asks_help(arguments):
        shell.look.found("destroys_bundle", "dbx destroy")


def databricks(arguments: list[str], stdin: str, shell: Shell) -> None:
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


def dbfs(arguments: list[str], stdin: str, shell: Shell) -> None:
    """dbfs rm, the old spelling of databricks fs rm."""
    databricks(["fs", *arguments], stdin, shell)


def rest_call(text: str, shell: Shell) -> None:
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


RULES: dict[str, Rule] = {"databricks": databricks, "dbfs": dbfs, "dbx": dbx}
