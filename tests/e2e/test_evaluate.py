"""`aj evaluate` on what the pipeline made: the harness of the eval stage, for any model."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import Clone

pytestmark = pytest.mark.e2e
N = 120  # questions; the eval stage holds the same forms against each other on 600
ARGUMENTS = f"--episodes data/mix/eval --split unseen_schemas -n {N} --budget 6 --max-new-tokens 40 --max-length 320"


@pytest.fixture(scope="module")
def measured(clone: Clone) -> dict[str, dict[str, Any]]:
    """Totals of the adapter, the merged model, its q8 file and the control."""
    (q8,) = (clone.path / "models/gguf/q8").glob("*.gguf")
    found = {}
    for name, model in (
        ("merged", "models/merged"),
        ("grpo", "models/grpo"),
        ("q8", q8.relative_to(clone.path)),
        ("random", "random"),
    ):
        clone.run(f"uv run aj evaluate --model {model} {ARGUMENTS} --json .aj/{name}.json --transcripts .aj/{name}.jsonl")
        found[name] = json.loads((clone.path / f".aj/{name}.json").read_text())["total"]
    return found


def test_the_merged_model_and_its_q8_file_agree_and_chance_fails(measured: dict[str, dict[str, Any]]) -> None:
    merged, q8, random = measured["merged"], measured["q8"], measured["random"]
    assert merged["accuracy"] == pytest.approx(measured["grpo"]["accuracy"], abs=0.01)  # the same weights, added up or not
    assert merged["n"] == q8["n"] == random["n"] == N
    assert merged["low"] <= q8["accuracy"] <= merged["high"]
    assert random["high"] < 0.1 < merged["low"]


def test_what_it_wrote_replays(clone: Clone, measured: dict[str, dict[str, Any]]) -> None:
    assert f"{N} transcripts replay, every byte the same." in clone.run("uv run aj replay .aj/q8.jsonl --episodes data/mix/eval")
