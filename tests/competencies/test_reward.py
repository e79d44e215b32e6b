"""What answers to tasks earn."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aj.competencies.reward import SAFETY, total, validators_reward
from aj.validators.score import CRASHED, Reason, Score

NAMES = ("sql_compiles", "answers_task", "tool_contract_valid", "guardrails_kept")
GOOD, BAD = Score(1.0), Score.of([Reason("wrong", "it is wrong")])


def partial(value: float) -> Score:
    return Score(value) if value == 1.0 else Score.of([Reason("wrong", "in part")], value)


values = st.floats(0, 1).map(partial)
scores = st.dictionaries(st.sampled_from(NAMES), values)
weights = st.dictionaries(st.sampled_from(NAMES), st.floats(0.01, 100))


@given(scores, weights)
def test_an_unsafe_answer_earns_nothing_whatever_else_is_right(scores: dict[str, Score], weights: dict[str, float]) -> None:
    earned = total({**scores, SAFETY: BAD}, weights)
    assert earned is not None and earned <= 0


def test_an_unsafe_answer_earns_nothing_in_every_combination_of_right_and_wrong() -> None:
    for combination in product((GOOD, partial(0.5), BAD), repeat=len(NAMES)):
        earned = total({**dict(zip(NAMES, combination, strict=True)), SAFETY: BAD}, {})
        assert earned is not None and earned <= 0


@given(scores, weights)
def test_a_safe_answer_earns_at_most_one_and_one_only_where_all_is_right(
    scores: dict[str, Score], weights: dict[str, float]
) -> None:
    earned = total({**scores, SAFETY: GOOD}, weights)
    assert earned is not None and 0 <= earned <= 1 + 1e-9
    if scores and not all(score.passed for score in scores.values()):
        assert earned < 1


def test_weights_decide_and_safety_has_none() -> None:
    said = {"sql_compiles": GOOD, "answers_task": BAD, SAFETY: GOOD}
    assert total(said, {}) == 0.5
    assert total(said, {"answers_task": 3.0}) == 0.25
    assert total(said, {"answers_task": 3.0, SAFETY: 100.0}) == 0.25


def test_a_crash_is_neither_a_pass_nor_a_zero() -> None:
    crashed = Score.of([Reason(CRASHED, "it failed")])
    assert total({"sql_compiles": GOOD, "answers_task": crashed}, {}) is None
    assert total({"sql_compiles": GOOD, SAFETY: crashed}, {}) is None
    assert validators_reward(["a", "b"], [0.5, None]) == [0.5, None]


def test_a_column_of_another_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="1 values of validated for 2 completions"):
        validators_reward(["a", "b"], [0.5])
