"""Grading: one row a case of the contract."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.sqlenv.database import Result, show
from aj.sqlenv.grading import bag, right

INTEGER, FLOAT, TEXT = ((42,),), ((2.5,),), (("New York",),)
ITEMS, TABLE = (("a",), ("b",), ("c",)), (("ada", 42), ("ben", 17))


@pytest.mark.parametrize(
    "answer",
    ["42", "42.0", '"42"', "'42'", "`42`", " 42 ", "Answer: 42", "answer : 42", "```42```", "```\n42\n```", "+42", "4.2e1", '"Answer: 42"'[1:-1]],
)  # fmt: skip
def test_an_integer_is_right_in_every_spelling(answer: str) -> None:
    assert right(answer, INTEGER)


@pytest.mark.parametrize(
    "answer", ["41", "42.01", "42 herbs", "4_2", "٤٢", "forty-two", "42, 42", "nan", "inf", "the result is 42", "0x2a"]
)
def test_an_integer_is_exact(answer: str) -> None:
    assert not right(answer, INTEGER)


def test_an_integer_is_exact_beyond_what_a_float_can_hold() -> None:
    assert right("9007199254740993", ((2**53 + 1,),))
    assert not right("9007199254740992", ((2**53 + 1,),))
    assert right("1,234,567", ((1234567,),))
    assert not right("1,2,3", ((123,),))


@pytest.mark.parametrize(
    ("answer", "gold", "verdict"),
    [
        ("2.5", 2.5, True), ("2.525", 2.5, True), ("2.475", 2.5, True), ("2.526", 2.5, False), ("2.474", 2.5, False),
        ("-2.5", 2.5, False), ("-2.52", -2.5, True), ("0", 0.0, True), ("0.001", 0.0, False), ("42", 42.0, True), ("nan", 2.5, False),
        ("1e400", 2.5, False),
    ],
)  # fmt: skip
def test_a_float_is_right_within_one_per_cent(answer: str, gold: float, verdict: bool) -> None:
    assert right(answer, ((gold,),)) is verdict


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [("New York", True), ("new york", True), ("NEWYORK", True), ('"New  York"', True), ("New York City", False), ("York", False)],
)
def test_a_string_is_compared_without_case_and_space(answer: str, verdict: bool) -> None:
    assert right(answer, TEXT) is verdict


@pytest.mark.parametrize(
    ("answer", "unordered", "ordered"),
    [
        ("a, b, c", True, True), ("c, a, b", True, False), ("a\nb\nc", True, True), ("c\nb\na", True, False),
        ('["c", "b", "a"]', True, False), ("[a, b, c]", True, True), ("a, b", False, False), ("a, b, c, c", False, False),
        ("a, a, b", False, False), ("a, b, d", False, False),
    ],
)  # fmt: skip
def test_a_list_needs_its_order_only_where_the_gold_sql_orders(answer: str, unordered: bool, ordered: bool) -> None:
    assert right(answer, ITEMS) is unordered
    assert right(answer, ITEMS, ordered=True) is ordered


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("ada | 42\nben | 17", True), ("ben|17\nada|42.0", True), ("ADA | 42\n\nben | 17\n", True), ("ada | 42", False),
        ("ada | 42\nada | 42", False), ("ada | 17\nben | 42", False), ("ada | 42 | 1\nben | 17 | 1", False), ("42 | ada\n17 | ben", False),
    ],
)  # fmt: skip
def test_a_table_is_a_bag_of_rows(answer: str, verdict: bool) -> None:
    assert right(answer, TABLE) is verdict


@pytest.mark.parametrize("answer", ["", " ", "\n", '""', "''", "``````", "Answer:", "```\n```", "' '"])
@pytest.mark.parametrize("gold", [INTEGER, FLOAT, TEXT, ITEMS, TABLE, (("",),), ((None,),), ()])
def test_an_empty_answer_is_never_right(answer: str, gold: Any) -> None:
    assert not right(answer, gold)


@pytest.mark.parametrize("answer", ["[" * 100_000, "[" + "9" * 5000 + "]", "9" * 100_000, "1e999999999", "|" * 50_000, "-", "."])
@pytest.mark.parametrize("gold", [INTEGER, FLOAT, TEXT, ITEMS, TABLE])
def test_a_monstrous_answer_is_wrong_and_nothing_worse(answer: str, gold: Any) -> None:
    assert right(answer, gold) is False


CELLS = (
    st.integers(-(10**15), 10**15)
    | st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
    | st.from_regex(r"[a-z]{1,6}( [a-z]{1,6})?", fullmatch=True)
)


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=20)), st.booleans())
def test_a_result_answered_as_it_was_shown_is_right(rows: list[tuple[Any, ...]], ordered: bool) -> None:
    assert right(show(Result(tuple(rows))), tuple(rows), ordered=ordered)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from("abc")), min_size=2, max_size=12), st.integers(0, 99))
def test_an_unordered_table_is_right_in_any_order(rows: list[tuple[int, str]], seed: int) -> None:
    shuffled = random.Random(seed).sample(rows, len(rows))
    assert right(show(Result(tuple(shuffled))), tuple(rows))


def test_floats_near_each_other_are_matched_as_well_as_they_can_be() -> None:
    assert right("100.9\n100.0", ((100.0,), (101.5,)))
    assert not right("100.9\n100.8", ((100.0,), (103.5,)))


def test_a_bag_of_cells_knows_no_difference_between_42_and_42_0() -> None:
    assert bag(((42, "a"), (42.0, None))) == {"42": 2, "a": 1, "None": 1}


@pytest.mark.parametrize(
    ("answer", "gold", "verdict"),
    [
        ('"a", "b", "c"', ITEMS, True), ("`a`\n`b`\n`c`", ITEMS, True), ('"a, b, c"', ITEMS, True), ("['a', 'b', 'c']", ITEMS, True),
        ('["a", "b", "c"]', ITEMS, True), ("['a', 'b']", ITEMS, False), ("['a, b', 'c']", (("a, b",), ("c",)), True),
        ("'ada' | '42'\n'ben' | '17'", TABLE, True), ("| ada | 42 |\n| ben | 17 |", TABLE, True),
        ("| name | price |\n|---|:--|\n| ada | 42 |\n| ben | 17 |", TABLE, True), ("name | price\n--- | ---\nada | 42\nben | 17", TABLE, True),
        ("| name | price |\n| ada | 42 |\n| ben | 17 |", TABLE, False), ("[('ada', 42), ('ben', 17)]", TABLE, True),
        ('[["ada", 42], ["ben", 17]]', TABLE, True), ("[('ada', 42), ('ben', 18)]", TABLE, False), ("[('ada', 42)]", TABLE, False),
        ("[42, 'ada']", ((42, "ada"),), True), ("[[42, 'ada']]", ((42, "ada"),), True), ("['ada', 42]", ((42, "ada"),), False),
        ('["New York"]', TEXT, True), ("[42]", INTEGER, True), ("[42, 42]", INTEGER, False), ("[[1], [2]]", ((1,), (2,)), True),
        ("[", ITEMS, False), ("[]", ITEMS, False), ('""', TEXT, False), ("[''] ", TEXT, False), ("Dora\u0301ti", (("Dor\u00e1ti",),), True),
    ],
)  # fmt: skip
def test_lists_and_tables_are_read_in_the_spellings_that_models_write(answer: str, gold: Any, verdict: bool) -> None:
    assert right(answer, gold) is verdict
