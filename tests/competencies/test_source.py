"""Competencies as a source: what lands, and what the fences of the demonstrations are worth to the checks."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aj.competencies.judge import judged
from aj.competencies.task import TASKS, Task, read_tasks
from aj.sources import card as cards
from aj.sources import competencies, rows


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("landed")
    card = cards.read("competencies")
    assert isinstance(card, cards.Tasks)
    competencies.land(replace(card, demonstrations=220, pairs=40, tasks=44, held_out_tasks=44), out, seed=5)
    return out


def answers(landed: Path, *, tools: bool) -> list[str]:
    """What the agent says last in each demonstration, of those with tools or of those without."""
    found: list[dict[str, Any]] = rows.read_all(landed / "rows" / "demonstrations.parquet")
    return [str(json.loads(r["messages"])[-1]["content"]) for r in found if bool(json.loads(r["tools"])) == tools]


def test_half_of_the_answers_that_are_text_stand_in_a_fence_and_no_call_does(landed: Path) -> None:
    fenced = [text.startswith("```\n") and text.endswith("\n```") for text in answers(landed, tools=False)]
    assert 230 < len(fenced) < 250  # of 264; a competency in eleven calls tools
    assert 90 < sum(fenced) < 150
    assert not [text for text in answers(landed, tools=True) if "```" in text]


def test_without_its_fence_every_answer_is_right_and_with_it_none_is(landed: Path) -> None:
    asked = [Task.of(row) for row in read_tasks(landed / TASKS)]
    for task in (t for t in asked if not t.tools):
        (gold,) = task.gold
        assert all(score.passed for score in judged(task, task.gold).values())
        fence = {**gold, "content": f"```\n{gold['content']}\n```"}
        assert not judged(task, [fence])["answers_task"].passed, task.group


def test_demonstrated_played_and_held_out_tasks_have_no_item_in_common(landed: Path) -> None:
    items = read_tasks(landed / TASKS)
    sides = {split: {Task.of(r).id for r in items if r["split"] == split} for split in ("train", "held_out")}
    assert {split: len(ids) for split, ids in sides.items()} == {"train": 44, "held_out": 44}
    assert not sides["train"] & sides["held_out"]
    demonstrated = {
        str(json.loads(r["messages"])[-2]["content"])
        for r in rows.read_all(landed / "rows" / "demonstrations.parquet")
        if r["split"] == "train" and not json.loads(r["tools"])
    }
    assert len(demonstrated) > 150
    assert not demonstrated & {str(Task.of(r).messages[-1]["content"]) for r in items}
