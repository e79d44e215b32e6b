"""Queries and expressions, parsed by sqlglot's Databricks dialect, and what its trees show that Databricks would refuse.

What is not covered: whether functions exist and take these arguments; types that do not fit.
"""

from typing import TYPE_CHECKING

from aj.validators.score import Reason
from aj.validators.sql.dialects import foreign, foreign_words
from aj.validators.sql.grouping import misplaced, nested, not_grouped, piped_aggregate, pivoted
from aj.validators.sql.lexer import Word, is_filled
from aj.validators.sql.pipes import PIPED, unpiped
from aj.validators.sql.readable import readable
from aj.validators.sql.shapes import misshapen
from aj.validators.sql.type_names import TYPES

if TYPE_CHECKING:
    from sqlglot import exp


SPARE_NODES = 2_000
"""Syntax nodes that may be made beside one a word: a join without ON is read twice, a chain of n such joins 2^n times."""
FAULTS = (ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What sqlglot raises where it fails itself, at texts that it half reads."""


class Refused(Exception):
    """A text that does not parse; carries the Reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.detail)
        self.reason = reason


def parser_fault(error: Exception) -> Reason:
    """A fault of sqlglot's own, which says nothing of the text."""
    return Reason("parser_fault", f"sqlglot fails at it: {str(error)[:100]}")


def parse(text: str, words: list[Word]) -> "exp.Expr":
    """The tree of one query; ``words`` are those of the text between these positions. Raises Refused."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ErrorLevel, SqlglotError

    plain = foreign_words(words) or unpiped(text, words)
    if isinstance(plain, Reason):
        raise Refused(plain)
    sql = readable(*plain)
    try:
        trees = sqlglot.parse(sql, dialect="databricks", error_level=ErrorLevel.IMMEDIATE, max_nodes=SPARE_NODES + len(words))
    except SqlglotError as error:
        line = str(error).split("\n")[0]
        if "Maximum number of AST nodes" in line:
            raise Refused(Reason("too_complex", "reading it takes more steps than any real query does")) from None
        raise Refused(Reason("syntax_error", f"sqlglot does not parse it: {line[:200]}")) from None
    except RecursionError:
        raise Refused(Reason("too_deep", "the query is nested too deep")) from None
    except FAULTS as error:
        raise Refused(parser_fault(error)) from None
    tree = trees[0] if len(trees) == 1 else None
    if not isinstance(tree, exp.Query | exp.Values):
        raise Refused(Reason("syntax_error", "it does not parse as a query"))
    for name in tree.find_all(exp.Identifier):
        at = name.meta.get("start")
        if at is not None and sql[at] in "'\"":
            raise Refused(Reason("syntax_error", f"the string {name.name[:40]!r} stands where a name must"))
    return tree


def check_query(text: str, words: list[Word]) -> "tuple[exp.Expr, list[Reason]]":
    """A query's tree and what is wrong in it. Raises Refused where there is no tree."""
    tree = parse(text, words)
    try:
        return tree, _strange(tree)
    except RecursionError:
        raise Refused(Reason("too_deep", "the query is nested too deep")) from None


def check_expression(text: str, words: list[Word]) -> list[Reason]:
    """What is wrong in an expression that stands by itself: it must be one value, without an alias. Raises Refused."""
    from sqlglot import exp

    head = "SELECT "
    moved = [
        Word(w.kind, w.text, w.upper, w.start - words[0].start + len(head), w.end - words[0].start + len(head)) for w in words
    ]
    sql = head + text[words[0].start : words[-1].end]
    tree, reasons = check_query(sql, [Word("word", "SELECT", "SELECT", 0, 6), *moved])
    rest = [
        key for key, value in tree.args.items() if value and key not in ("expressions", "kind", "hint", "operation_modifiers")
    ]
    alone = (
        isinstance(tree, exp.Select)
        and not rest
        and len(tree.expressions) == 1
        and not isinstance(tree.expressions[0], exp.Alias)
        and not (isinstance(tree.expressions[0], exp.Tuple) and not tree.expressions[0].expressions)
    )
    return reasons if alone else [*reasons, Reason("syntax_error", f"{sql[len(head) :][:60]!r} is not one expression")]


def _strange(tree: "exp.Expr") -> list[Reason]:
    """What sqlglot takes from other dialects, and lists whose lengths do not fit."""
    from sqlglot import exp

    for (
        node
    ) in tree.walk():  # its parser does not ask everywhere whether all parts are there, and its generator fails without them
        if node.error_messages():
            return [Reason("syntax_error", f"{node.key.upper()} lacks a part")]
    for node in tree.walk():
        if isinstance(node, exp.Command):
            return [Reason("unknown_statement", "a part is kept as text, not parsed")]
        if bad := foreign(node):
            return [bad]
        if isinstance(node, exp.Subquery) and node.alias == PIPED and isinstance(node.parent, exp.From) and piped_aggregate(node):
            return [Reason("nested_aggregate", "a step of a pipe aggregates: AGGREGATE is meant")]
        if isinstance(node, exp.Cast) and (bad := _cast_type(node)):
            return [bad]
        if isinstance(node, exp.SetOperation) and not node.args.get("by_name"):
            left, right = width(node.left), width(node.right)
            if left and right and left != right:
                return [Reason("arity_mismatch", f"{node.key.upper()} of {left} and {right} columns")]
        if (
            isinstance(node, exp.Values)
            and len({len(row.expressions) if isinstance(row, exp.Tuple) else 1 for row in node.expressions}) > 1
        ):
            return [Reason("arity_mismatch", "the rows of VALUES are not equally long")]
        if isinstance(node, exp.Select) and not node.expressions and not node.args.get("from_"):
            return [Reason("empty_select", "SELECT has no columns")]
        if (
            (bad := misshapen(node))
            or (isinstance(node, exp.Select) and (bad := misplaced(node) or not_grouped(node)))
            or (bad := nested(node))
        ):
            return [bad]
        if isinstance(node, exp.Pivot) and (bad := pivoted(node)):
            return [bad]
        if isinstance(node, exp.With) and (twice := _twice([cte.alias.lower() for cte in node.expressions])):
            return [Reason("duplicate_name", f"WITH names {twice[:60]!r} twice")]
        if isinstance(node, exp.Version) and isinstance(node.expression, exp.Column) and not is_filled(node.expression.name):
            return [Reason("syntax_error", f"{node.this} AS OF {node.expression.sql()[:40]}: a column stands where a value must")]
    return []


def _twice(names: list[str]) -> str:
    """The first name that stands twice, '' where none does."""
    return next((name for place, name in enumerate(names) if name in names[:place]), "")


def bad_moment(rule: str, words: list[Word]) -> Reason | None:
    """What is wrong with what follows AS OF: a bare name is no version and no time."""
    name = words[0]
    if len(words) > 1 or name.kind not in ("word", "quoted") or is_filled(name.text):
        return None
    if rule == "moment" and name.upper in ("CURRENT_TIMESTAMP", "CURRENT_DATE", "LOCALTIMESTAMP"):
        return None
    return Reason(
        "syntax_error", f"AS OF {name.text[:40]}: a name stands where a {'version' if rule == 'version' else 'time'} must"
    )


def streams(tree: "exp.Expr") -> list[Reason]:
    """What a materialized view must not read: a stream."""
    from sqlglot import exp

    found = tree.find(exp.Stream)
    if found is None:
        return []
    return [Reason("stream_in_batch", "a materialized view reads STREAM: only a streaming table can")]


def _cast_type(node: "exp.Cast") -> Reason | None:
    from sqlglot import exp

    to = node.to
    if not isinstance(to, exp.DataType):
        return None
    name = to.sql("databricks").split("(")[0].split("<")[0].split(" ")[0].upper()
    return None if name in TYPES else Reason("unknown_type", f"{name} is no type of Databricks SQL")


def width(tree: "exp.Expr | None") -> int:
    """How many columns a query gives; 0 where that cannot be seen (a star, a generator)."""
    from sqlglot import exp

    while isinstance(tree, exp.Subquery | exp.SetOperation):
        tree = tree.this
    if isinstance(tree, exp.Values):
        first = tree.expressions[0] if tree.expressions else None
        return len(first.expressions) if isinstance(first, exp.Tuple) else 1
    if not isinstance(tree, exp.Select):
        return 0
    unseen = any(
        part.is_star or part.find(exp.Star, exp.Explode, exp.Inline, exp.Posexplode, exp.Aliases, exp.QueryTransform)
        for part in tree.expressions
    )
    return 0 if unseen or tree.args.get("operation_modifiers") else len(tree.expressions)
