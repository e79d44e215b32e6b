"""Faults that the validators had, each beside its good twin: judged as labelled."""

from pathlib import Path

import pytest
import yaml

from aj.validators.registry import validate

CASES = yaml.load(Path(__file__).with_name("cases").joinpath("mended.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


@pytest.mark.parametrize("case", CASES, ids=[f"{case['validator']}-{case['id']}" for case in CASES])
def test_each_case_is_judged_as_labelled(case: dict) -> None:  # type: ignore[type-arg]
    score = validate(case["validator"], case["text"], case.get("context"))
    assert score.codes[:1] == ((case["code"],) if not case["passes"] else ()), [reason.detail for reason in score.reasons]


def test_no_two_cases_share_a_name() -> None:
    assert len({(case["validator"], case["id"]) for case in CASES}) == len(CASES)
