"""no_secrets_in_clear: credentials in configs and notebook code."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.validators.secret.clear import no_secrets_in_clear
from tests.validators.labelled import in_time

FILE = Path(__file__).parent / "cases" / "others.yaml"
CASES = [c for c in yaml.safe_load(FILE.read_text()) if c["validator"] == "no_secrets_in_clear"]


def test_there_are_enough_cases_and_most_are_near_misses() -> None:
    assert len(CASES) >= 30
    assert sum(c["near_miss"] for c in CASES) >= len(CASES) / 2


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_a_case_is_judged_as_labelled(case: dict[str, Any]) -> None:
    score = no_secrets_in_clear(case["text"], case.get("context", {}))
    assert (score.passed, score.codes[:1]) == (case["passes"], () if case["passes"] else (case["code"],)), score.reasons


def test_no_case_is_falsely_accepted_or_rejected() -> None:
    judged = [(c["passes"], no_secrets_in_clear(c["text"], c.get("context", {})).passed) for c in CASES]
    assert (judged.count((False, True)), judged.count((True, False))) == (0, 0)


SLOW = {
    "statements": "a=1\n" * 4_900,
    "braces": "password: " + "{{" * 9_000,
    "angles": "password: " + "<" * 19_000,
    "dots": '"' + "x." * 9_900,
    "jwt beginnings": "eyJ" * 6_600,
    "long jwt": ("eyJ" + "a" * 500 + ".eyJ") * 38,
    "sk beginnings": "sk-" * 6_600,
    "a long host": "https://" + "a" * 19_000,
    "urls": "a://a:a@" * 2_400,
    "jdbc": "'jdbc:" * 3_300,
    "assignments in a line": "password=password=" * 1_100,
    "substitutions": "password: " + "$(" * 9_000,
    "blanks": " " * 19_000 + "a",
    "key beginnings": "-----BEGIN " * 1_800,
    "azure": "a8Q~" * 4_900,
    "many lines": '"password": "${x"\n' * 1_100,
    "brackets": "(" * 19_999,
    "equals": "x" + "=" * 19_998,
    "blanks before a comment": "password: a" + " " * 19_000 + "b",
    "blanks between words": ("password" + " " * 900 + "a" + " " * 900 + "b\n") * 11,
    "a long sum": "password = " + "a+" * 9_000 + "a",
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW.keys())
def test_hostile_texts_are_judged_quickly(text: str) -> None:
    no_secrets_in_clear(CASES[0]["text"], {})  # imports
    in_time(lambda: no_secrets_in_clear(text, {}))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="password:='\"{}<>$token \n.()secrets", max_size=200))
def test_no_text_crashes(text: str) -> None:
    no_secrets_in_clear(text, {})


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_no_damaged_case_crashes(case: dict[str, Any], data: st.DataObject) -> None:
    text = case["text"]
    at = data.draw(st.integers(0, len(text) - 1))
    no_secrets_in_clear(
        text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 5)) :], case.get("context", {})
    )


def test_a_reason_does_not_repeat_the_secret() -> None:
    score = no_secrets_in_clear("token = 'dapi0123456789abcdef0123456789abcdef'", {})
    assert score.codes[0] == "token_in_clear" and "abcdef" not in score.reasons[0].detail
