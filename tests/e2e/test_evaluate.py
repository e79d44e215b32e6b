"""`aj evaluate` on what the pipeline made: the harness of the eval stage, for any model."""

import json
from typing import Any

import pytest

from tests.e2e.conftest import Clone

ARGUMENTS = ("--episodes", "data/mix/eval", "--split", "unseen_schemas", "-n", "300", "--budget", "8", "--max-new-tokens", "48")


@pytest.fixture(scope="module")
def measured(clone: Clone) -> dict[str, dict[str, Any]]:
    """Total of merged, q8 and the control, each with transcripts."""
    (q8,) = (clone.path / "models/gguf/q8").glob("*.gguf")
    found = {}
    for name, model in (("merged", "models/merged"), ("grpo", "models/grpo"), ("q8", str(q8)), ("random", "random")):
        done = clone.run("aj", "evaluate", "--model", model, *ARGUMENTS, "--json", f".aj/{name}.json", "--transcripts", f".aj/{name}.jsonl")
        assert done.returncode == 0, done.stderr
        found[name] = json.loads((clone.path / f".aj/{name}.json").read_text())["total"]
    return found
