"""Control run: without meaning in the preference labels, the gain must not appear.

What is not covered: shuffled rewards. bench/controls.py measures them, and the README says what it found.
"""

import json

import pytest

from tests.e2e.conftest import Clone

pytestmark = pytest.mark.e2e


def test_swapped_preference_labels_do_not_give_the_gain(clone: Clone) -> None:
    code = "from bench.controls import preference_accuracy; print('ACCURACY', preference_accuracy(swapped=True, steps=40))"
    accuracy = float(clone.run(f'uv run python -c "{code}"').rpartition("ACCURACY ")[2].split()[0])
    real = json.loads((clone.path / "metrics/dpo.json").read_text())
    assert accuracy < 0.5 < real["held_out_accuracy_low"]
