"""security_privacy: credentials come from secret scopes, and views keep personal data out of sight."""

from aj.competencies.draw import Draw, Made, Pattern, Tasks, wrong
from aj.competencies.patterns import names
from aj.competencies.patterns.documents import as_yaml

PYTHON_FORM = "reply with one line of Python"
YAML_FORM = "reply with the cluster as YAML"
SQL_FORM = "reply with one SQL statement"
CLEAR = "no_secrets_in_clear"


def _spark_option(draw: Draw) -> Made:
    table, user = f"{draw.word('schema')}.{draw.word('table')}", draw.word("user")
    (scope, other), key = draw.words("scope", 2), draw.word("key")
    secret = f'dbutils.secrets.get("{scope}", "{key}")'
    gold = f'df = r.option("dbtable", "{table}").option("user", "{user}").option("password", {secret}).load()'
    calls = [
        ["option", "dbtable", table],
        ["option", "user", user],
        ["option", "password", ["get", scope, key]],
        ["load"],
    ]
    clear = f'"{user}{draw.number(10, 99)}"'
    return Made(
        {"table": table, "user": user, "scope": scope, "key": key},
        gold,
        {CLEAR: {}, "answers_task": {"python": calls}},
        (
            wrong("password_in_clear", gold.replace(secret, clear), CLEAR, "secret_in_clear"),
            wrong("secret_as_text", gold.replace(secret, f'"{scope}/{key}"'), "answers_task", "missing_call"),
            wrong("default_in_clear", gold.replace(secret, f'os.getenv("PASSWORD", {clear})'), CLEAR, "secret_default"),
            wrong(
                "swapped_scope_and_key",
                gold.replace(secret, f'dbutils.secrets.get("{key}", "{scope}")'),
                "answers_task",
                "missing_call",
            ),
            wrong("wrong_scope", gold.replace(f'"{scope}"', f'"{other}"'), "answers_task", "missing_call"),
            wrong("asks_the_user", gold.replace(secret, f'dbutils.widgets.get("{key}")'), "answers_task", "missing_call"),
            wrong("missing_bracket", gold.replace('")).load', '").load'), "answers_task", "unreadable"),
        ),
    )


def _cluster_variable(draw: Draw) -> Made:
    name, workers, variable = draw.word("job"), draw.number(2, 9), draw.word("variable")
    (scope, other), key = draw.words("scope", 2), draw.word("key")
    secret = f"{{{{secrets/{scope}/{key}}}}}"
    document = {"cluster_name": name, "num_workers": workers, "spark_env_vars": {variable: secret}}
    gold = as_yaml(document)
    return Made(
        {"name": name, "workers": workers, "variable": variable, "scope": scope, "key": key},
        gold,
        {CLEAR: {}, "answers_task": {"document": document}},
        (
            wrong("value_in_clear", gold.replace(f"'{secret}'", f"{key}{draw.number(100, 999)}"), CLEAR, "secret_in_clear"),
            wrong("missing_quotes", gold.replace("'", ""), "answers_task", "unreadable"),
            wrong("wrong_scope", gold.replace(f"secrets/{scope}", f"secrets/{other}"), "answers_task", "different_value"),
            wrong("wrong_reference", gold.replace("{{secrets", "{{secret"), "answers_task", "different_value"),
            wrong("wrong_field", gold.replace("spark_env_vars", "spark_conf"), "answers_task", "missing_value"),
        ),
    )


def _view(draw: Draw, column: str, personal: str, hidden: list[str], shown: dict[str, str]) -> Made:
    """A view whose columns are one of ``hidden``; ``shown``: family -> columns that show what must be hidden, or too little."""
    view, name = names.view_of(draw)
    heads = ("CREATE VIEW", "CREATE OR REPLACE VIEW")
    spellings = [f"{head} {view} AS SELECT {columns} FROM {name};" for columns in hidden for head in heads]
    gold = spellings[0]
    missing = "answers_task", "missing_statement"
    return Made(
        {"view": view, "name": name, "column": column, "personal": personal},
        gold,
        {"answers_task": {"sql": [spellings]}},
        (
            *(wrong(family, gold.replace(hidden[0], columns), *missing) for family, columns in shown.items()),
            wrong("missing_as", gold.replace(" AS SELECT", " SELECT"), *missing),
            wrong("changes_the_table", f"ALTER TABLE {name} DROP COLUMN {personal};", *missing),
            wrong("overwrites_the_rows", f"UPDATE {name} SET {personal} = NULL;", "policy_safety", "unbounded_update"),
        ),
    )


def _masking_view(draw: Draw) -> Made:
    column, personal = draw.word("column"), draw.word("personal")
    hidden = [f"{column}, {mask} AS {personal}" for mask in (f"mask({personal})", f"sha2({personal}, 256)", "'***'")]
    shown = {
        "not_masked": f"{column}, {personal}",
        "all_columns": "*",
        "wrong_column": f"mask({column}) AS {column}, {personal}",
    }
    return _view(draw, column, personal, hidden, shown)


def _drop_column_view(draw: Draw) -> Made:
    personal, other = draw.words("personal", 2)
    hidden = [f"* EXCEPT ({personal})"]
    return _view(
        draw, "", personal, hidden, {"all_columns": "*", "wrong_column": f"* EXCEPT ({other})", "only_that_column": personal}
    )


TASKS: Tasks = {
    "use_secret": {
        "spark_option": Pattern(
            _spark_option,
            (
                "r is a jdbc reader: load table {table} as user {user}, the password is secret {key} of scope {scope}",
                "with jdbc reader r read {table} into df, user {user}, password from scope {scope}, key {key}",
                "df must be {table}, read with r, user {user}; scope {scope} keeps the password under {key}",
                "read {table} as {user} with reader r, take the password from secret scope {scope}, key {key}",
            ),
            PYTHON_FORM,
        ),
        "cluster_variable": Pattern(
            _cluster_variable,
            (
                "cluster {name} with {workers} workers, variable {variable} is secret {key} of scope {scope}",
                "{workers} workers, cluster {name}, set {variable} from scope {scope}, key {key}",
                "define cluster {name}: {variable} comes from secret scope {scope}, key {key}, {workers} workers",
                "give cluster {name}, {workers} workers, the environment variable {variable}, kept in scope {scope} as {key}",
            ),
            YAML_FORM,
        ),
    },
    "hide_column": {
        "masking_view": Pattern(
            _masking_view,
            (
                "view {view} shows {column} of {name}, and {personal} masked",
                "mask {personal} of {name} in view {view}, keep {column}",
                "make view {view} on {name} with {column} and a masked {personal}",
                "readers of view {view} see {column} of {name} but {personal} only masked",
            ),
            SQL_FORM,
        ),
        "drop_column_view": Pattern(
            _drop_column_view,
            (
                "view {view} shows all of {name} but {personal}",
                "leave {personal} out of view {view} on {name}, keep the rest",
                "make view {view} of {name} without column {personal}",
                "readers of view {view} see every column of {name}, never {personal}",
            ),
            SQL_FORM,
        ),
    },
}
