"""streaming_query_safe: checkpoints, triggers and output modes of streaming code."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.validators.streaming.queries import streaming_query_safe
from tests.validators.labelled import in_time

FILE = Path(__file__).parent / "cases" / "others.yaml"
CASES = [c for c in yaml.safe_load(FILE.read_text()) if c["validator"] == "streaming_query_safe"]


def test_there_are_enough_cases_and_most_are_near_misses() -> None:
    assert len(CASES) >= 40
    assert sum(c["near_miss"] for c in CASES) >= len(CASES) / 2


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_a_case_is_judged_as_labelled(case: dict[str, Any]) -> None:
    score = streaming_query_safe(case["text"], case.get("context", {}))
    assert (score.passed, score.codes[:1]) == (case["passes"], () if case["passes"] else (case["code"],)), score.reasons


def test_no_case_is_falsely_accepted_or_rejected() -> None:
    judged = [(c["passes"], streaming_query_safe(c["text"], c.get("context", {})).passed) for c in CASES]
    assert (judged.count((False, True)), judged.count((True, False))) == (0, 0)


SLOW = {
    "block comments": "/*" * 9_900,
    "empty comments": "/**/" * 4_900,
    "quotes": "'" * 19_999,
    "a long chain": "a" + ".b()" * 4_900,
    "brackets": "(" * 19_999,
    "signs": "-" * 19_998 + "1",
    "many queries": 'a.writeStream.option("checkpointLocation", "x")\n' * 400,
    "one line of writers": "for a in b:\n w=1;" + "w=w.writeStream;" * 1_200,
    "many statements": "x=x+1;" * 3_300,
    "many names": "a=b\n" * 4_900 + "a.writeStream",
    "a long sum": 'a.writeStream.option("checkpointLocation",' + "a+" * 4_000 + "a)",
    "names that double": "\n".join(f"a{i + 1}=a{i}+a{i}" for i in range(200))
    + '\ndf.writeStream.option("checkpointLocation", a200)',
    "names in a circle": "a=b\nb=a\na=b\nb=a\n" * 100 + 'a.writeStream.option("checkpointLocation", a).start()',
    "functions that return writers": "def f(): return f().writeStream\n" * 45 + "a.writeStream.start()",
    "a long interval": 'a.writeStream.trigger(processingTime="' + "1 second " * 2_000 + '")',
    "a long interval of digits": 'a.writeStream.trigger(processingTime="' + "1" * 19_000 + '")',
    "statements": "create streaming table a as select 1;" * 500,
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW.keys())
def test_hostile_texts_are_judged_quickly(text: str) -> None:
    streaming_query_safe(CASES[0]["text"], {})  # imports
    assert not in_time(lambda: streaming_query_safe(text, {})).passed


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="abw=.()\"'\n :#%/*,writeStream", max_size=200))
def test_no_text_crashes(text: str) -> None:
    streaming_query_safe(text, {})


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_no_damaged_case_crashes(case: dict[str, Any], data: st.DataObject) -> None:
    text = case["text"]
    at = data.draw(st.integers(0, len(text) - 1))
    streaming_query_safe(
        text[:at] + data.draw(st.text(max_size=3)) + text[at + data.draw(st.integers(0, 5)) :], case.get("context", {})
    )


def test_the_line_of_a_fault_is_named() -> None:
    assert "line 2" in streaming_query_safe("x = 1\ndf.writeStream.start()", {}).reasons[0].detail
