"""What is measured, on cases small enough to do by hand."""

import math

import numpy as np
import pytest

from aj.chat_template import Tokens
from aj.evaluation.statistics import wilson
from aj.evaluation.suites import flat, spread, validation_loss


def test_the_wilson_interval_is_the_published_one() -> None:
    low, high = wilson(15, 50)  # 30 % of 50: what the field calls 19 to 44
    assert (round(low, 2), round(high, 2)) == (0.19, 0.44)
    assert wilson(0, 600)[0] == 0.0
    assert wilson(600, 600)[1] == 1.0


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_an_impossible_proportion_is_refused(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(hits, n)


def test_the_validation_loss_counts_only_what_the_assistant_wrote() -> None:
    row = Tokens(ids=[0, 1, 2], learned=[0, 0, 1])
    logits = np.zeros((3, 4), dtype=np.float32)
    logits[0, 3] = 50.0  # position 0 predicts token 1 very badly, and is not learned
    measured = validation_loss([row], iter([logits]))
    assert measured["validation_loss"] == pytest.approx(math.log(4))
    assert measured["perplexity"] == pytest.approx(4)
    assert measured["validation_tokens"] == 1


def test_rows_are_taken_from_all_over() -> None:
    assert spread(list(range(204)), 100)[-1] >= 200
    assert spread(list(range(5)), 100) == list(range(5))
    assert len(set(spread(list(range(204)), 100))) == 100


def test_metrics_are_flat() -> None:
    assert flat([{"split": "seen", "n": 2, "accuracy": 0.5}]) == {"seen.n": 2, "seen.accuracy": 0.5}
