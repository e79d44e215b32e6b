"""The gold answer of a question: its SQL run as a policy's would be, and refused by name where it is no answer.

What is not covered: whether the answer's own text is graded right; questions.py asks.
"""

from pathlib import Path

from aj.errors import EpisodeError
from aj.sqlenv.database import ROW_LIMIT, Database, QueryError, Row
from aj.sqlenv.grading import Order
from aj.sqlenv.order import is_ordered, places

# How the reasons begin for which database.py ends a query, or SQLite does at its word.
STOPPED = ("stopped: ", "string or blob too big")
FORBIDDEN = ("refused: ", "not authorized")


class GoldError(EpisodeError):
    """A question that cannot be asked; ``bucket`` is the reason it is counted under."""

    def __init__(self, bucket: str, sentence: str) -> None:
        super().__init__(sentence)
        self.bucket = bucket


def gold_of(name: str, sql: str, path: Path) -> tuple[tuple[Row, ...], Order, tuple[str, ...]]:
    """(rows of the gold SQL, their places, names of the tables). Raises GoldError."""
    try:
        database = Database(path)
    except EpisodeError as error:
        raise GoldError("no_database", str(error)) from None
    with database:
        try:
            gold = database.query(sql).rows
        except QueryError as error:
            raise _no_result(name, sql, str(error)) from None
        if not gold:
            raise GoldError("gold_empty", f"the gold answer of question {name!r} is empty: {sql!r}; remove the question.")
        if any(cell is None for row in gold for cell in row):
            raise GoldError("gold_null", f"the gold answer of question {name!r} has a NULL: {sql!r}; remove the question.")
        if len(gold) > ROW_LIMIT:
            raise GoldError(
                "gold_too_long",
                f"the gold answer of question {name!r} has {len(gold)} rows, {ROW_LIMIT} are shown: {sql!r}; remove the question.",
            )
        ordered = is_ordered(sql) and places(sql, gold, database)
        if ordered is None:
            raise GoldError(
                "gold_order_unclear",
                f"which rows of the gold answer of question {name!r} tie cannot be told: {sql!r}; order it by columns of its result, "
                "or remove the question.",
            )
        return gold, ordered, tuple(table.name for table in database.tables.values())


def _no_result(name: str, sql: str, reason: str) -> GoldError:
    said = f"({reason}): {sql!r}"
    if reason.startswith(STOPPED):
        return GoldError(
            "gold_stopped", f"the gold SQL of question {name!r} is too much work {said}; make it cheaper or remove it."
        )
    if reason.startswith(FORBIDDEN):
        return GoldError(
            "gold_forbidden", f"the gold SQL of question {name!r} is not allowed {said}; write it as a plain SELECT."
        )
    return GoldError("gold_fails", f"the gold SQL of question {name!r} fails {said}; mend or remove it.")
