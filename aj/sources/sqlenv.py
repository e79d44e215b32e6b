"""The generated SQLEnv source: demonstrations, preference pairs, and questions with their databases.

Lands as ``rows/demonstrations.parquet``, ``pairs.parquet`` and a question set in Spider's layout. Each row says which
side of the schema split it is on (``split``: train or held_out) and which schemas it is about (``group``).
"""

import json
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from aj.errors import ParamsError
from aj.params import as_dict, derive
from aj.sources import rows
from aj.sources.card import CARDS, SqlEnv
from aj.sqlenv.family import Draft, Lexicon, TableData, draw_question, draw_tables, has_answer, redraw_rows, write_database
from aj.sqlenv.teacher import Manner, Teacher

# split of questions -> (schemas held out, templates held out, phrasing held out)
SPLITS = {
    "train": (False, False, False),
    "seen_schemas": (False, False, False),
    "unseen_schemas": (True, False, False),
    "unseen_phrasing": (True, False, True),
    "unseen_templates": (True, True, False),
}


def land(card: SqlEnv, name: str, out: Path, *, seed: int, system: str) -> int:
    """Generate everything into ``out``; returns the number of demonstrations, pairs and questions together."""
    unknown = [s for s in card.questions if s not in SPLITS]
    if unknown:
        raise ParamsError(f"source {name!r} asks for questions of split {unknown[0]!r}: known splits are {', '.join(SPLITS)}.")
    if "seen_schemas" in card.questions and "train" not in card.questions:
        raise ParamsError(f"source {name!r} asks for questions on seen schemas but for none of split 'train': add train.")
    lexicon = Lexicon.read(CARDS / name / "lexicon.yaml")
    with tempfile.TemporaryDirectory() as scratch:
        teacher = Teacher(Path(scratch), system)
        count = rows.write(out / "rows" / "demonstrations.parquet", _demonstrations(card, lexicon, teacher, seed))
        count += rows.write(out / "pairs.parquet", _pairs(card, lexicon, teacher, seed))
        teacher.env.close()
    return count + _questions(card, lexicon, out, seed, system)


def _demonstrations(card: SqlEnv, lexicon: Lexicon, teacher: Teacher, seed: int) -> Iterator[dict[str, Any]]:
    manner = Manner(**as_dict(card.teacher))
    for side, count in (("train", card.demonstrations), ("held_out", card.held_out_demonstrations)):
        rng = random.Random(derive(seed, f"demonstrations {side}"))
        for _ in tqdm(range(count), desc=f"demonstrations, {side}"):
            draft, tables = _draw(rng, lexicon, side == "held_out")
            messages = teacher.demonstrate(rng, draft, tables, manner)
            yield {"messages": messages, "tools": [], "group": _group(tables), "split": side}


def _pairs(card: SqlEnv, lexicon: Lexicon, teacher: Teacher, seed: int) -> Iterator[dict[str, Any]]:
    for side, count in (("train", card.pairs), ("held_out", card.held_out_pairs)):
        rng = random.Random(derive(seed, f"pairs {side}"))
        for _ in tqdm(range(count), desc=f"pairs, {side}"):
            draft, tables = _draw(rng, lexicon, side == "held_out")
            yield {**as_dict(teacher.pair(rng, draft, tables)), "group": _group(tables), "split": side}


def _questions(card: SqlEnv, lexicon: Lexicon, out: Path, seed: int, system: str) -> int:
    questions: list[dict[str, Any]] = []
    trained: list[list[TableData]] = []  # schemas of the training questions, for the split that sees them again
    for split in (s for s in SPLITS if s in card.questions):
        held_out, other_templates, other_phrasing = SPLITS[split]
        rng = random.Random(derive(seed, f"questions {split}"))
        templates = lexicon.held_out_templates if other_templates else lexicon.templates
        for number in tqdm(range(card.questions[split]), desc=f"questions, {split}"):
            if number % card.questions_per_database == 0:
                tables = (
                    [redraw_rows(rng, lexicon, t) for t in rng.choice(trained)]
                    if split == "seen_schemas"
                    else draw_tables(rng, lexicon, held_out=held_out)
                )
                database = f"{split}-{number // card.questions_per_database:04d}"
                write_database(out / "database" / database / f"{database}.sqlite", tables)
                if split == "train":
                    trained.append(tables)
            draft = _answerable(rng, lexicon, tables, templates=templates, held_out_phrasing=other_phrasing)
            questions.append(
                {
                    "id": f"{split}-{number:04d}", "db_id": database, "question": draft.text, "query": draft.sql, "split": split,
                    "template": draft.template, "group": _group(tables), "system": system,
                }
            )  # fmt: skip
    (out / "questions.json").write_text(json.dumps(questions, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(questions)


def _draw(rng: random.Random, lexicon: Lexicon, held_out: bool) -> tuple[Draft, list[TableData]]:
    tables = draw_tables(rng, lexicon, held_out=held_out)
    return _answerable(rng, lexicon, tables, templates=lexicon.templates), tables


def _answerable(rng: random.Random, lexicon: Lexicon, tables: list[TableData], **kinds: Any) -> Draft:
    while True:
        draft = draw_question(rng, lexicon, tables, **kinds)
        if has_answer(tables, draft.sql):
            return draft


def _group(tables: list[TableData]) -> str:
    return " ".join(sorted(t.schema for t in tables))
