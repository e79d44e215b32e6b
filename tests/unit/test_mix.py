"""Split, weigh and preference pairs."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.chat import Conversation, RowError
from aj.errors import DataError
from aj.mix.clean import Row
from aj.mix.preference import check_pair
from aj.mix.split import assert_disjoint, by_priority, fraction, split
from aj.mix.weigh import Portion, weigh


def row(text: str, source: str = "a", group: str = "", side: str = "") -> Row:
    conversation = Conversation(({"role": "user", "content": text}, {"role": "assistant", "content": text}))
    return Row(conversation, source, group or conversation.id, side, 10, 5)


def many(count: int, source: str = "a", start: int = 0) -> list[Row]:
    return [row(f"{source}{n}", source) for n in range(start, start + count)]


def weighed(rows: dict[str, Sequence[Row]], shares: dict[str, float], **changes: Any) -> tuple[list[Row], list[Portion]]:
    return weigh(rows, shares, **{"total": 100, "shortage": "cap", "repeat_max": 3, "seed": 7, **changes})


def test_fractions_are_pinned_and_spread_evenly() -> None:
    assert fraction("split:a") == 0.2831332440436951
    share = sum(fraction(f"x{n}") < 0.1 for n in range(5000)) / 5000
    assert 0.08 < share < 0.12


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40, unique=True), st.lists(st.integers(0, 10**6), max_size=40))
def test_a_row_never_changes_sides_when_others_are_added(first: list[int], added: list[int]) -> None:
    before = [row(str(n)) for n in first]
    train, held_out = split(before, 0.3)
    more_train, more_held_out = split([*(row(f"+{n}") for n in added), *reversed(before)], 0.3)
    assert set(map(id, train)) <= set(map(id, more_train))
    assert set(map(id, held_out)) <= set(map(id, more_held_out))
    assert len(train) + len(held_out) == len(first)


def test_rows_of_a_group_stay_together_and_about_the_asked_part_is_held_out() -> None:
    rows = [row(f"{g}-{n}", group=f"g{g}") for g in range(400) for n in range(2)]
    train, held_out = split(rows, 0.1)
    assert not {r.group for r in train} & {r.group for r in held_out}
    assert 50 < len(held_out) < 110


def test_a_source_that_splits_by_itself_is_obeyed() -> None:
    rows = [row("a", side="train"), row("b", side="held_out")]
    for validation in (0.0, 1.0):
        train, held_out = split(rows, validation)
        assert ([r.split for r in train], [r.split for r in held_out]) == (["train"], ["held_out"])


def test_a_schema_on_both_sides_is_caught_also_as_a_part_of_a_group() -> None:
    assert assert_disjoint("mix", ["herbs(a) teas(b)", "oils(c)"], ["herbs(b) teas(a)"]) == 2
    with pytest.raises(DataError, match=r"mix: 1 groups are in training and held out, 'teas\(b\)' among them"):
        assert_disjoint("mix", ["herbs(a) teas(b)"], ["oils(c) teas(b)"])


def test_each_source_gives_its_share() -> None:
    mixed, portions = weighed({"a": many(90, "a"), "b": many(50, "b")}, {"a": 0.7, "b": 0.3})
    assert portions == [Portion("a", 70, 90, 70), Portion("b", 30, 50, 30)]
    assert len({r.conversation.id for r in mixed}) == len(mixed) == 100


def test_a_short_source_is_capped_repeated_or_refused() -> None:
    rows, shares = {"a": many(90, "a"), "b": many(8, "b")}, {"a": 0.7, "b": 0.3}
    mixed, portions = weighed(rows, shares, shortage="cap")
    assert portions[1] == Portion("b", 30, 8, 8)
    assert len(mixed) == 78
    mixed, portions = weighed(rows, shares, shortage="repeat", repeat_max=3)
    assert portions[1] == Portion("b", 30, 8, 24)
    counts = [sum(r.conversation.id == one.conversation.id for r in mixed) for one in rows["b"]]
    assert counts == [3] * 8
    mixed, portions = weighed(rows, shares, shortage="repeat", repeat_max=10)
    assert portions[1] == Portion("b", 30, 8, 30)
    assert {sum(r.conversation.id == one.conversation.id for r in mixed) for one in rows["b"]} == {3, 4}
    with pytest.raises(DataError, match=r"source 'b' has 8 rows for training, 30 are asked \(30% of 100\): lower its share"):
        weighed(rows, shares, shortage="fail")
    assert weighed({**rows, "b": many(30, "b")}, shares, shortage="fail")[1][1].taken == 30


def test_a_source_that_gives_nothing_is_an_error() -> None:
    for shortage in ("cap", "repeat"):
        with pytest.raises(DataError, match="source 'b' gives 0 of 30 rows asked: raise its share or add rows"):
            weighed({"a": many(90), "b": []}, {"a": 0.7, "b": 0.3}, shortage=shortage)
    with pytest.raises(DataError, match="source 'b' gives 0 of 0 rows asked"):
        weighed({"a": many(90), "b": many(9, "b")}, {"a": 0.999, "b": 0.001})


def test_rows_added_to_one_source_move_no_row_of_another() -> None:
    shares = {"a": 0.6, "b": 0.4}
    before, _ = weighed({"a": many(200, "a"), "b": many(90, "b")}, shares)
    after, _ = weighed({"a": many(200, "a"), "b": many(140, "b")}, shares)
    assert [r.conversation.id for r in before if r.source == "a"] == [r.conversation.id for r in after if r.source == "a"]
    assert [r for r in before if r.source == "b"] != [r for r in after if r.source == "b"]


def test_more_rows_of_a_source_displace_only_as_many_as_come_in() -> None:
    before, _ = weighed({"a": many(120)}, {"a": 1.0})
    after, _ = weighed({"a": many(130)}, {"a": 1.0})
    gone = {r.conversation.id for r in before} - {r.conversation.id for r in after}
    new = {r.conversation.id for r in many(10, start=120)}
    assert len(gone) == len({r.conversation.id for r in after} & new) <= 10


def test_the_order_is_that_of_the_seed_whatever_the_order_of_arrival() -> None:
    rows = many(50)
    assert by_priority(rows, 1) == by_priority(rows[::-1], 1) != by_priority(rows, 2)
    sources = {"a": many(60, "a"), "b": many(60, "b")}
    mixed, _ = weighed(sources, {"a": 0.5, "b": 0.5})
    assert 10 < sum(r.source == "a" for r in mixed[:50]) < 40  # mixed, not one source after the other


PROMPT = json.dumps([{"role": "user", "content": "tables: herbs\nquestion: how many herbs?"}])
PAIR = {
    "prompt": PROMPT, "chosen": "QUERY: SELECT COUNT( * ) FROM herbs", "rejected": "ANSWER: unknown", "broken_rule": "gave_up",
    "group": "herbs(a)", "split": "train",
}  # fmt: skip


def test_a_good_pair_keeps_the_columns_that_training_reads() -> None:
    assert check_pair({**PAIR, "note": "x"}, "p:1") == PAIR


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rejected": PAIR["chosen"]}, "chosen and rejected are both 'QUERY: SELECT COUNT"),
        ({"broken_rule": "how many"}, "its prompt contains the label 'how many'"),
        ({"chosen": " "}, "the chosen turn cannot be read .empty_message"),
        ({"rejected": "a\x00"}, "the rejected turn cannot be read .control_characters"),
        ({"prompt": "[{"}, "the chosen turn cannot be read"),
        ({"prompt": '[{"role": "human", "content": "x"}]'}, "unknown_role"),
        ({"rejected": None}, "has no text in column 'rejected': it needs prompt, chosen"),
        ({"split": "test"}, "has split 'test': write train or held_out"),
    ],
)  # fmt: skip
def test_a_bad_pair_is_refused_with_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=f"preference pair at p:7.*{said}"):
        check_pair({**PAIR, **change}, "p:7")


def test_a_pair_without_a_column_or_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(DataError, match="preference pair at p:7 has no text in column 'group'"):
        check_pair({k: v for k, v in PAIR.items() if k != "group"}, "p:7")
    with pytest.raises(DataError, match=r"preference pair at p:7 cannot be read \(bom: x\)"):
        check_pair(RowError("bom", "x"), "p:7")
