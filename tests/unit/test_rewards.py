"""Rewards: the numbers of the contract, by hand."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.sqlenv import rewards
from aj.sqlenv.rewards import operational_signal, progress, step_reward


@pytest.mark.parametrize(
    ("ran", "new", "repeated", "value"),
    [
        (True, True, False, 0.01), (True, False, False, 0.0), (True, False, True, -0.03), (False, False, False, -0.02),
        (False, False, True, -0.05), (True, True, True, -0.02),
    ],
)  # fmt: skip
def test_the_signal_of_a_step(ran: bool, new: bool, repeated: bool, value: float) -> None:
    assert operational_signal(ran=ran, new=new, repeated=repeated) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("signal", "change", "value"),
    [(0.01, 0.0, 0.01), (0.01, 0.25, 0.0475), (0.01, 1.0, 0.15), (0.0, 1.0, 0.15), (-0.02, 1.0, 0.13), (-0.05, -1.0, -0.10), (-0.2, 0.0, -0.10)],
)  # fmt: skip
def test_a_step_pays_the_change_of_progress_times_0_15_and_is_clipped(signal: float, change: float, value: float) -> None:
    assert step_reward(signal, change) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("rows", "gold", "level"),
    [
        ([(42,)], [(42,)], 1.0),  # all three full
        ([], [(42,)], 0.0),
        ([("x",)], [(42,)], 0.25),  # cardinality 1, overlap 0, no number: 0.25
        ([(1,)], [(5,)], 0.25),  # 0.25 + 0 + 0.25 * 0.2 = 0.30
        ([(4,)], [(5,)], 0.25),  # 0.25 + 0 + 0.25 * 0.8 = 0.45
        ([(5,), (7,)], [(5,)], 0.5),  # 0.25 * 0.5 + 0.5 * 0.5 + 0.25 = 0.625
        ([(5,), (6,)], [(5,), (7,)], 0.5),  # 0.25 + 0.5 / 3 + 0.25 * (1 + 6/7) / 2 = 0.649
        ([("a",), ("b",)], [("a",), ("b",), ("c",)], 0.5),  # 0.25 * 2/3 + 0.5 * 2/3 + 0.25 * 2/3 = 0.667
        ([("a",), ("b",), ("c",)], [("c",), ("b",), ("a",)], 1.0),
        ([("A",)], [("a",)], 0.25),
        ([(42.0,)], [(42,)], 1.0),
        ([(1e308,)], [(5,)], 0.25),
        ([(math.inf,)], [(5,)], 0.25),
        ([(0.1,)], [(0.0,)], 0.25),  # proximity over max(|g|, 1): 0.25 + 0.25 * 0.9 = 0.475
        ([(5,)] * 30, [(5,)], 0.25),  # 0.25/30 + 0.5/30 + 0.25 = 0.275
    ],
)
def test_progress_is_the_formula_binned_down_to_five_levels(rows: list[Any], gold: list[Any], level: float) -> None:
    assert progress(tuple(rows), tuple(gold)) == level


CELL = st.none() | st.integers(-99, 99) | st.floats() | st.sampled_from(["a", "b", "42"])
ROWS = st.lists(st.tuples(CELL, CELL), max_size=5).map(tuple)


@settings(deadline=None, max_examples=100)
@given(ROWS, ROWS)
def test_progress_is_one_of_five_levels_and_full_for_the_gold_itself(rows: Any, gold: Any) -> None:
    assert progress(rows, gold) in (0.0, 0.25, 0.5, 0.75, 1.0)
    if gold and not any(isinstance(c, float) and not math.isfinite(c) for row in gold for c in row):
        assert progress(gold, gold) == 1.0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), max_size=30))
def test_the_changes_of_the_best_level_add_up_to_the_last(levels: list[float]) -> None:
    best, paid = 0.0, 0.0
    for level in levels:
        paid += step_reward(0.0, max(best, level) - best)
        best = max(best, level)
    assert paid == pytest.approx(0.15 * best)


def test_the_three_callables_return_a_float_for_each_completion_in_order() -> None:
    batch = [[{"role": "assistant", "content": "x"}]] * 3
    columns = {"correct": [1, 0, 1], "best_progress": [0.25, 1, 0], "operational_sum": [-0.5, 0.01, 0]}
    assert rewards.correctness(batch, **columns) == [1.0, 0.0, 1.0]
    assert rewards.progress_reward(batch, **columns) == [0.25, 1.0, 0.0]
    assert rewards.operational(batch, **columns) == [-0.5, 0.01, 0.0]
    assert all(isinstance(x, float) for x in rewards.correctness(batch, **columns))


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="2 values of correct for 3 completions"):
        rewards.correctness(["a", "b", "c"], correct=[1.0, 0.0])
