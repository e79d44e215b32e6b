"""Questions to learn from and questions that only evaluation sees, as the sources landed them.

A question set is Spider's layout: ``questions.json`` beside ``database/``. Every gold is checked when it is read.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aj.errors import DataError
from aj.mix.leaks import EvalItem
from aj.sqlenv import questions

Question = dict[str, Any]
SEEN = "seen_schemas"
"""The split that asks about trained schemas again, on purpose: it measures memory, not transfer."""


def divide(raw: Path, sources: Sequence[str], wanted: int) -> tuple[list[Question], list[Question]]:
    """(questions to learn from, questions for evaluation). Raises DataError when there are fewer than ``wanted`` to learn from."""
    asked = [q for name in sources if (raw / name / "questions.json").is_file() for q in _read(raw, name)]
    learned = [q for q in asked if q["split"] == "train"][:wanted]
    if len(learned) < wanted:
        raise DataError(
            f"{len(learned)} questions for training, mix.rl_questions asks {wanted}: lower it or generate more."
        )  # fmt: skip
    return learned, [q for q in asked if q["split"] != "train"]


def unseen(asked: Sequence[Question]) -> list[Question]:
    """Those questions whose schemas, phrasing or templates training must not have seen."""
    return [q for q in asked if q["split"] != SEEN]


def evaluation_items(asked: Sequence[Question]) -> list[EvalItem]:
    """What must not be found in training."""
    return [EvalItem(f"{q['folder']}:{i}", (q["question"],), q["query"]) for i, q in enumerate(unseen(asked))]


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
