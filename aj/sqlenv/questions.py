"""Questions and their databases in the field's own layout (Spider, BIRD).

``questions.json`` is a list of objects with ``question``, ``db_id`` and the gold SQL under ``query`` or ``SQL``;
databases lie at ``database/{db_id}/{db_id}.sqlite``. A gold that is empty, NULL or not graded right by its own
answer is refused here, before anything is trained on it.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj.errors import EpisodeError
from aj.sqlenv.database import Database, QueryError, Row, show
from aj.sqlenv.grading import right

ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)


@dataclass(frozen=True)
class Question:
    """One question with its gold rows. ``messages`` open the episode; gold fields are hidden from the policy."""

    id: str
    text: str
    database: Path
    gold_sql: str
    gold: tuple[Row, ...]
    ordered: bool
    tables: tuple[str, ...]
    split: str
    template: str
    system: str

    @property
    def messages(self) -> list[dict[str, str]]:
        """The opening: an optional system message, then table names and the question."""
        content = f"tables: {', '.join(self.tables)}\nquestion: {self.text}".replace("<|", "< |")  # no role marker from outside
        opening = [{"role": "user", "content": content}]
        return [{"role": "system", "content": self.system}, *opening] if self.system else opening


def load(folder: Path) -> list[Question]:
    """Every question of a folder in file order. Raises EpisodeError naming the first one that cannot be used."""
    path = folder / "questions.json"
    if not path.is_file():
        raise EpisodeError(f"{str(path)!r} does not exist: a question set has questions.json and database/.")
    return [read(row, folder, i) for i, row in enumerate(json.loads(path.read_text(encoding="utf-8")))]


def read(row: dict[str, Any], folder: Path, index: int) -> Question:
    """One question of a set, its gold executed and checked against itself."""
    name, sql = row.get("id", f"{row['db_id']}-{index}"), row.get("query") or row.get("SQL")
    if not sql:
        raise EpisodeError(f"question {name!r} has no gold SQL: give it under 'query' or 'SQL'.")
    path = folder / "database" / row["db_id"] / f"{row['db_id']}.sqlite"
    with Database(path) as database:
        try:
            gold = database.query(sql).rows
        except QueryError as error:
            raise EpisodeError(f"the gold SQL of question {name!r} fails ({error}): {sql!r}; mend or remove it.") from None
        tables = tuple(table.name for table in database.tables.values())
    ordered = bool(ORDERED.search(sql))
    if not gold or any(c is None for r in gold for c in r):
        raise EpisodeError(f"the gold answer of question {name!r} is empty or NULL: {sql!r}; remove the question.")
    if not right(gold_text(gold), gold, ordered=ordered):
        raise EpisodeError(f"the gold answer of question {name!r} is not graded right: {gold_text(gold)!r}; remove it.")
    return Question(
        id=str(name), text=row["question"], database=path, gold_sql=sql, gold=gold, ordered=ordered, tables=tables,
        split=row.get("split", "train"), template=row.get("template", ""), system=row.get("system", ""),
    )  # fmt: skip


def gold_text(gold: tuple[Row, ...]) -> str:
    """The gold rows as an agent would answer them."""
    from aj.sqlenv.database import Result

    return show(Result(gold))
