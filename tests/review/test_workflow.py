"""The workflow of pull requests: pinned actions, no more rights than needed, and the command that a person runs too."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from aj.cli import main

ROOT = Path(__file__).parents[2]
FILE = ROOT / ".github/workflows/review.yml"
JOBS: dict[str, Any] = YAML(typ="safe").load(FILE)["jobs"]


def test_every_action_is_pinned_by_commit_and_says_its_version() -> None:
    used = re.findall(r"uses: (\S+)(.*)", FILE.read_text())
    assert used
    for action, comment in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action


def test_the_job_that_runs_the_branch_may_write_nothing_and_the_one_that_writes_runs_none_of_it() -> None:
    assert YAML(typ="safe").load(FILE)["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "review": {"contents": "read"},
        "comment": {"pull-requests": "write"},
    }
    assert JOBS["review"]["steps"][0]["with"]["persist-credentials"] is False
    assert not [
        step for step in JOBS["comment"]["steps"] if "checkout" in step.get("uses", "") or "uv" in step.get("run", "").split()
    ]


def test_no_text_of_a_pull_request_gets_into_a_script() -> None:
    assert not [step for job in JOBS.values() for step in job["steps"] if "${{" in step.get("run", "")]


def test_it_runs_a_command_that_exists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [line] = [line for line in JOBS["review"]["steps"][1]["run"].splitlines() if " aj review " in line]
    words = shlex.split(line.partition(" aj ")[2].partition("||")[0])
    monkeypatch.chdir(tmp_path)  # no repository: it gets as far as looking for one
    assert main(words) == 1
    assert "cannot be compared" in capsys.readouterr().err
