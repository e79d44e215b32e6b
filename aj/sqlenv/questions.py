"""Questions and their databases in the field's own layout (Spider, BIRD).

``questions.json`` is a list of objects with ``question``, ``db_id`` and the gold SQL under ``query`` or ``SQL``;
databases lie at ``database/{db_id}/{db_id}.sqlite``. A gold that is empty, NULL, not graded right by its own
answer, or ordered by what cannot be told (order.py) is refused here, before anything is trained on it.
What is not covered: BIRD's ``evidence`` (a hint that the agent is not told); golds of more rows than an observation shows.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj.errors import EpisodeError
from aj.sqlenv.database import Row, show
from aj.sqlenv.gold import GoldError, gold_of
from aj.sqlenv.grading import Order, right


@dataclass(frozen=True)
class Question:
    """One question with its gold rows. ``messages`` open the episode; gold fields are hidden from the policy."""

    id: str
    text: str
    database: Path
    gold_sql: str
    gold: tuple[Row, ...]
    ordered: Order
    """The place that the gold SQL's ORDER BY gives each row; False where it has none."""
    tables: tuple[str, ...]
    split: str
    template: str
    system: str
    difficulty: str = ""
    """As its set calls it; "" where it does not say."""
    split_said: bool = True
    """Whether its set says a split; one that says none is a set to learn from, and has no splits to tell apart."""

    @property
    def messages(self) -> list[dict[str, str]]:
        """The opening: an optional system message, then table names and the question."""
        content = f"tables: {', '.join(self.tables)}\nquestion: {self.text}".replace("<|", "< |")  # no role marker from outside
        opening = [{"role": "user", "content": content}]
        return [{"role": "system", "content": self.system}, *opening] if self.system else opening


@dataclass(frozen=True)
class Refused:
    """A question that ``sift`` left out."""

    id: str
    bucket: str
    reason: str


def load(folder: Path) -> list[Question]:
    """Every question of a set in file order. Raises EpisodeError naming the first one that cannot be used."""
    return [read(row, folder, index) for index, row in enumerate(_rows(folder))]


def sift(path: Path) -> tuple[list[Question], list[Refused]]:
    """The questions of a set that anyone made, and those that cannot be asked, each with its bucket and reason.

    ``path``: the set's folder, or its JSON file where that has another name (``dev.json``). Buckets: bad_row, no_question,
    no_gold, no_database, gold_fails, gold_stopped (too much work), gold_forbidden (what the database refuses to anybody), gold_empty,
    gold_null, gold_too_long, gold_order_unclear, not_gradable, same_id. Raises EpisodeError where there is no set, and where none
    of its questions can be asked.
    """
    usable: dict[str, Question] = {}
    refused: list[Refused] = []
    folder = path if path.is_dir() else path.parent
    for index, row in enumerate(_rows(path)):
        try:
            question = read(row, folder, index)
            if question.id in usable:
                raise GoldError("same_id", f"two questions have the id {question.id!r}: give each its own.")
            usable[question.id] = question
        except GoldError as error:
            refused.append(Refused(_id(row, index), error.bucket, str(error)))
    if not usable:
        reasons = ", ".join(f"{bucket} {count}" for bucket, count in Counter(r.bucket for r in refused).items()) or "it is empty"
        raise EpisodeError(f"{str(path)!r} has no question that can be asked ({reasons}).")
    return list(usable.values()), refused


def read(row: Any, folder: Path, index: int) -> Question:
    """One question of a set, its gold executed and checked against itself. Raises GoldError where it cannot be asked."""
    name = _id(row, index)
    if not isinstance(row, dict):
        raise GoldError("bad_row", f"question {name!r} is not an object: mend or remove it.")
    text, sql, database = row.get("question"), row.get("query") or row.get("SQL"), row.get("db_id")
    if not isinstance(text, str) or not text.strip():
        raise GoldError("no_question", f"question {name!r} has no text: give it under 'question'.")
    if not isinstance(sql, str) or not sql.strip():
        raise GoldError("no_gold", f"question {name!r} has no gold SQL: give it under 'query' or 'SQL'.")
    if not isinstance(database, str):
        raise GoldError("no_database", f"question {name!r} names no database: give it under 'db_id'.")
    path = find_database(folder, database)
    gold, ordered, tables = gold_of(name, sql, path)
    if not right(gold_text(gold), gold, ordered=ordered):
        raise GoldError(
            "not_gradable", f"the gold answer of question {name!r} is not graded right: {gold_text(gold)!r}; remove it."
        )
    return Question(
        id=name, text=text, database=path, gold_sql=sql, gold=gold, ordered=ordered, tables=tables, split=row.get("split", "train"),
        template=row.get("template", ""), system=row.get("system", ""), difficulty=str(row.get("difficulty") or ""),
        split_said="split" in row,
    )  # fmt: skip


def find_database(folder: Path, name: str) -> Path:
    """``database/NAME/NAME.sqlite``, or the same in a folder that a published set calls otherwise (``dev_databases``)."""
    usual = folder / "database" / name / f"{name}.sqlite"
    others = sorted(folder.glob("*database*")) if not usual.is_file() and "/" not in name else []
    return next((path for other in others if (path := other / name / f"{name}.sqlite").is_file()), usual)


def _rows(path: Path) -> list[Any]:
    file = path / "questions.json" if path.is_dir() or not path.suffix else path
    if not file.is_file():
        raise EpisodeError(f"{str(file)!r} does not exist: a question set has questions.json and database/.")
    try:
        text = file.read_text(encoding="utf-8")
        if _is_lines(text, file.suffix):
            raise EpisodeError(
                f"{str(file)!r} holds JSON lines: a question set is one JSON list, which `jq -s . {file.name} > questions.json` makes."
            )
        found = json.loads(text)
    except ValueError as error:
        raise EpisodeError(f"{str(file)!r} is not JSON ({error}): mend it.") from None
    if not isinstance(found, list):
        raise EpisodeError(f"{str(file)!r} is a {type(found).__name__}: a question set is a list of objects.")
    return found


def _is_lines(text: str, suffix: str) -> bool:
    """Whether the first line is a row by itself, and others may follow."""
    first, _, rest = text.strip().partition("\n")
    try:
        return bool(rest or suffix == ".jsonl") and isinstance(json.loads(first), dict)
    except ValueError:
        return False


def _id(row: Any, index: int) -> str:
    """The row's own name (``question_id`` in BIRD), or its database and place (Spider has none)."""
    row = row if isinstance(row, dict) else {}
    return str(row.get("id", row.get("question_id", f"{row.get('db_id', 'question')}-{index}")))


def gold_text(gold: tuple[Row, ...]) -> str:
    """The gold rows as an agent would answer them."""
    from aj.sqlenv.database import Result

    return show(Result(gold))
