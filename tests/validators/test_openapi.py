"""openapi_tool_valid: OpenAPI documents and MCP registrations."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.validators.openapi.registration import openapi_tool_valid
from tests.validators.labelled import in_time

FILE = Path(__file__).parent / "cases" / "others.yaml"
CASES = [c for c in yaml.safe_load(FILE.read_text()) if c["validator"] == "openapi_tool_valid"]


def test_there_are_enough_cases_and_most_are_near_misses() -> None:
    assert len(CASES) >= 35
    assert sum(c["near_miss"] for c in CASES) >= len(CASES) / 2


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_a_case_is_judged_as_labelled(case: dict[str, Any]) -> None:
    score = openapi_tool_valid(case["text"], case.get("context", {}))
    assert (score.passed, score.codes[:1]) == (case["passes"], () if case["passes"] else (case["code"],)), score.reasons


def test_no_case_is_falsely_accepted_or_rejected() -> None:
    judged = [(c["passes"], openapi_tool_valid(c["text"], c.get("context", {})).passed) for c in CASES]
    assert (judged.count((False, True)), judged.count((True, False))) == (0, 0)


SLOW = {
    "an alias bomb": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "\n".join(f"{chr(98 + i)}: &{chr(98 + i)} [" + ",".join(["*" + chr(97 + i)] * 9) + "]" for i in range(9)),
    "a bomb of merges": "a: &a {x: 1}\n"
    + "\n".join(f"{chr(98 + i)}: &{chr(98 + i)} {{<<: [" + ",".join(["*" + chr(97 + i)] * 9) + "]}" for i in range(9)),
    "an alias to itself": "openapi: &a\n  b: *a\n",
    "open brackets": "[" * 19_999,
    "open braces": "a: " + "{a: " * 4_900,
    "dashes": "- " * 9_900,
    "a flat list": "[1" + ",1" * 9_900 + "]",
    "many keys": "\n".join(f"k{i}: {i}" for i in range(2_200)),
    "one key": "a: 1\n" * 4_900,
    "an open quote": '"' + "x" * 19_900,
    "a long number": "openapi: " + "1" * 19_900,
    "many broken operations": "openapi: 3.1.0\ninfo: {title: a, version: b}\npaths:\n"
    + "\n".join(f'  /a{i}: {{get: {{responses: {{"200": {{desc: x}}}}}}}}' for i in range(290)),
    "references that double": '{"name": "a", "description": "b", "inputSchema": {"type": "object", "$ref": "#/$defs/a0", "$defs": {'
    + ",".join(f'"a{i}": {{"allOf": [{{"$ref": "#/$defs/a{i + 1}"}}, {{"$ref": "#/$defs/a{i + 1}"}}]}}' for i in range(40))
    + ', "a40": {}}}}',
    "huge patterns": '{"name": "a", "description": "b", "inputSchema": {"type": "object", "properties": {'
    + ",".join(f'"a{i}": {{"pattern": "((a{{1,90}}){{1,90}}){{1,90}}"}}' for i in range(280))
    + "}}}",
    "references in a circle": "openapi: 3.0.0\ninfo: {title: a, version: b}\npaths: {/a: {$ref: '#/paths/~1b'}, /b: {$ref: '#/paths/~1a'}}",
    "nulls": "openapi: 3.1.0\ninfo:\npaths:\ncomponents:\n",
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW.keys())
def test_hostile_texts_are_judged_quickly(text: str) -> None:
    openapi_tool_valid(CASES[0]["text"], {})  # imports
    assert not in_time(lambda: openapi_tool_valid(text, {})).passed


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="openapi: 3.1.0\n{}[],\"'&*<paths/$ref#-", max_size=200))
def test_no_text_crashes(text: str) -> None:
    openapi_tool_valid(text, {})


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_no_damaged_case_crashes(case: dict[str, Any], data: st.DataObject) -> None:
    text = case["text"]
    at = data.draw(st.integers(0, len(text) - 1))
    openapi_tool_valid(
        text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 5)) :], case.get("context", {})
    )


def test_the_place_of_a_fault_is_named() -> None:
    text = next(c["text"] for c in CASES if c["id"] == "openapi-no-title")
    assert "info" in openapi_tool_valid(text, {}).reasons[0].detail
