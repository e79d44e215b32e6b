"""The order of a gold's rows: which of them its ORDER BY sets apart, and which it leaves tied.

"List without order unless the gold SQL orders it" (spec of SQLEnv): rows that tie are in no order, so an answer may turn them round.
The places are SQLite's own: the gold runs once more, without its LIMIT, with DENSE_RANK over what it is ordered by.
What is not covered: a LIMIT or OFFSET that cuts through a tie chooses one of several right golds, which is graded as the only one.
"""

import re
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any

from aj.sqlenv.database import Database, QueryError, Row

ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)


def is_ordered(sql: str) -> bool:
    """Whether the gold's own rows are ordered: not those of a subquery, and no text that says so."""
    if not ORDERED.search(sql):
        return False
    tree = _parsed(sql)
    return tree is None or bool(tree.args.get("order"))  # SQLite has run it, sqlglot cannot read it: ordered, until refused


def places(sql: str, gold: tuple[Row, ...], database: Database) -> tuple[int, ...] | None:
    """The place of each row of an ordered gold, rising; rows that tie share one. None where that cannot be told."""
    if len(gold) == 1:
        return (0,)
    tree = _parsed(sql)
    columns = {name.lower() for table in database.tables.values() for name, _ in table.columns}
    for ranked in _ranked(tree, len(gold[0]), columns) if tree else ():
        try:
            return _placed(gold, database.query(ranked).rows)
        except QueryError:
            continue
    return None


def _placed(gold: tuple[Row, ...], ranked: tuple[Row, ...]) -> tuple[int, ...] | None:
    """The places of the gold's rows among all rows, each with its place behind it."""
    known: dict[Row, deque[int]] = defaultdict(deque)
    for *cells, place in ranked:
        assert isinstance(place, int)
        known[tuple(cells)].append(place)
    found = tuple(known[row].popleft() if known[row] else -1 for row in gold)  # what is cut off is cut off at the end
    return found if -1 not in found and list(found) == sorted(found) else None


def _parsed(sql: str) -> Any:
    import sqlglot
    from sqlglot.errors import SqlglotError

    try:
        return sqlglot.parse_one(sql, dialect="sqlite")
    except SqlglotError:
        return None


def _ranked(tree: Any, width: int, columns: set[str]) -> Iterator[str]:
    """Queries that give the place of each row as one more column, ordered by it; the first that runs is right."""
    from sqlglot import exp

    inner = tree.copy()
    terms = inner.args["order"].expressions
    for part in ("order", "limit", "offset"):
        inner.set(part, None)
    if isinstance(inner, exp.Select):
        keys = [_as_selected(term, inner, columns) for term in terms]
        if all(keys):
            more = inner.select(f"DENSE_RANK() OVER (ORDER BY {', '.join(keys)})", dialect="sqlite")
            yield f"{more.sql(dialect='sqlite')} ORDER BY {width + 1}"
    # A union is ordered by columns of its result alone, and so is what has ranked them itself.
    names = [name.lower() for name in inner.named_selects]
    keys = [_as_column(term, names, width) for term in terms]
    if not all(keys):
        return
    whole = f"WITH aj_gold({', '.join(f'c{n}' for n in range(width))}) AS ({inner.sql(dialect='sqlite')})"
    yield f"{whole} SELECT *, DENSE_RANK() OVER (ORDER BY {', '.join(keys)}) FROM aj_gold ORDER BY {width + 1}"


def _as_selected(term: Any, select: Any, columns: set[str]) -> str:
    """A term of ORDER BY as it may stand in the list of what is selected, where neither numbers nor aliases are known."""
    from sqlglot import exp

    aliases = {e.alias.lower(): e.unalias() for e in select.expressions if isinstance(e, exp.Alias)}
    term = term.copy()
    number = _number(term.this)
    if number is not None:
        if not 0 < number <= len(select.expressions) or any(e.is_star for e in select.expressions):
            return ""
        term.set("this", select.expressions[number - 1].unalias().copy())
        return str(term.sql(dialect="sqlite"))
    for column in list(term.find_all(exp.Column)):
        # SQLite takes a term that is an alias for that; inside of an expression columns come first.
        alias = "" if column.table else column.name.lower()
        if alias in aliases and (column is term.this or alias not in columns):
            column.replace(exp.paren(aliases[alias].copy()))
    return str(term.sql(dialect="sqlite"))


def _as_column(term: Any, names: list[str], width: int) -> str:
    from sqlglot import exp

    term = term.copy()
    number = _number(term.this)
    if number is None and isinstance(term.this, exp.Column) and term.this.name.lower() in names and len(names) == width:
        number = names.index(term.this.name.lower()) + 1
    if number is None or not 0 < number <= width:
        return ""
    term.set("this", exp.column(f"c{number - 1}"))
    return str(term.sql(dialect="sqlite"))


def _number(term: Any) -> int | None:
    from sqlglot import exp

    return int(term.this) if isinstance(term, exp.Literal) and term.is_int else None
