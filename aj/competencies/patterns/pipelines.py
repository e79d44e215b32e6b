"""lakeflow_pipelines: the definition of a declarative pipeline as YAML, and the tables that it makes as SQL."""

from aj.competencies.draw import Draw, Made, Pattern, Tasks, wrong
from aj.competencies.patterns import names
from aj.competencies.patterns.documents import Reply, Value, as_yaml, changed, renamed, without
from aj.competencies.task import Rejected

YAML_FORM = "reply with the pipeline as YAML"
SQL_FORM = "reply with one SQL statement"
REPLY = Reply(as_yaml, "pipeline_definition_valid")


def _pipeline(draw: Draw) -> tuple[Value, str]:
    """Name and place of a pipeline, and the folder of its code."""
    head = {"name": draw.word("job"), "catalog": draw.word("catalog"), "schema": draw.word("schema")}
    return head, f"/Workspace/{draw.word('schema')}/{draw.word('step')}"


def _defined(slots: Value, document: Value, *rejected: Rejected) -> Made:
    slots["place"] = f"{document['catalog']}.{document['schema']}"
    return REPLY.made(slots, document, *rejected)


def _from_folder(draw: Draw) -> Made:
    head, folder = _pipeline(draw)
    document = head | {"libraries": [{"glob": {"include": f"{folder}/**"}}]}
    glob = ("libraries", 0, "glob")
    return _defined(
        {"name": head["name"], "folder": folder},
        document,
        REPLY.invalid("missing_libraries", head, "libraries_missing"),
        REPLY.invalid("missing_name", without(document, ("name",)), "missing_field"),
        REPLY.invalid("wrong_field", renamed(document, (*glob, "include"), "path"), "unknown_field"),
        REPLY.invalid("schema_and_target", changed(document, ("target",), head["schema"]), "conflicting_fields"),
        REPLY.other("wrong_folder", changed(document, (*glob, "include"), f"{folder}/old/**")),
        REPLY.other("missing_catalog", without(document, ("catalog",)), "missing_value"),
    )


def _serverless_pipeline(draw: Draw) -> Made:
    head, path = _pipeline(draw)
    document = head | {"serverless": True, "libraries": [{"notebook": {"path": path}}]}
    return _defined(
        {"name": head["name"], "notebook": path},
        document,
        REPLY.invalid("serverless_with_clusters", changed(document, ("clusters",), [{"num_workers": 2}]), "conflicting_fields"),
        REPLY.invalid(
            "two_in_one_library", changed(document, ("libraries", 0, "file"), {"path": f"{path}.sql"}), "library_ambiguous"
        ),
        REPLY.invalid("path_as_text", changed(document, ("libraries", 0, "notebook"), path), "wrong_type"),
        wrong("missing_colon", as_yaml(document).replace("serverless:", "serverless"), REPLY.validator, "yaml_invalid"),
        REPLY.other("missing_serverless", without(document, ("serverless",)), "missing_value"),
        REPLY.other("wrong_notebook", changed(document, ("libraries", 0, "notebook", "path"), f"{path}_old")),
    )


def _table(slots: dict[str, object], spellings: list[str], name: str, rejected: tuple[Rejected, ...]) -> Made:
    """A task answered by one CREATE; the first spelling is the gold."""
    unsafe = wrong("drops_first", f"DROP TABLE {name};\n{spellings[0]}", "policy_safety", "drops_object")
    return Made(slots, spellings[0], {"sql_compiles": {}, "answers_task": {"sql": [spellings]}}, (*rejected, unsafe))


def _streaming_table(draw: Draw) -> Made:
    source, name = names.two_tables(draw)
    gold = f"CREATE OR REFRESH STREAMING TABLE {name} AS SELECT * FROM STREAM {source};"
    plain = gold.replace(" OR REFRESH", "")
    bracketed = [text.replace(f"STREAM {source}", f"STREAM({source})") for text in (gold, plain)]
    return _table(
        {"source": source, "name": name},
        [gold, plain, *bracketed],
        name,
        (
            wrong("missing_streaming", gold.replace("STREAMING ", ""), "sql_compiles", "syntax_error"),
            wrong("missing_as", gold.replace(" AS ", " "), "sql_compiles", "syntax_error"),
            wrong("reads_no_stream", gold.replace(" STREAM ", " "), "answers_task", "missing_statement"),
            wrong("swapped_tables", _swapped(gold, source, name), "answers_task", "missing_statement"),
        ),
    )


def _materialized_view(draw: Draw) -> Made:
    source, name = names.two_tables(draw)
    number = draw.word("number")
    column = names.column_beside(draw, number)
    gold = (
        f"CREATE OR REFRESH MATERIALIZED VIEW {name} AS SELECT {column}, SUM({number}) AS total FROM {source} GROUP BY {column};"
    )
    heads = [gold, gold.replace("OR REFRESH ", ""), gold.replace("OR REFRESH", "OR REPLACE")]
    return _table(
        {"source": source, "name": name, "number": number, "column": column},
        [*heads, *(text.replace(f"BY {column}", "BY ALL") for text in heads)],
        name,
        (
            wrong("misspelt", gold.replace("MATERIALIZED", "MATERIALISED"), "sql_compiles", "syntax_error"),
            wrong("missing_by", gold.replace("GROUP BY", "GROUP"), "sql_compiles", "syntax_error"),
            wrong("plain_view", f"CREATE VIEW{gold.partition('VIEW')[2]}", "answers_task", "missing_statement"),
            wrong("wrong_function", gold.replace("SUM", "AVG"), "answers_task", "missing_statement"),
        ),
    )


def _swapped(text: str, one: str, other: str) -> str:
    return text.replace(one, "\0").replace(other, one).replace("\0", other)


TASKS: Tasks = {
    "define_pipeline": {
        "from_folder": Pattern(
            _from_folder,
            (
                "pipeline {name} runs all files of folder {folder} into {place}",
                "define pipeline {name}: code in folder {folder}, tables go to {place}",
                "make a pipeline of the files below {folder}, call it {name}, publish to {place}",
                "all in folder {folder} as pipeline {name}, writes to {place}",
                "i need pipeline {name} for {place}, its code is every file under {folder}",
            ),
            YAML_FORM,
        ),
        "serverless_pipeline": Pattern(
            _serverless_pipeline,
            (
                "serverless pipeline {name} runs notebook {notebook} into {place}",
                "pipeline {name} without clusters, serverless: notebook {notebook}, tables go to {place}",
                "run notebook {notebook} as serverless pipeline {name}, publish to {place}",
                "define {name}, a pipeline on serverless compute, for {place} with notebook {notebook}",
                "notebook {notebook} makes the tables of {place}: pipeline {name}, serverless",
            ),
            YAML_FORM,
        ),
    },
    "declare_table": {
        "streaming_table": Pattern(
            _streaming_table,
            (
                "streaming table {name} with the new rows of {source}",
                "declare {name} as a streaming table that reads {source}",
                "rows added to {source} must flow into streaming table {name}",
                "make streaming table {name} from the stream of {source}",
                "read {source} as a stream into streaming table {name}",
            ),
            SQL_FORM,
        ),
        "materialized_view": Pattern(
            _materialized_view,
            (
                "materialized view {name}: sum of {number} as total per {column} of {source}",
                "keep the total of {number} for each {column} of {source} in materialized view {name}",
                "declare materialized view {name} on {source}, {column} and the sum of {number} as total",
                "{source} by {column}, {number} summed up as total, as materialized view {name}",
            ),
            SQL_FORM,
        ),
    },
}
