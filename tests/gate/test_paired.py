"""The paired test and its error rates, against exact counts and simulation."""

import itertools
import math
import random

import pytest

from aj.gate import paired
from aj.gate.metrics import Item
from aj.gate.rules import Comparison
from aj.gate.verdict import judge
from tests.gate.world import Form, InMemory, question, task


@pytest.mark.parametrize(("lost", "won"), [(5, 3), (12, 2), (3, 20), (1, 0), (0, 0), (30, 30)])
def test_with_one_item_a_cluster_it_is_mcnemars_exact_test(lost: int, won: int) -> None:
    flips = lost + won
    expected = sum(math.comb(flips, k) for k in range(won + 1)) / 2**flips
    assert paired.sign_flip([-100] * lost + [100] * won + [0] * 7) == pytest.approx(expected, abs=1e-12)


def test_a_p_value_is_no_smaller_than_its_frequency_counted_over_all_signs() -> None:
    sizes = [1, 2, 2, 5, 7, 7, 11]
    outcomes = [
        [s * sign for s, sign in zip(sizes, signs, strict=True)] for signs in itertools.product((-1, 1), repeat=len(sizes))
    ]
    ps = [paired.sign_flip(outcome) for outcome in outcomes]
    for level in {*ps}:
        assert sum(p <= level + 1e-12 for p in ps) / len(ps) <= level + 1e-12
    assert min(ps) == 0.5 ** len(sizes)


def test_holms_adjusted_values_are_the_published_ones() -> None:
    assert paired.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # R: p.adjust(…, "holm")
    assert paired.holm([]) == []


def test_items_are_paired_by_content_and_those_on_one_side_are_counted() -> None:
    before = {k: Item(k, k, "", 1.0) for k in "abc"}
    after = {k: Item(k, k, "", float(k != "b")) for k in "bcd"}
    found = paired.pair(before, after, 1)
    assert (found.n, found.left_out, [f.name for f in found.flips]) == (2, 2, ["b"])
    assert found.p == 0.5 and paired.pair(before, after, -1).p == 1.0
    with pytest.raises(ValueError, match="no item is on both sides"):
        paired.pair(before, {}, 1)


COMPARISONS = [
    Comparison(metric=metric, forms=["merged", "q4km"], against="release", direction="higher", largest_drop=0.0, smallest_n=40)
    for metric in ("unseen_schemas.accuracy", "tasks.pass_rate", "plan_alignment")
]  # fmt: skip


def sides(rng: random.Random, drop: float) -> tuple[InMemory, InMemory]:
    """Two evaluations of equally good models (``drop`` 0), or the second worse; three questions share a database and its luck."""
    before, after = {}, {}
    for form in ("merged", "q4km"):
        rows: tuple[list[dict], list[dict]] = ([], [])
        for number in range(90):
            if number % 3 == 0:
                luck = [rng.random() < 0.7, rng.random() < 0.7 - drop]
            for side, lucky in zip(rows, luck, strict=True):
                right = lucky if rng.random() < 0.9 else rng.random() < 0.7
                side.append(
                    question(number, right=right, actions=None if right else ["QUERY: SELECT 1"], database=f"db{number // 3}")
                )
        done = [[task(n, calls=False, passed=rng.random() < share) for n in range(40)] for share in (0.5, 0.5 - drop)]
        before[form], after[form] = Form(rows[0], done[0]), Form(rows[1], done[1])
    return InMemory(before), InMemory(after)


def failures(repeats: int, drop: float, seed: int) -> int:
    rng = random.Random(seed)
    count = 0
    for _ in range(repeats):
        before, after = sides(rng, drop)
        verdicts = judge(COMPARISONS, [], 0.05, after, before)
        assert all(v.adjusted is not None for v in verdicts)
        count += any(v.status == "fail" for v in verdicts)
    return count


def test_where_nothing_changed_the_whole_gate_fails_no_more_often_than_it_claims() -> None:
    assert failures(200, drop=0.0, seed=3) <= 0.05 * 200


def test_a_real_drop_is_seen() -> None:
    assert failures(30, drop=0.35, seed=4) >= 27


def test_without_clusters_and_without_holm_the_same_gate_would_fail_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = itertools.count()
    real = paired.Item
    monkeypatch.setattr("aj.gate.metrics.Item", lambda name, cluster, asked, value: real(name, f"{next(alone)}", asked, value))
    monkeypatch.setattr("aj.gate.verdict.holm", lambda ps: list(ps))
    assert failures(50, drop=0.0, seed=3) > 0.05 * 50 + 6
