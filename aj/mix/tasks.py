"""Questions to learn from and questions that only evaluation sees, as the sources landed them.

A question set is Spider's layout: ``questions.json`` beside ``database/``. Every gold is checked when it is read.
"""

import json
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from aj.chat import Conversation
from aj.errors import DataError
from aj.mix.leaks import Candidate, EvalItem
from aj.mix.split import fraction
from aj.sqlenv import questions

Question = dict[str, Any]
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
