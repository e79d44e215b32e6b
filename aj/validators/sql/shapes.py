"""What sqlglot's tree of a query shows that Databricks does not parse: joins, pivots, samples and frames of other shapes.

What is not covered: groups (grouping.py), names (names.py), types.
"""

from typing import TYPE_CHECKING

from aj.validators.score import Reason

if TYPE_CHECKING:
    from sqlglot import exp


def misshapen(node: "exp.Expr") -> Reason | None:
    """What is wrong with this node; None where nothing is."""
    from sqlglot import exp

    if isinstance(node, exp.Join):
        return _join(node)
    if isinstance(node, exp.Limit | exp.Offset):
        return _limit(node)
    if isinstance(node, exp.Pivot):
        return _pivot(node)
    if isinstance(node, exp.TableSample):
        return _sample(node)
    if isinstance(node, exp.Window):
        return _window(node)
    if isinstance(node, exp.WindowSpec):
        bounds = (node.args.get(name) for name in ("start", "end"))
        if any(isinstance(bound, exp.Expression) and _is_computed(bound) for bound in bounds):
            return Reason("syntax_error", "the bound of a window's frame is no constant")
    if isinstance(node, exp.Select):
        return _sorted(node) or _windows(node)
    if isinstance(node, exp.Group):
        return _sets(node)
    return None


def _window(node: "exp.Window") -> Reason | None:
    """A rank of rows in no order, or an aggregate with both FILTER and OVER."""
    from sqlglot import exp

    ranks = exp.RowNumber | exp.Rank | exp.DenseRank | exp.PercentRank | exp.CumeDist | exp.Ntile | exp.Lag | exp.Lead
    if isinstance(node.this, ranks) and not node.args.get("order") and not node.args.get("alias"):
        return Reason("syntax_error", f"{node.this.sql('databricks')[:40]} needs an ORDER BY in its OVER")
    if isinstance(node.this, exp.Filter):
        return Reason("syntax_error", "an aggregate has FILTER or OVER, not both")
    return None


def _is_computed(bound: "exp.Expr") -> bool:
    """Whether the bound of a frame is made from a column or by a function; CAST and INTERVAL are none here."""
    from sqlglot import exp

    return any(not isinstance(part, exp.Cast) for part in bound.find_all(exp.Column, exp.Func))


def _windows(node: "exp.Select") -> Reason | None:
    """Two windows of one name."""
    names = [window.this.name.lower() for window in node.args.get("windows") or []]
    twice = next((name for place, name in enumerate(names) if name in names[:place]), "")
    return Reason("duplicate_name", f"WINDOW names {twice[:40]} twice") if twice else None


def _limit(node: "exp.Limit | exp.Offset") -> Reason | None:
    """A number of rows that is none."""
    from sqlglot import exp

    value = node.expression
    while isinstance(value, exp.Cast | exp.Paren):
        value = value.this
    literal = isinstance(value, exp.Boolean | exp.Null) or (isinstance(value, exp.Literal) and value.is_string)
    if literal or (isinstance(value, exp.Neg) and isinstance(value.this, exp.Literal)):
        return Reason("syntax_error", f"{node.key.upper()} {node.expression.sql('databricks')[:40]} is no number of rows")
    return None


def _join(node: "exp.Join") -> Reason | None:
    from sqlglot import exp

    if node.args.get("method") == "NATURAL" and (
        node.args.get("on") or node.args.get("using") or node.args.get("kind") == "CROSS"
    ):
        return Reason("syntax_error", "a NATURAL JOIN takes neither ON nor USING, and is no CROSS JOIN")
    if isinstance(node.this, exp.Lateral) and (node.args.get("using") or node.args.get("method") == "NATURAL"):
        return Reason("syntax_error", "a JOIN LATERAL takes ON, neither USING nor NATURAL")
    if node.this is not None and node.this.args.get("joins") and node.this.key == "table":
        return Reason("syntax_error", "a JOIN follows before the ON of the one before it: ON comes right after its table")
    return None


def _sample(node: "exp.TableSample") -> Reason | None:
    """A sample of more than there is, or one that SYSTEM cannot take."""
    given = {name: value for name, value in node.args.items() if value is not None}
    if "bucket_field" in given:
        return Reason("syntax_error", "TABLESAMPLE (BUCKET … ON column) is Hive's: leave the column out")
    if "method" in given and given["method"].name.upper() == "SYSTEM" and ("seed" in given or "percent" not in given):
        return Reason("syntax_error", "TABLESAMPLE SYSTEM takes a percentage, and no REPEATABLE")
    part, whole = given.get("percent", given.get("bucket_numerator")), given.get("bucket_denominator")
    if (
        part is not None
        and part.is_number
        and float(part.name) > (float(whole.name) if whole is not None and whole.is_number else 100)
    ):
        return Reason("syntax_error", "TABLESAMPLE takes more than there is")
    return None


def _pivot(node: "exp.Pivot") -> Reason | None:
    """UNPIVOT of no columns, or with an alias inside one of its groups of columns."""
    from sqlglot import exp

    if not node.args.get("unpivot"):
        return None
    for group in node.find_all(exp.Tuple):
        if not group.expressions or any(isinstance(item, exp.Alias) for item in group.expressions):
            return Reason("syntax_error", "a group of columns of UNPIVOT is empty, or names one of them anew")
    return None


def _sorted(node: "exp.Select") -> Reason | None:
    """At most one of ORDER BY, CLUSTER BY, and SORT BY with DISTRIBUTE BY."""
    given = [name.upper() for name in ("order", "cluster", "sort", "distribute") if node.args.get(name)]
    if len(given) > 1 and given != ["SORT", "DISTRIBUTE"]:
        return Reason("syntax_error", f"{given[0]} BY and {given[1]} BY do not stand together")
    return None


def _sets(node: "exp.Group") -> Reason | None:
    """WITH CUBE or WITH ROLLUP beside other sets, sets within a CUBE or a ROLLUP."""
    from sqlglot import exp

    sets = [item for name in ("cube", "rollup", "grouping_sets") for item in node.args.get(name) or []]
    sets += [item for item in node.expressions if isinstance(item, exp.Cube | exp.Rollup | exp.GroupingSets)]
    if len(sets) > 1 and any(not item.expressions for item in sets):
        return Reason("syntax_error", "WITH CUBE or WITH ROLLUP stands beside other grouping sets")
    for item in sets:
        if not isinstance(item, exp.GroupingSets) and any(
            isinstance(part, exp.Tuple) and not part.expressions for part in item.expressions
        ):
            return Reason("syntax_error", "a CUBE or a ROLLUP holds an empty set")
        if not isinstance(item, exp.GroupingSets) and any(
            part.find(exp.Cube, exp.Rollup, exp.GroupingSets) for part in item.expressions
        ):
            return Reason("syntax_error", "a CUBE or a ROLLUP holds other grouping sets")
    return None
