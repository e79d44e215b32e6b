"""unity_catalog_governance: GRANT and REVOKE in Unity Catalog, with the least privilege that works."""

from aj.competencies.draw import Draw, Made, Pattern, Tasks, wrong
from aj.competencies.task import Rejected

FORM = "reply with SQL, one statement a line"


def _give(privilege: str, kind: str, draw: Draw) -> Made:
    catalog, schema, thing, group = draw.word("catalog"), draw.word("schema"), draw.word(kind.lower()), draw.word("group")
    name = f"{catalog}.{schema}.{thing}"
    right = f"GRANT {privilege} ON {kind} {name} TO `{group}`;"
    above = [
        f"GRANT USE CATALOG ON CATALOG {catalog} TO `{group}`;",
        f"GRANT USE SCHEMA ON SCHEMA {catalog}.{schema} TO `{group}`;",
    ]
    needs = [{"principal": group, "privileges": [privilege], "on": f"{kind} {name}"}]
    return Made(
        {"group": group, "name": name},
        "\n".join([*above, right]),
        {"grants_audit_passes": {"needs": needs}, "answers_task": {"sql": [*above, right]}},
        tuple(_mistakes(above, right, privilege, group)),
    )


def _mistakes(above: list[str], right: str, privilege: str, group: str) -> list[Rejected]:
    audit = "grants_audit_passes"
    return [
        wrong("missing_use_schema", "\n".join([above[0], right]), audit, "missing_use_schema"),
        wrong("missing_use_catalog", "\n".join([above[1], right]), audit, "missing_use_catalog"),
        wrong("unknown_privilege", "\n".join([*above, right.replace(privilege, "READ")]), audit, "unknown_privilege"),
        wrong("all_privileges", "\n".join([*above, right.replace(privilege, "ALL PRIVILEGES")]), "policy_safety", "grants_all"),
        wrong("everyone", "\n".join([*above, right]).replace(group, "account users"), audit, "excess_privilege"),
    ]


def _read_table(draw: Draw) -> Made:
    return _give("SELECT", "TABLE", draw)


def _write_table(draw: Draw) -> Made:
    return _give("MODIFY", "TABLE", draw)


def _read_volume(draw: Draw) -> Made:
    return _give("READ VOLUME", "VOLUME", draw)


def _run_function(draw: Draw) -> Made:
    return _give("EXECUTE", "FUNCTION", draw)


def _take(statement: str, name: str, group: str, other: str) -> Made:
    audit = "grants_audit_passes"
    return Made(
        {"group": group, "name": name},
        statement,
        {audit: {}, "answers_task": {"sql": [statement]}},
        (
            wrong("wrong_preposition", statement.replace(" FROM ", " TO "), audit, "syntax_error"),
            wrong(
                "unknown_privilege",
                statement.replace("SELECT", "READ").replace("USE SCHEMA", "USAGE OF"),
                audit,
                "unknown_privilege",
            ),
            wrong("wrong_principal", statement.replace(group, other), "answers_task", "missing_statement"),
        ),
    )


def _revoke_table(draw: Draw) -> Made:
    name = f"{draw.word('catalog')}.{draw.word('schema')}.{draw.word('table')}"
    group, other = draw.words("group", 2)
    return _take(f"REVOKE SELECT ON TABLE {name} FROM `{group}`;", name, group, other)


def _revoke_schema(draw: Draw) -> Made:
    name = f"{draw.word('catalog')}.{draw.word('schema')}"
    group, other = draw.words("group", 2)
    return _take(f"REVOKE USE SCHEMA ON SCHEMA {name} FROM `{group}`;", name, group, other)


TASKS: Tasks = {
    "give_access": {
        "read_table": Pattern(
            _read_table,
            (
                "let {group} read table {name}",
                "{group} must be able to read table {name}",
                "give {group} read access to table {name}",
                "table {name}: read access for {group}",
                "{group} want to query table {name}, grant it",
            ),
            FORM,
        ),
        "write_table": Pattern(
            _write_table,
            (
                "let {group} change rows of table {name}",
                "{group} must be able to write table {name}",
                "give {group} write access to table {name}",
                "table {name}: write access for {group}",
                "{group} want to update table {name}, grant it",
            ),
            FORM,
        ),
        "read_volume": Pattern(
            _read_volume,
            (
                "let {group} read files of volume {name}",
                "{group} must be able to read volume {name}",
                "give {group} read access to volume {name}",
                "volume {name}: read access for {group}",
            ),
            FORM,
        ),
        "run_function": Pattern(
            _run_function,
            (
                "let {group} run function {name}",
                "{group} must be able to call function {name}",
                "give {group} the right to run function {name}",
                "function {name}: to be run by {group}",
            ),
            FORM,
        ),
    },
    "take_access": {
        "revoke_table": Pattern(
            _revoke_table,
            (
                "{group} must no longer read table {name}",
                "take read access to table {name} from {group}",
                "revoke reading of table {name} from {group}",
                "table {name}: no more reading by {group}",
            ),
            FORM,
        ),
        "revoke_schema": Pattern(
            _revoke_schema,
            (
                "{group} must no longer use schema {name}",
                "take the use of schema {name} from {group}",
                "revoke use of schema {name} from {group}",
                "schema {name}: no more use by {group}",
            ),
            FORM,
        ),
    },
}
