"""Small changes to a gold query, each of a kind that people and models get wrong: set operations, LIMIT, ORDER,
DISTINCT, joins, NULL, literals.

What is not covered: whether a change alters the meaning (on a small database many do not; audit.py compares the rows).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

KINDS = ("set_operation", "limit", "order", "distinct", "join", "null", "literal", "comparison", "aggregate")


def mutations(sql: str) -> Iterator[tuple[str, str]]:
    """(kind, changed SQL) for every kind that applies, in the order of KINDS; nothing where the SQL cannot be parsed."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(sql, dialect="sqlite")
    except SqlglotError:
        return
    if isinstance(tree, exp.SetOperation):
        for side in (tree.this, tree.expression):
            yield "set_operation", side.sql("sqlite")
        return
    if not isinstance(tree, exp.Select) or not tree.expressions:
        return
    for kind in KINDS[1:]:
        for change in _changes(kind):
            changed = change(tree.copy())
            if changed is not None and changed != tree:
                yield kind, changed.sql("sqlite")


def _changes(kind: str) -> "tuple[Callable[[exp.Select], exp.Expression | None], ...]":
    return {
        "limit": (_limit,),
        "order": (_reverse, _unordered),
        "distinct": (_distinct,),
        "join": (_left_join, _cross_join),
        "null": (_or_null, _count_star),
        "literal": (_literal,),
        "comparison": (_comparison,),
        "aggregate": (_aggregate,),
    }[kind]


def _limit(tree: "exp.Select") -> "exp.Select":
    if tree.args.get("limit"):
        tree.set("limit", None)
        return tree
    return tree.limit(1, copy=False)


def _reverse(tree: "exp.Select") -> "exp.Select | None":
    order = tree.args.get("order")
    for ordered in order.expressions if order else ():
        ordered.set("desc", not ordered.args.get("desc"))
        ordered.set("nulls_first", not ordered.args["desc"])  # SQLite's own order for each direction
    return tree if order else None


def _unordered(tree: "exp.Select") -> "exp.Select | None":
    if not tree.args.get("order"):
        return None
    tree.set("order", None)
    return tree


def _distinct(tree: "exp.Select") -> "exp.Select":
    if tree.args.get("distinct"):
        tree.set("distinct", None)
        return tree
    return tree.distinct(copy=False)


def _left_join(tree: "exp.Select") -> "exp.Select | None":
    joins = tree.args.get("joins") or []
    for join in joins:
        join.set("side", None if join.args.get("side") else "LEFT")
    return tree if joins else None


def _cross_join(tree: "exp.Select") -> "exp.Select | None":
    joins = tree.args.get("joins") or []
    for join in joins:
        join.set("on", None)
        join.set("using", None)
    return tree if joins else None


def _or_null(tree: "exp.Select") -> "exp.Select | None":
    from sqlglot import exp

    where = tree.args.get("where")
    column = where.find(exp.Column) if where else None
    if where is None or column is None:
        return None
    where.set("this", exp.or_(exp.paren(where.this.copy()), exp.Is(this=column.copy(), expression=exp.Null())))
    return tree


def _count_star(tree: "exp.Select") -> "exp.Select | None":
    from sqlglot import exp

    counted = [count for count in tree.find_all(exp.Count) if not isinstance(count.this, exp.Star)]
    for count in counted:
        count.set("this", exp.Star())
    return tree if counted else None


def _literal(tree: "exp.Select") -> "exp.Select | None":
    from sqlglot import exp

    where = tree.args.get("where")
    literal = where.find(exp.Literal) if where else None
    if literal is None:
        return None
    literal.replace(exp.Literal.string(f"{literal.this}x") if literal.is_string else exp.Literal.number(f"{literal.this}1"))
    return tree


def _comparison(tree: "exp.Select") -> "exp.Select | None":
    from sqlglot import exp

    other = {exp.GT: exp.GTE, exp.GTE: exp.GT, exp.LT: exp.LTE, exp.LTE: exp.LT, exp.EQ: exp.NEQ, exp.NEQ: exp.EQ}
    where = tree.args.get("where")
    found = where.find(*other) if where else None
    if found is None:
        return None
    found.replace(other[type(found)](this=found.this.copy(), expression=found.expression.copy()))
    return tree


def _aggregate(tree: "exp.Select") -> "exp.Select | None":
    from sqlglot import exp

    other = {exp.Max: exp.Min, exp.Min: exp.Max, exp.Sum: exp.Avg, exp.Avg: exp.Sum}
    found = tree.find(*other)
    if found is None:
        return None
    found.replace(other[type(found)](this=found.this.copy()))
    return tree
