"""guardrails_kept: a whole conversation against the rules of the agent."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.validators.persona import guardrails_kept
from tests.validators.labelled import in_time

FILE = Path(__file__).parent / "cases" / "others.yaml"
CASES = [c for c in yaml.safe_load(FILE.read_text()) if c["validator"] == "guardrails_kept"]


def test_there_are_enough_cases_and_most_are_near_misses() -> None:
    assert len(CASES) >= 25
    assert sum(c["near_miss"] for c in CASES) >= len(CASES) / 2


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_a_case_is_judged_as_labelled(case: dict[str, Any]) -> None:
    score = guardrails_kept(case["text"], case.get("context", {}))
    assert (score.passed, score.codes[:1]) == (case["passes"], () if case["passes"] else (case["code"],)), score.reasons


def test_no_case_is_falsely_accepted_or_rejected() -> None:
    judged = [(c["passes"], guardrails_kept(c["text"], c.get("context", {})).passed) for c in CASES]
    assert (judged.count((False, True)), judged.count((True, False))) == (0, 0)


SLOW = {
    "brackets": "[" * 19_999,
    "braces": '{"messages":' * 1_600,
    "not messages": "[1" + ",1" * 9_900 + "]",
    "many turns": '[{"role":"user","content":"x"}' + ',{"role":"assistant","content":"y"}' * 500 + "]",
    "a long claim": '[{"role":"user","content":"x"},{"role":"assistant","content":"' + "the output of " * 1_300 + '"}]',
    "a long talk": '[{"role":"user","content":"x"},{"role":"assistant","content":"' + "disk " * 3_900 + '"}]',
    "a long number": '[{"role":"user","content":' + "1" * 19_900 + "}]",
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW.keys())
def test_hostile_texts_are_judged_quickly(text: str) -> None:
    in_time(lambda: guardrails_kept(text, {}))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet='[]{}":,role content user assistant tool messages', max_size=200))
def test_no_text_crashes(text: str) -> None:
    guardrails_kept(text, {})


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_no_damaged_case_crashes(case: dict[str, Any], data: st.DataObject) -> None:
    text = case["text"]
    at = data.draw(st.integers(0, len(text) - 1))
    guardrails_kept(
        text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 5)) :], case.get("context", {})
    )


def message(role: str, content: str = "", *calls: dict[str, Any]) -> dict[str, Any]:
    return {"role": role, "content": content, **({"tool_calls": list(calls)} if calls else {})}


def test_hostile_commands_are_judged_quickly() -> None:
    for command in ("rm " + "-r " * 5_000, "rm -rf " + "/a " * 4_000, "'" * 9_000, "a;" * 8_000, "rm -rf / " * 1_500):
        text = json.dumps([message("user", "x"), message("assistant", "", {"name": "bash", "arguments": {"command": command}})])
        in_time(lambda text=text: guardrails_kept(text, {}))
