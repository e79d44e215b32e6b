"""Questions and tasks to learn from, and those that only evaluation sees, as the sources landed them.

A question set is Spider's layout: ``questions.json`` beside ``database/``; every gold is checked when it is read. Tasks of the
competencies are lines of ``tasks.jsonl``, and were checked when they were made.
"""

import json
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from aj.chat import Conversation
from aj.competencies.task import TASKS, Task, read_tasks
from aj.errors import DataError
from aj.hashing import canonical, fraction
from aj.mix.leaks import Candidate, EvalItem
from aj.sqlenv import questions

Question = dict[str, Any]
Row = dict[str, Any]
"""A task as Task.row gives it, and its split."""
SEEN = "seen_schemas"
"""The split that asks about trained schemas again, on purpose: it measures memory, not transfer."""


def divide(raw: Path, sources: Sequence[str]) -> tuple[list[Question], list[Question]]:
    """(questions to learn from, questions for evaluation) of all sources, in order, each with its source."""
    asked = [q for name in sources if (raw / name / "questions.json").is_file() for q in _read(raw, name)]
    return [q for q in asked if q["split"] == "train"], [q for q in asked if q["split"] != "train"]


def name(question: Question) -> str:
    """A question among those of all sources."""
    return f"{question['folder']}:{question['id']}"


def candidates(asked: Sequence[Question]) -> list[Candidate]:
    """Questions to learn from as what leaks.find looks through: the text, and the gold query that the reward knows."""
    turns = [
        [{"role": "user", "content": q["question"]}, {"role": "assistant", "content": f"QUERY: {q['query']}"}] for q in asked
    ]
    return [Candidate(name(q), q["folder"], Conversation(tuple(t)).text, t) for q, t in zip(asked, turns, strict=True)]


def take(asked: Sequence[Question], wanted: int, *, without: Collection[str]) -> list[Question]:
    """``wanted`` questions that are not in ``without`` (names), in their order; which ones is decided by the hash of each, so that
    every source gives its part. Raises DataError when there are fewer."""
    refused = set(without)
    free = [q for q in asked if name(q) not in refused]
    if len(free) < wanted:
        raise DataError(f"{len(free)} questions for training, mix.rl_questions asks {wanted}: lower it or generate more.")
    taken = set(sorted(map(name, free), key=fraction)[:wanted])
    return [q for q in free if name(q) in taken]


def unseen(asked: Sequence[Question]) -> list[Question]:
    """Those questions whose schemas, phrasing or templates training must not have seen."""
    return [q for q in asked if q["split"] != SEEN]


def evaluation_items(asked: Sequence[Question]) -> list[EvalItem]:
    """What must not be found in training."""
    return [EvalItem(name(q), (q["question"],), q["query"]) for q in unseen(asked)]


def divide_tasks(raw: Path, sources: Sequence[str]) -> tuple[list[Row], list[Row]]:
    """(tasks to learn from, tasks for evaluation) of all sources, in order. Raises DataError where one stands on both sides."""
    found = [row for name in sources if (raw / name / TASKS).is_file() for row in read_tasks(raw / name / TASKS)]
    learned, evaluation = ([row for row in found if row["split"] == side] for side in ("train", "held_out"))
    if both := {Task.of(row).subject for row in learned} & {Task.of(row).subject for row in evaluation}:
        raise DataError(f"{len(both)} tasks are to be learned and to be evaluated, {min(both)} for one: give them one side.")
    return learned, evaluation


def task_items(evaluation: Sequence[Row]) -> list[EvalItem]:
    """What must not be found in training."""
    return [EvalItem(Task.of(row).id, (row["messages"][-1]["content"],)) for row in evaluation]


def take_tasks(learned: Sequence[Row], wanted: int) -> list[Row]:
    """``wanted`` tasks in their order; which ones is decided by the hash of each. Raises DataError when there are fewer."""
    if len(learned) < wanted:
        raise DataError(f"{len(learned)} tasks for training, mix.rl_tasks asks {wanted}: lower it or generate more.")
    ids = [Task.of(row).id for row in learned]
    taken = set(sorted(ids)[:wanted])
    return [row for row, identity in zip(learned, ids, strict=True) if identity in taken]


def groups(rows: Sequence[Row]) -> list[str]:
    """The template group of each task."""
    return [Task.of(row).group for row in rows]


def write_tasks(chosen: Sequence[Row], out: Path) -> None:
    """Write tasks beside a question set."""
    (out / TASKS).write_text("".join(canonical(row) + "\n" for row in chosen), encoding="utf-8")


def copy(raw: Path, chosen: Sequence[Question], out: Path) -> None:
    """Write questions and the databases they need, in Spider's layout."""
    out.mkdir(parents=True)
    for db_id, name in sorted({(q["db_id"], q["folder"]) for q in chosen}):
        shutil.copytree(raw / name / "database" / db_id, out / "database" / db_id)
    kept = [{k: v for k, v in q.items() if k != "folder"} for q in chosen]
    (out / "questions.json").write_text(json.dumps(kept, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


def _read(raw: Path, name: str) -> list[Question]:
    questions.load(raw / name)
    return [{**q, "folder": name} for q in json.loads((raw / name / "questions.json").read_text(encoding="utf-8"))]
