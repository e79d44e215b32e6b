"""The generated SQLEnv source: demonstrations, preference pairs, and questions with their databases.

Lands as ``rows/demonstrations.parquet``, ``pairs.parquet`` and a question set in Spider's layout. Each row says which
side of the schema split it is on (``split``: train or held_out) and which schemas it is about (``group``).
What is not covered: demonstrations and pairs that need a join.
"""

import json
import random
import tempfile
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from aj.errors import ParamsError
from aj.params import as_dict, derive
from aj.sources import rows
from aj.sources.card import CARDS, SqlEnv
from aj.sqlenv.family import Draft, Lexicon, TableData, draw_question, draw_tables, has_answer, redraw_rows, write_database
from aj.sqlenv.join_templates import LEVELS, Joins
from aj.sqlenv.joins import JoinDraft, draw_join_questions
from aj.sqlenv.teacher import Manner, Teacher


class Split(NamedTuple):
    """What the questions of a split are about; ``other``: held out."""

    difficulty: str = "easy"
    other_schemas: bool = False
    other_templates: bool = False
    other_phrasing: bool = False


SPLITS = {
    "train": Split(),
    "seen_schemas": Split(),
    "unseen_schemas": Split(other_schemas=True),
    "unseen_phrasing": Split(other_schemas=True, other_phrasing=True),
    "unseen_templates": Split(other_schemas=True, other_templates=True),
    "train_medium": Split("medium"),
    "medium": Split("medium", other_schemas=True),
    "medium_phrasing": Split("medium", other_schemas=True, other_phrasing=True),
    "medium_templates": Split("medium", other_schemas=True, other_templates=True),
    "train_hard": Split("hard"),
    "hard": Split("hard", other_schemas=True),
    "hard_phrasing": Split("hard", other_schemas=True, other_phrasing=True),
    "hard_templates": Split("hard", other_schemas=True, other_templates=True),
}
LEARNED = {"train", "train_medium", "train_hard"}  # their rows say "train": one set to learn from, told apart by difficulty


def land(card: SqlEnv, name: str, out: Path, *, seed: int, system: str) -> int:
    """Generate everything into ``out``; returns the number of demonstrations, pairs and questions together."""
    unknown = [s for s in card.questions if s not in SPLITS]
    if unknown:
        raise ParamsError(f"source {name!r} asks for questions of split {unknown[0]!r}: known splits are {', '.join(SPLITS)}.")
    if card.questions.get("seen_schemas") and not card.questions.get("train"):
        raise ParamsError(f"source {name!r} asks for questions on seen schemas but for none of split 'train': add train.")
    lexicon = Lexicon.read(CARDS / name / "lexicon.yaml")
    with tempfile.TemporaryDirectory() as scratch:
        teacher = Teacher(Path(scratch), system)
        count = rows.write(out / "rows" / "demonstrations.parquet", _demonstrations(card, lexicon, teacher, seed))
        count += rows.write(out / "pairs.parquet", _pairs(card, lexicon, teacher, seed))
        teacher.env.close()
    return count + _questions(card, lexicon, name, out, seed, system)


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


def _questions(card: SqlEnv, lexicon: Lexicon, name: str, out: Path, seed: int, system: str) -> int:
    questions: list[dict[str, Any]] = []
    trained: list[Sequence[TableData]] = []  # schemas of the training questions, for the split that sees them again
    for split in (s for s in SPLITS if card.questions.get(s)):
        kind, rng = SPLITS[split], random.Random(derive(seed, f"questions {split}"))
        joins = Joins.read(CARDS / name / "joins.yaml") if kind.difficulty in LEVELS else None
        told: set[str] = set()
        wanted, most = card.questions[split], card.questions_per_database
        for start in tqdm(range(0, wanted, most), desc=f"questions, {split}"):
            count = min(most, wanted - start)
            if joins:
                tables, drafts = _joined(rng, lexicon, joins, kind, count, told)
            else:
                tables, drafts = _easy(rng, lexicon, kind, count, trained if split == "seen_schemas" else ())
            told |= {draft.text for draft in drafts}
            database = f"{split}-{start // most:04d}"
            write_database(out / "database" / database / f"{database}.sqlite", tables)
            if split == "train":
                trained.append(tables)
            questions += [
                {
                    "id": f"{split}-{number:04d}", "db_id": database, "question": draft.text, "query": draft.sql,
                    "split": "train" if split in LEARNED else split, "template": draft.template, "difficulty": kind.difficulty,
                    "group": _group(tables), "system": system,
                }
                for number, draft in enumerate(drafts, start)
            ]  # fmt: skip
    (out / "questions.json").write_text(json.dumps(questions, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(questions)


def _easy(
    rng: random.Random, lexicon: Lexicon, kind: Split, count: int, again: Sequence[Sequence[TableData]]
) -> tuple[Sequence[TableData], Sequence[Draft | JoinDraft]]:
    """A database and questions about one of its tables each; ``again``: databases whose schemas are taken, with other rows."""
    tables = (
        [redraw_rows(rng, lexicon, t) for t in rng.choice(again)]
        if again
        else draw_tables(rng, lexicon, held_out=kind.other_schemas)
    )
    templates = lexicon.held_out_templates if kind.other_templates else lexicon.templates
    kinds = {"templates": templates, "held_out_phrasing": kind.other_phrasing}
    return tables, [_answerable(rng, lexicon, tables, **kinds) for _ in range(count)]


def _joined(
    rng: random.Random, lexicon: Lexicon, joins: Joins, kind: Split, count: int, told: Collection[str]
) -> tuple[Sequence[TableData], Sequence[Draft | JoinDraft]]:
    return draw_join_questions(
        rng, lexicon, joins, kind.difficulty, count=count, told=told, held_out=kind.other_schemas,
        held_out_templates=kind.other_templates, held_out_phrasing=kind.other_phrasing,
    )  # fmt: skip


def _draw(rng: random.Random, lexicon: Lexicon, held_out: bool) -> tuple[Draft, list[TableData]]:
    tables = draw_tables(rng, lexicon, held_out=held_out)
    return _answerable(rng, lexicon, tables, templates=lexicon.templates), tables


def _answerable(rng: random.Random, lexicon: Lexicon, tables: list[TableData], **kinds: Any) -> Draft:
    while True:
        draft = draw_question(rng, lexicon, tables, **kinds)
        if has_answer(tables, draft.sql):
            return draft


def _group(tables: Sequence[TableData]) -> str:
    return " ".join(sorted(t.schema for t in tables))
