"""tool_contract_valid: tool calls in every spelling against their schemas."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.tools import agent_tools
from aj.validators.calls.contract import tool_contract_valid
from aj.validators.calls.cost import MOST_OF_A_REPLY, MOST_VISITS, Steps, affordable
from aj.validators.calls.errors import BadSchema
from aj.validators.registry import validate
from aj.validators.score import CRASHED
from tests.validators.labelled import in_time

CASES = yaml.safe_load((Path(__file__).parent / "cases" / "contracts.yaml").read_text())
GOLD = '{"name": "bash", "arguments": {"command": "ls"}}'


def tool(**properties: Any) -> list[dict[str, Any]]:
    return [{"name": "f", "parameters": {"type": "object", "properties": properties}}]


def call(**arguments: Any) -> str:
    return json.dumps({"name": "f", "arguments": arguments})


def test_there_are_enough_cases_and_their_names_are_distinct() -> None:
    assert len(CASES) >= 100
    assert len({c["id"] for c in CASES}) == len(CASES)
    assert sum(c["near_miss"] for c in CASES) >= len(CASES) / 2
    assert 0.4 <= sum(c["passes"] for c in CASES) / len(CASES) <= 0.6


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_a_case_is_judged_as_labelled(case: dict[str, Any]) -> None:
    score = validate("tool_contract_valid", case["text"], case.get("context"))
    assert (score.passed, score.codes[:1]) == (case["passes"], () if case["passes"] else (case["code"],)), score.reasons


def test_no_case_is_falsely_accepted_or_rejected() -> None:
    judged = [(c["passes"], validate("tool_contract_valid", c["text"], c.get("context")).passed) for c in CASES]
    assert (judged.count((False, True)), judged.count((True, False))) == (0, 0)


def test_what_is_missing_and_what_is_unknown_is_named() -> None:
    missing = tool_contract_valid('{"name": "remote_bash", "arguments": {"command": "ls"}}', {})
    assert "agent_id" in missing.reasons[0].detail
    unknown = tool_contract_valid('{"name": "shel", "arguments": {}}', {})
    assert "'shel'" in unknown.reasons[0].detail and "bash" in unknown.reasons[0].detail


def test_the_place_of_a_nested_fault_is_named() -> None:
    nested = tool(a={"type": "object", "properties": {"b": {"type": "integer"}}})
    assert "f at a.b" in tool_contract_valid(call(a={"b": "x"}), {"tools": nested}).reasons[0].detail


def test_tools_that_cannot_be_read_are_the_contexts_fault() -> None:
    assert tool_contract_valid(GOLD, {"tools": [{"parameters": {}}]}).codes == ("bad_tools",)
    assert tool_contract_valid(GOLD, {"tools": "bash"}).codes == ("bad_tools",)


def test_the_agents_tools_given_as_context_are_the_same_tools() -> None:
    assert tool_contract_valid(GOLD, {"tools": list(agent_tools())}).passed


@pytest.mark.parametrize(
    ("text", "value", "codes"),
    [
        (GOLD, 1.0, ()),
        ('{"name": "bash", "arguments": {"command": "ls /tmp"}}', 0.5, ("wrong_argument",)),
        ('{"name": "list_agents", "arguments": {}}', 0.25, ("wrong_tool",)),
        (f"{GOLD}\n{GOLD}", 0.25, ("wrong_count",)),
        ('{"name": "bash", "arguments": {}}', 0.0, ("missing_argument",)),
        ('{"name": "bash", "arguments": {"command": "ls"}', 0.0, ("bad_json",)),
        ("ls", 0.0, ("no_call",)),
    ],
)
def test_a_call_that_keeps_the_contract_earns_more_than_a_broken_one_and_less_than_the_right_one(
    text: str, value: float, codes: tuple[str, ...]
) -> None:
    score = tool_contract_valid(text, {"expected": [json.loads(GOLD)]})
    assert (score.value, score.codes, score.passed) == (value, codes, value == 1.0)


SLOW_TEXTS = {
    "open brackets": "[" * 19_999,
    "open braces": '{"a":' * 3_999,
    "nested arguments": '{"name": "bash", "arguments": ' + '{"a":' * 900 + "1" + "}" * 901,
    "markers": "<tool_call>" * 1_800,
    "empty calls": "<tool_call>{}</tool_call>" * 790,
    "fences": "```" * 6_600,
    "many calls": GOLD * 400,
    "signs": "f(a=" + "-" * 19_000 + "1)",
    "sums": "f(a=" + "1+" * 9_000 + "1)",
    "attributes": "f(a=" + "a." * 9_000 + "b)",
    "python brackets": "f(a=" + "[" * 9_000,
    "reserved words": "f(" + "from=1," * 2_700,
    "quotes": "f(a=" + "'" * 19_000,
    "backslashes": "f(from='" + "\\" * 19_000,
    "a long number": '{"name": "bash", "arguments": {"timeout": ' + "9" * 19_000 + "}}",
    "an exponent": '{"name": "bash", "arguments": {"command": "a", "timeout": 1e999}}',
    "half a surrogate": '{"name": "bash", "arguments": {"command": "\\ud800"}}',
    "thoughts": "<think>" * 2_800,
    "blanks": GOLD + " \n" * 9_000 + "x",
    "prose with names": '{ "name" ' * 2_000 + ":",
}


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize("name", SLOW_TEXTS)
def test_hostile_texts_are_refused_quickly(name: str, public: bool) -> None:
    context = {"tools": tool(a={"type": "integer"})} if public else {}
    score = in_time(lambda: validate("tool_contract_valid", SLOW_TEXTS[name], context))
    assert not score.passed and not score.crashed, score.reasons


def doubling(word: str, levels: int) -> dict[str, Any]:
    steps = {f"a{i}": {word: [{"$ref": f"#/$defs/a{i + 1}"}] * 2} for i in range(levels)}
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/a0"}}, "$defs": {**steps, f"a{levels}": {"type": "integer"}}}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


SLOW_SCHEMAS = {
    "references to themselves": ({"type": "object", "$ref": "#"}, {}, "schema_too_costly"),
    "references that double": (doubling("anyOf", 30), {"a": "x"}, "schema_too_costly"),
    "all of, doubling": (doubling("allOf", 30), {"a": 1}, "schema_too_costly"),
    "an explosive pattern": (
        {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}},
        {"a": "a" * 5_000 + "b"},
        "pattern_mismatch",
    ),
    "an explosive look-ahead": (
        {"type": "object", "properties": {"a": {"pattern": "^(?=(a+)+$)(a|aa)+$"}}},
        {"a": "a" * 5_000 + "b"},
        "pattern_mismatch",
    ),
    "a huge pattern": (
        {"type": "object", "properties": {"a": {"pattern": "((a{1,999}){1,999}){1,999}"}}},
        {"a": "a"},
        "bad_schema",
    ),
    "many patterns": (
        {"type": "object", "properties": {f"a{i}": {"pattern": "x{1,900}"} for i in range(200)}},
        {},
        "schema_too_large",
    ),
    "a deep schema": (nested(60), {}, "schema_too_deep"),
    "a very deep schema": (nested(400), {}, "schema_too_deep"),
    "a large enum": ({"type": "object", "properties": {"a": {"enum": ["x" * 1_000] * 500}}}, {}, "schema_too_large"),
    "a file": ({"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}}, {"a": 1}, "bad_schema"),
    "a dangling reference": ({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}, {"a": 1}, "bad_schema"),
    "not a schema": ([1, 2], {}, "bad_schema"),
}


@pytest.mark.parametrize("name", SLOW_SCHEMAS)
def test_hostile_schemas_are_refused_quickly(name: str) -> None:
    schema, arguments, code = SLOW_SCHEMAS[name]
    score = in_time(lambda: tool_contract_valid(call(**arguments), {"tools": [{"name": "f", "parameters": schema}]}))
    assert score.codes[:1] == (code,), score.reasons


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]":,<>/tool_call name bash arguments`=()1.5enull\\\n', max_size=200), st.booleans())
def test_no_text_crashes(text: str, public: bool) -> None:
    score = validate("tool_contract_valid", text, {"tools": tool(a={"type": "integer"})} if public else {})
    assert CRASHED not in score.codes


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda v: (
        st.lists(v, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "required", "$ref", "items", "enum", "a", "anyOf"]), v, max_size=3
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON, JSON)
def test_no_schema_crashes(schema: Any, arguments: Any) -> None:
    score = validate(
        "tool_contract_valid", json.dumps({"name": "f", "arguments": arguments}), {"tools": [{"name": "f", "parameters": schema}]}
    )
    assert CRASHED not in score.codes, score.reasons


@settings(max_examples=100, deadline=None)
@given(JSON)
def test_no_expectation_passes_for_another_call(expected: Any) -> None:
    assert not tool_contract_valid(
        GOLD, {"expected": [{"name": "bash", "arguments": {"command": "ls", "cwd": str(expected)}}]}
    ).passed


def test_the_calls_of_a_reply_share_what_their_schemas_may_cost() -> None:
    loop = {"type": "object", "properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"$ref": "#/$defs/x"}}}
    steps = Steps()
    for _ in range(MOST_OF_A_REPLY // MOST_VISITS + 1):
        with pytest.raises(BadSchema):
            affordable(loop, {"a": 1}, steps)
    assert steps.left == 0
    score = validate(
        "tool_contract_valid", '{"name": "f", "arguments": {"a": 1}}' * 60, {"tools": [{"name": "f", "parameters": loop}]}
    )
    assert set(score.codes) == {"schema_too_costly"}
