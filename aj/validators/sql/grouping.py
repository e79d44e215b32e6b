"""What Databricks refuses in a SELECT that groups: columns neither grouped nor aggregated, aggregates in WHERE, GROUPING without sets.

What cannot be told is let through: stars, functions that might be aggregates, window functions, subqueries, what a subquery may take
from outside. What is not covered: aggregates within aggregates other than COUNT, SUM, AVG, MIN and MAX.
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
        or group.find(exp.Cube, exp.Rollup, exp.GroupingSets)
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


def piped_aggregate(source: "exp.Subquery") -> bool:
    """Whether the SELECT from what a pipe hands on aggregates: only AGGREGATE does."""
    select = source.parent_select
    return select is not None and any(_aggregates(item) for item in select.expressions)


def nested(node: "exp.Expr") -> Reason | None:
    """An aggregate of an aggregate, which only a window may be."""
    from sqlglot import exp

    if not isinstance(node, exp.Count | exp.Sum | exp.Avg | exp.Max | exp.Min) or isinstance(
        node.parent, exp.Window | exp.Filter
    ):
        return None
    if any(_aggregates(item) for item in node.iter_expressions()):
        return Reason("nested_aggregate", f"{node.sql('databricks')[:60]} aggregates an aggregate: take a subquery")
    return None


def pivoted(pivot: "exp.Pivot") -> Reason | None:
    """PIVOT by what is no aggregate, or for values that are columns."""
    from sqlglot import exp

    if pivot.args.get("unpivot"):
        return None
    todo = list(pivot.expressions)
    while todo:
        node = todo.pop()
        if isinstance(node, exp.Column):
            return Reason("not_grouped", f"PIVOT takes aggregates: {node.sql('databricks')[:60]} is none")
        if _transparent(node):
            todo.extend(node.iter_expressions())
    for field in pivot.args.get("fields") or []:
        for value in field.expressions if isinstance(field, exp.In) else []:
            if isinstance(value, exp.Column):
                return Reason("syntax_error", f"PIVOT … IN takes constants: {value.sql('databricks')[:60]} is a column")
            if value.find(exp.VarMap, exp.Map):
                return Reason("syntax_error", "PIVOT … IN compares values, and maps do not compare")
            if isinstance(field.this, exp.Tuple) and isinstance(value, exp.Literal):
                return Reason("syntax_error", "PIVOT for several columns takes a row in brackets for each value")
    return None


def not_grouped(select: "exp.Select") -> Reason | None:
    """The first column that is neither; None where there is none."""
    from sqlglot import exp

    group = select.args.get("group")
    if group is not None and group.args.get("all"):
        return _mixed(select)
    if group is not None and not any(group.args.values()):
        return None
    having, order = select.args.get("having"), select.args.get("order")
    if group is None and having is None and not any(_aggregates(item) for item in select.expressions):
        return None
    keys = _keys(group) if group is not None else []
    if any(isinstance(key, exp.Subquery | exp.Star) for key in keys):
        return None
    if group is not None and any(_aggregates(key) for key in _meant(keys, select)):
        return Reason("not_grouped", "GROUP BY groups by an aggregate")
    aliases = {item.alias.lower() for item in select.expressions if isinstance(item, exp.Alias)}
    names = {key.name.lower() for key in keys if isinstance(key, exp.Column | exp.Identifier | exp.Literal)}
    windows = {"window", "session_window"} if any(isinstance(key, exp.Anonymous | exp.WindowSpec) for key in keys) else set[str]()
    grouped = [key for key in keys if not isinstance(key, exp.Column | exp.Literal)]
    kinds, shapes = {type(key) for key in grouped}, {_shape(key) for key in grouped}
    numbers = {key.name for key in keys if isinstance(key, exp.Literal) and not key.is_string}
    outside = _outside(select)
    chosen: list[exp.Expr] = []
    for number, item in enumerate(select.expressions, 1):
        if str(number) not in numbers and not (isinstance(item, exp.Alias) and item.alias.lower() in names):
            chosen.append(item)
    selected = {item.output_name.lower() for item in select.expressions}
    later = [*(having.iter_expressions() if having else ()), *(item.this for item in (order.expressions if order else ()))]
    later = [item for item in later if item.name.upper() != "ALL"]  # ORDER BY ALL
    for todo, known in ((chosen, names | aliases), (later, names | aliases | selected)):
        while todo:
            node = todo.pop()
            if type(node) in kinds and _shape(node) in shapes:
                continue
            if isinstance(node, exp.Column):
                tables = {part.name.lower() for part in node.parts[:-1]}
                free = (
                    isinstance(node.this, exp.Star) or node.name.lower() in known | {"grouping__id"} or tables & (names | windows)
                )
                if not free and not (outside and (not tables or not tables & outside)):
                    return Reason("not_grouped", f"{node.sql('databricks')[:80]} is neither in GROUP BY nor aggregated")
            elif _transparent(node):
                todo.extend(node.iter_expressions())
    return None


def _mixed(select: "exp.Select") -> Reason | None:
    """GROUP BY ALL with a projection that combines an aggregate with a column that no other projection gives."""
    from sqlglot import exp

    if any(item.find(exp.Star) and not item.find(exp.Count) for item in select.expressions):
        return None
    given = {_shape(item.unalias()) for item in select.expressions if not _aggregates(item)}
    for item in select.expressions:
        todo = [item] if _aggregates(item) else []
        while todo:
            node = todo.pop()
            if _shape(node) in given:
                continue
            if isinstance(node, exp.Column):
                return Reason("not_grouped", f"GROUP BY ALL cannot tell whether to group by {node.sql('databricks')[:60]}")
            if _transparent(node):
                todo.extend(node.iter_expressions())
    return None


def _meant(keys: "list[exp.Expr]", select: "exp.Select") -> "list[exp.Expr]":
    """The keys, with the projections in the place of their numbers."""
    chosen = {str(number): item for number, item in enumerate(select.expressions, 1)}
    return [chosen.get(key.name, key) if key.key == "literal" else key for key in keys]


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
