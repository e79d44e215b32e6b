"""Whether a reply holds what its task asked for."""

from typing import Any

import pytest

from aj.validators.registry import validate

GRANTS = {"sql": ["GRANT SELECT ON TABLE a.b.c TO `x`;", "GRANT USE CATALOG ON CATALOG a TO `x`;"]}
JOB = {"document": {"name": "load", "tasks": [{"task_key": "read"}, {"task_key": "write", "depends_on": [{"task_key": "read"}]}]}}
OBJECTS = {"document": {"objects": [{"table": {"from": "a", "to": "b"}}, {"table": {"from": "c", "to": "d"}}]}}
STREAM = {"python": [["table", "a.b"], ["option", "password", ["get", "vault", "db"]], ["trigger", {"availableNow": True}]]}


def said(text: str, context: dict[str, Any]) -> tuple[float, tuple[str, ...]]:
    score = validate("answers_task", text, context)
    return round(score.value, 3), score.codes


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("grant use catalog on catalog a to x; grant select\n on table a.b.c to `x`", GRANTS),
        ("SELECT 'Rome' -- the city", {"sql": ['SELECT "Rome"']}),
        ("DESC HISTORY t", {"sql": [["DESCRIBE HISTORY t", "DESC HISTORY t"]]}),
        ("name: load\ntasks:\n- {task_key: write, depends_on: [{task_key: read}]}\n- task_key: read\n  note: more\n", JOB),
        ('{"objects": [{"table": {"from": "c", "to": "d"}}, {"table": {"from": "a", "to": "b"}}]}', OBJECTS),
        ('s.table("a.b").option("password", d.get(scope="vault", key="db")).trigger(availableNow=True)', STREAM),
        ('p = d.get("vault", "db")\ns.table(tableName="a.b").option("password", p).trigger(availableNow=True)', STREAM),
    ],
)
def test_what_was_asked_is_found_however_it_is_written(text: str, context: dict[str, Any]) -> None:
    assert said(text, context) == (1.0, ())


@pytest.mark.parametrize(
    ("text", "context", "value", "codes"),
    [
        ("GRANT SELECT ON TABLE a.b.c TO `x`", GRANTS, 0.5, ("missing_statement",)),
        ("GRANT SELECT ON TABLE a.b.c TO `y`", GRANTS, 0.0, ("missing_statement", "missing_statement", "extra_statement")),
        (";".join([*GRANTS["sql"], "SELECT 1"]), GRANTS, 0.667, ("extra_statement",)),
        ("SELECT 'rome'", {"sql": ["SELECT 'Rome'"]}, 0.0, ("missing_statement", "extra_statement")),
        ("SELECT 'a", GRANTS, 0.0, ("unreadable",)),
        ("name: load\ntasks:\n- task_key: read\n", JOB, 0.5, ("missing_value", "missing_value")),
        ("name: sync\ntasks: []", JOB, 0.0, ("different_value", "missing_value", "missing_value", "missing_value")),
        ("name: [", JOB, 0.0, ("unreadable",)),
        ("name: true", {"document": {"name": 1}}, 0.0, ("different_value",)),
        ('s.table("a.b").option("password", "x").trigger(once=True)', STREAM, 0.333, ("missing_call", "missing_call")),
        ("s.table(", STREAM, 0.0, ("unreadable",)),
        ("a = b\nb = a\nf(a)", {"python": [["f", "x"]]}, 0.0, ("missing_call",)),
        ("anything", {}, 0.0, ("no_task",)),
    ],
)
def test_what_is_missing_or_too_much_is_named_and_costs(
    text: str, context: dict[str, Any], value: float, codes: tuple[str, ...]
) -> None:
    assert said(text, context) == (value, codes)


def test_a_list_with_an_item_too_many_never_passes() -> None:
    more = "name: load\ntasks:\n- task_key: read\n- task_key: write\n  depends_on: [{task_key: read}]\n- task_key: drop\n"
    assert said(more, JOB) == (0.8, ("extra_item",))


SCHEMA = {
    "document": {
        "type": "object",
        "properties": {"mode": {"enum": ["append", "update"]}, "id": {"type": ["integer", "null"]}},
        "required": ["mode", "id"],
        "anyOf": [{"required": ["id"]}, {"required": ["id"], "properties": {"mode": {"const": "append"}}}],
    }
}


def test_in_a_json_schema_the_order_of_enum_required_type_and_any_of_does_not_count() -> None:
    turned = """{"required": ["id", "mode"], "anyOf": [{"properties": {"mode": {"const": "append"}}, "required": ["id"]}, {"required": ["id"]}],
    "properties": {"id": {"type": ["null", "integer"]}, "mode": {"enum": ["update", "append"]}}, "type": "object"}"""
    assert said(turned, SCHEMA) == (1.0, ())
    assert said(turned.replace('"update", ', ""), SCHEMA)[1] == ("missing_value",)
    assert said(turned.replace('["id", "mode"]', '["id", "mode", "day"]'), SCHEMA)[1] == ("extra_item",)


def test_what_asks_for_more_chooses_first_among_items_that_are_alike() -> None:
    wanted = {"document": [{"a": 1}, {"a": 1, "b": 2}]}
    assert said("[{a: 1, b: 2}, {a: 1}]", wanted) == said("[{a: 1}, {a: 1, b: 2}]", wanted) == (1.0, ())
