"""lakeflow_connect: pipelines that bring tables and schemas of other systems in through a connection."""

from aj.competencies.draw import Draw, Made, Pattern, Tasks
from aj.competencies.patterns.documents import Reply, Value, as_yaml, changed, renamed, without

FORM = "reply with the pipeline as YAML"
REPLY = Reply(as_yaml, "pipeline_definition_valid")


def _table(source: str, table: str, catalog: str, schema: str) -> Value:
    destination = {"destination_catalog": catalog, "destination_schema": schema}
    return {"table": {"source_schema": source, "source_table": table} | destination}


def _schema(source: str, catalog: str, schema: str) -> Value:
    return {"schema": {"source_schema": source, "destination_catalog": catalog, "destination_schema": schema}}


def _made(draw: Draw, slots: dict[str, str], objects: list[Value], instead: dict[str, list[Value]]) -> Made:
    """A pipeline with these objects; ``instead``: family -> other objects, which are valid but not what was asked."""
    name, (connection, other) = draw.word("job"), draw.words("connection", 2)
    document = {"name": name, "ingestion_definition": {"connection_name": connection, "objects": objects}}
    inside = ("ingestion_definition", "objects")
    ((kind, item),) = objects[0].items()
    both = changed(document, (*inside, 0, "schema" if kind == "table" else "table"), {"source_schema": item["source_schema"]})
    connected = ("ingestion_definition", "connection_name")
    return REPLY.made(
        {"name": name, "connection": connection, **slots},
        document,
        REPLY.invalid("missing_objects", without(document, inside), "missing_field"),
        REPLY.invalid("wrong_field", renamed(document, connected, "connection"), "unknown_field"),
        REPLY.invalid("objects_outside", changed(without(document, inside), ("objects",), objects), "unknown_field"),
        REPLY.invalid("objects_no_list", changed(document, inside, objects[0]), "wrong_type"),
        REPLY.invalid("table_and_schema", both, "ingestion_ambiguous"),
        REPLY.other("wrong_connection", changed(document, connected, other)),
        *(REPLY.other(family, changed(document, inside, others), "missing_value") for family, others in instead.items()),
    )


def _one_table(draw: Draw) -> Made:
    source, schema = draw.words("schema", 2)
    table, catalog = draw.word("table"), draw.word("catalog")
    slots = {"source": source, "table": table, "place": f"{catalog}.{schema}"}
    return _made(draw, slots, [_table(source, table, catalog, schema)], {"whole_schema": [_schema(source, catalog, schema)]})


def _two_tables(draw: Draw) -> Made:
    source, schema = draw.words("schema", 2)
    (first, second), catalog = draw.words("table", 2), draw.word("catalog")
    objects = [_table(source, table, catalog, schema) for table in (first, second)]
    slots = {"source": source, "first": first, "second": second, "place": f"{catalog}.{schema}"}
    return _made(draw, slots, objects, {"missing_table": objects[:1], "whole_schema": [_schema(source, catalog, schema)]})


def _whole_schema(draw: Draw) -> Made:
    source, schema = draw.words("schema", 2)
    table, catalog = draw.word("table"), draw.word("catalog")
    slots = {"source": source, "place": f"{catalog}.{schema}"}
    return _made(draw, slots, [_schema(source, catalog, schema)], {"one_table": [_table(source, table, catalog, schema)]})


TASKS: Tasks = {
    "define_ingestion": {
        "one_table": Pattern(
            _one_table,
            (
                "pipeline {name} brings table {source}.{table} of connection {connection} into {place}",
                "ingest {source}.{table} from {connection} to {place}, pipeline {name}",
                "define ingestion {name}: connection {connection}, table {source}.{table}, goes to {place}",
                "i want {connection} table {source}.{table} in {place}, call the pipeline {name}",
                "copy table {source}.{table} through connection {connection} to {place} with pipeline {name}",
            ),
            FORM,
        ),
        "whole_schema": Pattern(
            _whole_schema,
            (
                "pipeline {name} brings the whole schema {source} of connection {connection} into {place}",
                "ingest all of schema {source} from {connection} to {place}, pipeline {name}",
                "define ingestion {name}: connection {connection}, all tables of schema {source}, go to {place}",
                "i want every table of {connection} schema {source} in {place}, call the pipeline {name}",
            ),
            FORM,
        ),
        "two_tables": Pattern(
            _two_tables,
            (
                "pipeline {name} brings {first} and {second} of schema {source}, connection {connection}, into {place}",
                "ingest tables {first} and {second} of {source} from {connection} to {place}, pipeline {name}",
                "define ingestion {name}: connection {connection}, schema {source}, tables {first} and {second}, go to {place}",
                "from {connection} i want {source}.{first} and {source}.{second} in {place}, call the pipeline {name}",
            ),
            FORM,
        ),
    },
}
