"""Control runs: without meaning in the labels or the rewards, the gain must not appear (bench/controls.py runs both whole)."""

import json

import pytest

from tests.e2e.conftest import Clone

pytestmark = pytest.mark.e2e


def test_swapped_preference_labels_do_not_give_the_gain(clone: Clone) -> None:
    code = "from bench.controls import preference_accuracy; print('ACCURACY', preference_accuracy(swapped=True, steps=40))"
    accuracy = float(clone.run(f'uv run python -c "{code}"').rpartition("ACCURACY ")[2].split()[0])
    real = json.loads((clone.path / "metrics/dpo.json").read_text())
    assert accuracy < 0.5 < real["held_out_accuracy_low"]


def test_shuffled_rewards_do_not_give_the_gain(clone: Clone) -> None:
    code = "from bench.controls import episode_accuracy; print('ACCURACY', *episode_accuracy(shuffled=True, steps=20))"
    right, n = map(int, clone.run(f'uv run python -c "{code}"').rpartition("ACCURACY ")[2].split()[:2])
    dpo, grpo = (json.loads((clone.path / f"metrics/eval_{form}.json").read_text()) for form in ("dpo", "grpo"))
    assert right / n <= dpo["unseen_schemas.high"]
    assert right / n < grpo["unseen_schemas.low"]
