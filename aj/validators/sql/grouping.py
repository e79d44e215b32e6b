"""What Databricks refuses in a SELECT that groups: columns neither grouped nor aggregated, aggregates in WHERE, GROUPING without sets.

What cannot be told is let through: stars, functions that might be aggregates, window functions, subqueries, what a subquery may take
from outside. What is not covered: columns of HAVING and ORDER BY, aggregates within aggregates.
"""

from typing import TYPE_CHECKING

from aj.validators.score import Reason

if TYPE_CHECKING:
    from sqlglot import exp


def misplaced(select: "exp.Select") -> Reason | None:
    """An aggregate in WHERE, or GROUPING of columns that are grouped in one way only."""
    from sqlglot import exp

    where, group = select.args.get("where"), select.args.get("group")
    if where is not None and any(_aggregates(item) for item in where.iter_expressions()):
        return Reason("aggregate_in_where", "WHERE comes before the aggregation: HAVING is meant")
    if (
        group is None
        or any(group.args.get(name) for name in ("grouping_sets", "cube", "rollup"))
        or group.find(exp.Cube, exp.Rollup)
    ):
        return None
    asked = [*select.expressions, *(select.args[name] for name in ("having", "order") if select.args.get(name))]
    for item in asked:
        for node in item.find_all(exp.Anonymous, exp.Grouping, exp.GroupingId):
            if node.name.upper() in ("GROUPING", "GROUPING_ID") or not isinstance(node, exp.Anonymous):
                return Reason(
                    "not_grouped",
                    "GROUPING tells sets apart, and GROUP BY has one only: ROLLUP, CUBE or GROUPING SETS is missing",
                )
    return None


def not_grouped(select: "exp.Select") -> Reason | None:
    """The first column that is neither; None where there is none."""
    from sqlglot import exp

    group = select.args.get("group")
    if group is not None and (group.args.get("all") or not any(group.args.values())):
        return None
    if group is None and not any(_aggregates(item) for item in select.expressions):
        return None
    keys = _keys(group) if group is not None else []
    if any(isinstance(key, exp.Subquery | exp.Star) for key in keys):
        return None
    aliases = {item.alias.lower() for item in select.expressions if isinstance(item, exp.Alias)}
    names = {key.name.lower() for key in keys if isinstance(key, exp.Column | exp.Identifier | exp.Literal)}
    windows = {"window", "session_window"} if any(isinstance(key, exp.Anonymous | exp.WindowSpec) for key in keys) else set[str]()
    grouped = [key for key in keys if not isinstance(key, exp.Column | exp.Literal)]
    kinds, shapes = {type(key) for key in grouped}, {_shape(key) for key in grouped}
    numbers = {key.name for key in keys if isinstance(key, exp.Literal) and not key.is_string}
    outside = _outside(select)
    todo: list[exp.Expr] = []
    for number, item in enumerate(select.expressions, 1):
        if str(number) not in numbers and not (isinstance(item, exp.Alias) and item.alias.lower() in names):
            todo.append(item)
    while todo:
        node = todo.pop()
        if type(node) in kinds and _shape(node) in shapes:
            continue
        if isinstance(node, exp.Column):
            tables = {part.name.lower() for part in node.parts[:-1]}
            free = (
                isinstance(node.this, exp.Star)
                or node.name.lower() in names | aliases | {"grouping__id"}
                or tables & (names | windows)
            )
            if not free and not (outside and (not tables or not tables & outside)):
                return Reason("not_grouped", f"{node.sql('databricks')[:80]} is neither in GROUP BY nor aggregated")
        elif _transparent(node):
            todo.extend(node.iter_expressions())
    return None


def _keys(group: "exp.Expr") -> "list[exp.Expr]":
    """What is grouped by, sets and cubes taken apart."""
    from sqlglot import exp

    todo = [value for given in group.args.values() for value in (given if isinstance(given, list) else [given])]
    keys: list[exp.Expr] = []
    while todo:
        node = todo.pop()
        if isinstance(node, exp.GroupingSets | exp.Rollup | exp.Cube | exp.Tuple | exp.Paren):
            todo.extend(node.iter_expressions())
        elif isinstance(node, exp.Expression):
            keys.append(node)
    return keys


def _shape(node: "exp.Expr") -> str:
    """An expression without the names of its tables, in one case of letters."""
    from sqlglot import exp

    if node.find(exp.Column) is None:
        return node.sql().lower()
    bare = node.copy()
    for column in bare.find_all(exp.Column):
        column.set("table", None)
        column.set("db", None)
        column.set("catalog", None)
    return bare.sql().lower()


def _aggregates(item: "exp.Expr") -> bool:
    """Whether a projection surely aggregates: COUNT, SUM … outside a window and a subquery."""
    from sqlglot import exp

    todo = [item]
    while todo:
        node = todo.pop()
        if isinstance(node, exp.Count | exp.Sum | exp.Avg | exp.Max | exp.Min):
            return True
        if _transparent(node):
            todo.extend(node.iter_expressions())
    return False


def _outside(select: "exp.Select") -> set[str]:
    """For a subquery its own tables: a column of any other table comes from outside. Empty for a query of its own."""
    from sqlglot import exp

    above = select.find_ancestor(exp.Subquery, exp.Exists, exp.In, exp.Lateral)
    if above is None:
        return set()
    sources = [select.args.get("from_"), *select.args.get("joins", [])]
    return {source.this.alias_or_name.lower() for source in sources if source is not None} | {""}


def _transparent(node: "exp.Expr") -> bool:
    """Whether an expression only combines what is in it, as a scalar does."""
    from sqlglot import exp

    if isinstance(node, exp.AggFunc | exp.Window | exp.Query | exp.Filter | exp.WithinGroup | exp.Anonymous):
        return False
    return isinstance(
        node,
        exp.Alias | exp.Paren | exp.Binary | exp.Unary | exp.Cast | exp.Case | exp.If | exp.Coalesce | exp.Between | exp.In
        | exp.Upper | exp.Lower | exp.Round | exp.Abs | exp.Concat | exp.Trim | exp.Substring | exp.Year | exp.Month | exp.Nullif,
    )  # fmt: skip
