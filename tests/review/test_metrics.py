"""Metrics read by their names: the repository's own first."""

import json
from pathlib import Path

import pytest

from aj.review import metrics
from aj.review.metrics import INTERVAL, Row, Value

ROOT = Path(__file__).parents[2]
RECORDED = {path.name: json.loads(path.read_text()) for path in sorted((ROOT / "metrics").glob("*.json"))}


def test_every_recorded_interval_belongs_to_one_value_inside_it() -> None:
    rows = [row for row in metrics.rows(RECORDED, RECORDED) if row.measured()]
    ends = [key for numbers in RECORDED.values() for key in numbers if INTERVAL.search(key)]
    assert ends
    assert 2 * len(rows) == len(ends)
    for row in rows:
        assert row.after is not None
        assert row.after.low is not None
        assert row.after.high is not None
        assert row.after.low <= row.after.value <= row.after.high, row
        assert row.after.n, row
        assert row.direction == "higher", row


@pytest.mark.parametrize(
    ("key", "direction"),
    [
        ("validation_loss", "lower"), ("perplexity", "lower"), ("unseen_schemas.parse_failures", "lower"), ("mean_kl", "lower"),
        ("sqlenv.false_accept_rate", "lower"), ("tasks.safety_rate", "higher"), ("top1_agreement", "higher"), ("token_parity", "higher"),
        ("sqlenv.hacks_paid", "lower"), ("tasks.n", ""), ("sft.tokens", ""), ("hard.mean_actions", ""), ("bytes", ""),
    ],
)  # fmt: skip
def test_a_direction_goes_by_the_name(key: str, direction: str) -> None:
    assert metrics.direction(key) == direction


@pytest.mark.parametrize(
    ("before", "after", "reading"),
    [
        (Value(0.5, 0.4, 0.6, 100), Value(0.55, 0.45, 0.65, 100), "better, within chance"),
        (Value(0.5, 0.4, 0.6, 100), Value(0.3, 0.2, 0.39, 100), "worse"),
        (Value(0.5, 0.4, 0.6, 100), Value(0.5, 0.4, 0.6, 100), "same"),
        (None, Value(0.5, 0.4, 0.6, 100), "new"),
        (Value(0.5, 0.4, 0.6, 100), None, "gone"),
    ],
)
def test_a_difference_is_read_with_its_intervals(before: Value | None, after: Value | None, reading: str) -> None:
    assert Row("x", "higher", before, after).reading() == reading
