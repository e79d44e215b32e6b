"""The README says what the repository records."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("form", ["base", "sft", "dpo", "grpo", "merged", "q8", "q4km"])
def test_the_table_of_what_was_learned_is_the_recorded_one(form: str) -> None:
    interval = r"(\S+) \((\S+) to (\S+)\)"
    found = re.search(
        rf"^\| {form} \| {interval} \| (\S+) \| (\S+) \| (\S+) \| {interval} \| (\S+)(?: \((\S+) to (\S+)\))? \|$",
        README,
        re.MULTILINE,
    )
    assert found
    recorded = json.loads((ROOT / f"metrics/eval_{form}.json").read_text())
    keys = (
        "unseen_schemas.accuracy",
        "unseen_schemas.low",
        "unseen_schemas.high",
        "unseen_schemas.sampled_accuracy",
        "unseen_phrasing.accuracy",
        "unseen_templates.accuracy",
        "tasks.pass_rate",
        "tasks.pass_low",
        "tasks.pass_high",
        "tool_calls.sampled_validity",
        "tool_calls.sampled_validity_low",
        "tool_calls.sampled_validity_high",
    )
    assert [cell or "-" for cell in found.groups()] == [f"{recorded[key]:.2f}" if key in recorded else "-" for key in keys]


def test_every_path_in_the_readme_is_made_or_there() -> None:
    made = ("models/", "data/raw", "data/mix", "metrics/transcripts", ".aj/")
    named = set(re.findall(r"`((?:aj|stages|data|profiles|bench)/[\w./]*)`", README))
    assert named
    assert not [path for path in named if not path.startswith(made) and not (ROOT / path).exists()]
