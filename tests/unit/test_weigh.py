"""How many rows each source gives, and which."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest

from aj.errors import DataError
from aj.mix.weigh import Portion, mixed, weigh

Rows = dict[str, int]


def weighed(
    counts: Rows, shares: dict[str, float], *, weights: dict[str, int] | None = None, **changes: Any
) -> tuple[list[str], list[Portion]]:
    """Rows are named a0, a1 …; a row's id is a hash of its name, so that it is the same row in every call."""
    names = [f"{source}{n}" for source, count in counts.items() for n in range(count)]
    ids = mixed(np.array([int.from_bytes(n.encode(), "big") for n in names], np.uint64), 99)
    factors = np.array([(weights or {}).get(n[0], 1) for n in names], np.uint16)
    rows = {source: np.array([i for i, n in enumerate(names) if n[0] == source], np.int64) for source in counts}
    settings = {"total": 100, "shortage": "cap", "repeat_max": 3, "seed": 7, **changes}
    order, portions = weigh(rows, ids, factors, shares, **settings)
    return [names[i] for i in order], portions


def test_each_source_gives_its_share() -> None:
    order, portions = weighed({"a": 90, "b": 50}, {"a": 0.7, "b": 0.3})
    assert portions == [Portion("a", 70, 90, 70), Portion("b", 30, 50, 30)]
    assert len(set(order)) == len(order) == 100


def test_a_short_source_is_capped_repeated_or_refused() -> None:
    counts, shares = {"a": 90, "b": 8}, {"a": 0.7, "b": 0.3}
    order, portions = weighed(counts, shares, shortage="cap")
    assert portions[1] == Portion("b", 30, 8, 8)
    assert len(order) == 78
    order, portions = weighed(counts, shares, shortage="repeat", repeat_max=3)
    assert portions[1] == Portion("b", 30, 8, 24)
    assert {n: c for n, c in Counter(order).items() if n[0] == "b"} == {f"b{n}": 3 for n in range(8)}
    order, portions = weighed(counts, shares, shortage="repeat", repeat_max=10)
    assert portions[1] == Portion("b", 30, 8, 30)
    assert {c for n, c in Counter(order).items() if n[0] == "b"} == {3, 4}
    with pytest.raises(DataError, match=r"source 'b' has 8 rows for training, 30 are asked \(30% of 100\): lower its share"):
        weighed(counts, shares, shortage="fail")
    assert weighed({**counts, "b": 30}, shares, shortage="fail")[1][1].taken == 30


def test_a_source_that_gives_nothing_is_an_error() -> None:
    for shortage in ("cap", "repeat"):
        with pytest.raises(DataError, match="source 'b' gives 0 of 30 rows asked: raise its share or add rows"):
            weighed({"a": 90, "b": 0}, {"a": 0.7, "b": 0.3}, shortage=shortage)
    with pytest.raises(DataError, match="source 'b' gives 0 of 0 rows asked"):
        weighed({"a": 90, "b": 9}, {"a": 0.999, "b": 0.001})


def test_a_source_of_share_zero_gives_no_row_and_needs_none() -> None:
    order, portions = weighed({"a": 90, "b": 0, "c": 9}, {"a": 1.0, "b": 0.0, "c": 0.0}, shortage="fail", total=90)
    assert {n[0] for n in order} == {"a"}
    assert portions[1:] == [Portion("b", 0, 0, 0), Portion("c", 0, 9, 0)]


def test_a_weight_of_three_gives_three_copies_that_do_not_stand_together() -> None:
    order, portions = weighed({"a": 50, "b": 20}, {"a": 0.4, "b": 0.6}, weights={"b": 3})
    assert portions[1] == Portion("b", 60, 60, 60)
    assert {c for n, c in Counter(order).items() if n[0] == "b"} == {3}
    beside = sum(x == y for x, y in itertools.pairwise(order))
    assert beside < 8  # by chance 100 * 2/100 * 60/100


def test_rows_added_to_one_source_move_no_row_of_another() -> None:
    shares = {"a": 0.6, "b": 0.4}
    before, _ = weighed({"a": 200, "b": 90}, shares)
    after, _ = weighed({"a": 200, "b": 140}, shares)
    assert [n for n in before if n[0] == "a"] == [n for n in after if n[0] == "a"]
    assert [n for n in before if n[0] == "b"] != [n for n in after if n[0] == "b"]


def test_more_rows_of_a_source_displace_only_as_many_as_come_in() -> None:
    before, _ = weighed({"a": 1000}, {"a": 1.0}, total=800)
    after, _ = weighed({"a": 1100}, {"a": 1.0}, total=800)
    gone, new = set(before) - set(after), {f"a{n}" for n in range(1000, 1100)}
    assert 0 < len(gone) == len(set(after) & new) <= 100


def test_the_sources_are_mixed_and_the_seed_decides_the_order() -> None:
    order, _ = weighed({"a": 60, "b": 60}, {"a": 0.5, "b": 0.5})
    assert 10 < sum(n[0] == "a" for n in order[:50]) < 40
    assert (
        order
        == weighed({"a": 60, "b": 60}, {"a": 0.5, "b": 0.5})[0]
        != weighed({"a": 60, "b": 60}, {"a": 0.5, "b": 0.5}, seed=8)[0]
    )
