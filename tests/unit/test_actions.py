"""The action grammar, row by row of the contract."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.sqlenv.actions import Action, parse, unfence


@pytest.mark.parametrize(
    ("text", "kind", "argument"),
    [
        ("DESCRIBE: herbs", "DESCRIBE", "herbs"),
        ("SAMPLE: herbs", "SAMPLE", "herbs"),
        ("QUERY: SELECT 1", "QUERY", "SELECT 1"),
        ("ANSWER: 42", "ANSWER", "42"),
        ("describe: herbs", "DESCRIBE", "herbs"),
        ("Answer : 42", "ANSWER", "42"),
        ("  \n query:SELECT 1  \n", "QUERY", "SELECT 1"),
        ("ANSWER:", "ANSWER", ""),
        ("ANSWER: a: b", "ANSWER", "a: b"),
        ("QUERY: SELECT\n  1\nFROM t", "QUERY", "SELECT\n  1\nFROM t"),
        ("```\nQUERY: SELECT 1\n```", "QUERY", "SELECT 1"),
        ("```sql\nQUERY: SELECT 1\n```", "QUERY", "SELECT 1"),
        ("```QUERY: SELECT 1```", "QUERY", "SELECT 1"),
        ("QUERY: ```sql\nSELECT 1\n```", "QUERY", "SELECT 1"),
        ("QUERY: ```sql SELECT 1```", "QUERY", "SELECT 1"),
        ("QUERY:\n```\nSELECT 1\n```\n", "QUERY", "SELECT 1"),
    ],
)
def test_an_action_is_read_whatever_its_case_space_and_fence(text: str, kind: str, argument: str) -> None:
    assert parse(text) == Action(kind, argument, well_formed=True)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["", "SELECT 1", "I think QUERY: SELECT 1", "DESCRIBE herbs", "DESCRIBES: herbs", "<|im_end|>", "ANSWER 42", "```\n```"],
)
def test_what_does_not_parse_is_a_query_with_the_raw_text(text: str) -> None:
    assert parse(text) == Action("QUERY", text.strip(), well_formed=False)


@pytest.mark.parametrize(
    ("text", "bare"),
    [("```42```", "42"), ("```oslo```", "oslo"), ("```\n42\n```", "42"), ("```text\n42\n```", "42"), ("``42``", "``42``"), ("a ```b```", "a ```b```")],
)  # fmt: skip
def test_one_fence_is_taken_off_and_nothing_else(text: str, bare: str) -> None:
    assert unfence(text) == bare


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40))
def test_any_text_parses_and_a_formatted_action_parses_back(text: str) -> None:
    action = parse(text)
    assert parse(str(action)).kind == action.kind
    assert action.argument == action.argument.strip()
