"""lakehouse_fundamentals: keep Delta tables small and correct, look into their past, ask them questions."""

from typing import Any

from aj.competencies.draw import Draw, Made, Pattern, Tasks, wrong
from aj.competencies.patterns import names
from aj.competencies.task import Rejected

FORM = "reply with one SQL statement"


def _made(slots: dict[str, object], spellings: list[str], columns: dict[str, str], rejected: tuple[Rejected, ...]) -> Made:
    """A task about one table, {name}; the first spelling is the gold."""
    schema = names.schema_with(str(slots["name"]), columns)
    fenced = wrong("code_fence", f"```sql\n{spellings[0]}\n```", "sql_compiles", "not_sql")
    checks: dict[str, dict[str, Any]] = {"sql_compiles": {"schema": schema}, "answers_task": {"sql": [spellings]}}
    return Made(slots, spellings[0], checks, (*rejected, fenced))


def _other(family: str, text: str) -> Rejected:
    """Valid, but not what was asked."""
    return wrong(family, text, "answers_task", "missing_statement")


def _optimize(draw: Draw) -> Made:
    name = names.table(draw)
    column, other, stranger = draw.words("column", 3)
    gold = f"OPTIMIZE {name} ZORDER BY ({column});"
    return _made(
        {"name": name, "column": column},
        [gold, f"OPTIMIZE {name} ZORDER BY {column}"],
        {column: "STRING", other: "STRING"},
        (
            wrong("wrong_keyword", gold.replace("ZORDER", "ORDER"), "sql_compiles", "syntax_error"),
            wrong("unknown_column", gold.replace(f"({column})", f"({stranger})"), "sql_compiles", "unknown_column"),
            _other("wrong_column", gold.replace(f"({column})", f"({other})")),
            _other("missing_zorder", f"OPTIMIZE {name};"),
        ),
    )


def _vacuum(draw: Draw) -> Made:
    name, hours = names.table(draw), 24 * draw.number(7, 40)
    gold = f"VACUUM {name} RETAIN {hours} HOURS;"
    return _made(
        {"name": name, "hours": hours},
        [gold],
        {"id": "INT"},
        (
            wrong("wrong_unit", gold.replace("HOURS", "DAYS"), "sql_compiles", "syntax_error"),
            wrong("missing_retain", gold.replace(" RETAIN", ""), "sql_compiles", "syntax_error"),
            _other("wrong_number", gold.replace(str(hours), "24")),
            wrong("removes_the_rows", f"TRUNCATE TABLE {name};", "policy_safety", "truncates"),
        ),
    )


def _restore(draw: Draw) -> Made:
    name, version = names.table(draw), draw.number(2, 60)
    gold = f"RESTORE TABLE {name} TO VERSION AS OF {version};"
    return _made(
        {"name": name, "version": version},
        [gold, gold.replace(" TABLE", ""), gold.replace(" TO", "")],
        {"id": "INT"},
        (
            wrong("missing_as_of", gold.replace(" AS OF", ""), "sql_compiles", "syntax_error"),
            wrong("drops_first", f"DROP TABLE {name};\n{gold}", "policy_safety", "drops_object"),
            _other("wrong_number", gold.replace(f"OF {version}", f"OF {version - 1}")),
            _other("only_reads", f"SELECT * FROM {name} VERSION AS OF {version};"),
        ),
    )


def _read_version(draw: Draw) -> Made:
    name, version = names.table(draw), draw.number(2, 60)
    gold = f"SELECT * FROM {name} VERSION AS OF {version};"
    return _made(
        {"name": name, "version": version},
        [gold, gold.replace("VERSION", "FOR VERSION"), f"SELECT * FROM {name}@v{version}"],
        {"id": "INT"},
        (
            wrong("wrong_order", gold.replace("VERSION AS OF", "AS OF VERSION"), "sql_compiles", "syntax_error"),
            _other("reads_the_present", f"SELECT * FROM {name};"),
            _other("changes_the_table", f"RESTORE TABLE {name} TO VERSION AS OF {version};"),
            _other("wrong_number", gold.replace(f"OF {version}", f"OF {version - 1}")),
        ),
    )


def _history(draw: Draw) -> Made:
    name, count = names.table(draw), draw.number(2, 40)
    gold = f"DESCRIBE HISTORY {name} LIMIT {count};"
    return _made(
        {"name": name, "count": count},
        [gold, gold.replace("DESCRIBE", "DESC")],
        {"id": "INT"},
        (
            wrong("wrong_verb", gold.replace("DESCRIBE", "SHOW"), "sql_compiles", "syntax_error"),
            wrong("misspelt", gold.replace("HISTORY", "HISTROY"), "sql_compiles", "misspelt_keyword"),
            _other("missing_limit", f"DESCRIBE HISTORY {name};"),
            _other("describes_the_table", f"DESCRIBE DETAIL {name};"),
        ),
    )


def _count_rows(draw: Draw) -> Made:
    name, low = names.table(draw), draw.number(2, 90)
    column, other = draw.words("number", 2)
    gold = f"SELECT COUNT(*) FROM {name} WHERE {column} > {low};"
    return _made(
        {"name": name, "column": column, "low": low},
        [gold, gold.replace("*", "1")],
        {column: "DOUBLE"},
        (
            wrong("unbalanced_bracket", gold.replace("(*)", "(*"), "sql_compiles", "unbalanced_bracket"),
            wrong("unknown_column", gold.replace(f"WHERE {column}", f"WHERE {other}"), "sql_compiles", "unknown_column"),
            _other("missing_condition", f"SELECT COUNT(*) FROM {name};"),
            _other("rows_not_count", gold.replace("COUNT(*)", "*")),
        ),
    )


def _top_rows(draw: Draw) -> Made:
    name, count = names.table(draw), draw.number(2, 20)
    column, other = draw.words("number", 2)
    gold = f"SELECT * FROM {name} ORDER BY {column} DESC LIMIT {count};"
    return _made(
        {"name": name, "column": column, "count": count},
        [gold],
        {column: "DOUBLE"},
        (
            wrong("wrong_order", f"SELECT * FROM {name} LIMIT {count} ORDER BY {column} DESC;", "sql_compiles", "syntax_error"),
            wrong("unknown_column", gold.replace(f"BY {column}", f"BY {other}"), "sql_compiles", "unknown_column"),
            wrong(
                "other_dialect", gold.replace(f"LIMIT {count}", f"FETCH FIRST {count} ROWS ONLY"), "sql_compiles", "other_dialect"
            ),
            _other("lowest_first", gold.replace(" DESC", "")),
        ),
    )


def _total_by(draw: Draw) -> Made:
    name, number = names.table(draw), draw.word("number")
    column = names.column_beside(draw, number)
    gold = f"SELECT {column}, SUM({number}) FROM {name} GROUP BY {column};"
    return _made(
        {"name": name, "number": number, "column": column},
        [gold, f"SELECT {column}, SUM({number}) FROM {name} GROUP BY ALL"],
        {column: "STRING", number: "DOUBLE"},
        (
            wrong("empty_clause", gold.replace(f"BY {column}", "BY"), "sql_compiles", "empty_clause"),
            wrong("dangling_comma", gold.replace(f", SUM({number})", ","), "sql_compiles", "dangling_comma"),
            _other("missing_group", f"SELECT {column}, SUM({number}) FROM {name};"),
            _other("wrong_function", gold.replace("SUM", "AVG")),
        ),
    )


TASKS: Tasks = {
    "maintain_table": {
        "optimize": Pattern(
            _optimize,
            (
                "compact table {name}, its files z-ordered by {column}",
                "queries on {name} filter by {column}: optimize it with zorder",
                "optimize {name}, zorder by {column}",
                "table {name} has many small files, merge them, zorder by {column}",
                "make reads of {name} by {column} fast with a zorder",
            ),
            FORM,
        ),
        "vacuum": Pattern(
            _vacuum,
            (
                "remove old files of {name}, keep {hours} hours",
                "vacuum table {name} but retain {hours} hours",
                "free the space of {name}: files older than {hours} hours may go",
                "table {name}: clean up unused files after {hours} hours",
                "delete files that {name} no longer needs, {hours} hours stay",
            ),
            FORM,
        ),
    },
    "travel_in_time": {
        "restore": Pattern(
            _restore,
            (
                "bring table {name} back to version {version}",
                "undo the last changes of {name}, version {version} was right",
                "restore {name} as it was in version {version}",
                "version {version} of {name} was the last good one, go back to it",
                "roll back {name} to version {version}",
            ),
            FORM,
        ),
        "read_version": Pattern(
            _read_version,
            (
                "show all rows of {name} in version {version}",
                "what was in table {name} at version {version}",
                "read version {version} of table {name}",
                "query {name} as of version {version}, change nothing",
                "select the rows that {name} had in version {version}",
            ),
            FORM,
        ),
        "history": Pattern(
            _history,
            (
                "show the last {count} changes of table {name}",
                "who changed {name}: the last {count} entries",
                "history of {name}, {count} rows",
                "list the {count} newest operations on {name}",
                "what happened to table {name}, the last {count} times",
            ),
            FORM,
        ),
    },
    "ask_table": {
        "count_rows": Pattern(
            _count_rows,
            (
                "how many rows of {name} have {column} over {low}",
                "count the rows of {name} where {column} is more than {low}",
                "number of rows in {name} with {column} above {low}",
                "table {name}: count those with {column} > {low}",
            ),
            FORM,
        ),
        "top_rows": Pattern(
            _top_rows,
            (
                "show the {count} rows of {name} with the highest {column}",
                "top {count} of {name} by {column}",
                "the {count} largest in {name}, by {column}",
                "rows of {name} sorted by {column}, highest first, only {count}",
            ),
            FORM,
        ),
        "total_by": Pattern(
            _total_by,
            (
                "sum of {number} per {column} in {name}",
                "total {number} of {name} for each {column}",
                "add up {number} in {name}, one row a {column}",
                "table {name}: {number} in all, by {column}",
            ),
            FORM,
        ),
    },
}
