"""Clients of databases: the SQL in their options and in what they read.

What is not covered: SQL in files that the text does not write.
"""

import itertools
import re

from aj.validators.shell.host import Rule, Shell
from aj.validators.shell.options import asks_help
from aj.validators.shell.values import DECODED, FETCHED, plain

SQL_OPTIONS = {
    "psql": "-c --command", "mysql": "-e --execute", "mariadb": "-e --execute", "spark-sql": "-e", "hive": "-e", "beeline": "-e", "trino": "--execute",
    "presto": "--execute", "snowsql": "-q --query", "snow": "-q --query", "sqlcmd": "-Q -q", "clickhouse-client": "-q --query", "clickhouse": "-q --query",
    "dbsqlcli": "-e", "cockroach": "-e --execute", "usql": "-c --command", "impala-shell": "-q --query", "sqlite3": "-cmd", "duckdb": "-c -s -cmd", "bq": "",
}  # fmt: skip
POSITIONAL = frozenset(["sqlite3", "duckdb", "bq"])


def sql_client(name: str) -> Rule:
    """The rule of one SQL client: its option that holds SQL, and what it reads."""
    options = frozenset(SQL_OPTIONS[name].split())

    def rule(arguments: list[str], stdin: str, shell: Shell) -> None:
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


def dropdb(arguments: list[str], stdin: str, shell: Shell) -> None:
    """dropdb, mysqladmin drop."""
    if not asks_help(arguments):
        shell.look.found("drops_object", "drops a database")


def mysqladmin(arguments: list[str], stdin: str, shell: Shell) -> None:
    """mysqladmin drop."""
    if "drop" in arguments:
        dropdb(arguments, stdin, shell)


def redis(arguments: list[str], stdin: str, shell: Shell) -> None:
    """redis-cli FLUSHALL."""
    if any(word.lower() in ("flushall", "flushdb") for word in arguments):
        shell.look.found("truncates", "empties a Redis database")


RULES: dict[str, Rule] = {
    "dropdb": dropdb,
    "mysqladmin": mysqladmin,
    "redis-cli": redis,
    **{name: sql_client(name) for name in SQL_OPTIONS},
}
