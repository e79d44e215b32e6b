"""Queries in a conversation, and one form for all ways to write a query.

What is not covered: SQL of one meaning built in two ways (a > 1 and 1 < a, a subquery and its join, other names of CTEs). A
double-quoted word right of a comparison is taken for a text, as in Spider's golds.
"""

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from aj.sqlenv import actions

if TYPE_CHECKING:
    from sqlglot import exp

MOST_NODES = 20_000  # that sqlglot may make of a query; it reads a chain of n joins without ON 2^n times
COMMENT = r"--[^\n]*+|/\*(?>.*?(?:\*/|\Z))"
SQL = re.compile(rf"(?:\s|\(|{COMMENT})*+(?:select\b|with\s+(?:recursive\s+)?\S+\s*(?:\([^()]*\)\s*)?as\b)", re.I | re.S)
STATEMENT = re.compile(rf"""(?:{COMMENT}|'[^']*'|"[^"]*"|[^;'"/-]+|[/-])+""", re.S)
FENCE = re.compile(r"```(?:\w*[ \t]*\n|sql[ \t])?(.*?)(?:```|\Z)", re.S)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
QUERY = re.compile(
    r"^[ \t]*QUERY[ \t]*:(.*?)(?=^[ \t]*(?:DESCRIBE|SAMPLE|QUERY|ANSWER)[ \t]*:|\n[ \t]*\n|\Z)", re.I | re.M | re.S
)


def turns_of(messages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The texts that are compared each by itself: contents, and texts in the arguments of tool calls."""
    for message in messages:
        yield message["content"]
        todo: list[Any] = [call["function"]["arguments"] for call in reversed(message.get("tool_calls", ()))]
        while todo:
            value = todo.pop()
            if isinstance(value, str):
                yield value
            elif isinstance(value, dict | list):
                todo.extend(reversed(value.values() if isinstance(value, dict) else value))


def sql_of(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Queries in a conversation, each once: turns and arguments that are one, ``QUERY:`` actions, fences, code spans.

    All roles are read, since a leak in a prompt is a leak too. What begins like SQL need not be SQL.
    """
    found: dict[str, None] = {}
    for turn in turns_of(messages):
        if "select" in turn.lower():
            for stretch in (actions.parse(turn).argument, *FENCE.findall(turn), *SPAN.findall(turn), *QUERY.findall(turn)):
                found |= {statement.strip(): None for statement in STATEMENT.findall(stretch) if SQL.match(statement)}
    return list(found)


@lru_cache(maxsize=1 << 16)
def canonical_sql(sql: str, dialect: str = "sqlite") -> str | None:
    """One form of all ways to write a query, literals masked by ``?``; None where it is not one query of tables that can be parsed.

    Case, white space, comments, aliases and the quotes of names do not count; tables, columns, functions and operators do.
    A list of literals is one ``?``. The number of an output column in GROUP BY or ORDER BY is no literal: it is
    replaced by that column. Parsed by sqlglot; no schema is needed.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ErrorLevel, SqlglotError

    try:
        trees = [
            tree
            for tree in sqlglot.parse(sql, dialect=dialect, max_nodes=MOST_NODES)
            if tree and not isinstance(tree, exp.Semicolon)
        ]
        if len(trees) != 1 or not isinstance(trees[0], exp.Query) or not trees[0].find(exp.Table):
            return None  # SELECT 1 is nobody's question
        tree = trees[0]
        while isinstance(tree, exp.Subquery) and tree.is_wrapper:
            tree = tree.this
        _plain_names(tree, sql)
        _without_output_names(tree)
        _without_table_aliases(tree)
        _mask_literals(tree)
        return tree.sql(dialect, comments=False, unsupported_level=ErrorLevel.IGNORE)
    except (SqlglotError, RecursionError):  # the latter: thousands of parentheses
        return None


def _plain_names(tree: "exp.Expr", sql: str) -> None:
    """Names in small letters without needless quotes; ``city = "oslo"`` compares with a text (SQLite, if no column has the name)."""
    from sqlglot import exp

    for column in list(tree.find_all(exp.Column)):
        start = column.this.meta.get("start")
        quoted = start is not None and sql[start] == '"' and not column.table
        if quoted and isinstance(column.parent, exp.Predicate) and column.arg_key != "this":
            column.replace(exp.Placeholder())
    for name in tree.find_all(exp.Identifier):
        name.set("this", name.name.lower())
        name.set("quoted", not name.name.isidentifier())


def _without_output_names(tree: "exp.Expr") -> None:
    """Names and numbers of output columns in GROUP BY, HAVING and ORDER BY give way to what they stand for.

    Then the names go, but for those of CTEs and derived tables, which other parts of the query read.
    """
    from sqlglot import exp

    queries = list(tree.find_all(exp.Select, exp.SetOperation))
    for query in queries:
        named = {output.alias: output.this for output in query.selects if isinstance(output, exp.Alias)}
        numbered = list(itertools.takewhile(lambda output: not output.is_star, query.selects))
        for clause in filter(None, map(query.args.get, ("group", "having", "order"))):
            for node in list(clause.find_all(exp.Column, exp.Literal)):
                if node.find_ancestor(exp.Query) is not query:
                    continue
                term = isinstance(node.parent, exp.Group | exp.Ordered)
                if isinstance(node, exp.Column) and not node.table and (meant := named.get(node.name)):
                    # A column of that name goes before, but not where the name is a whole term of ORDER BY.
                    shadowed = any(column.name == node.name for column in meant.find_all(exp.Column))
                    if not shadowed or isinstance(node.parent, exp.Ordered):
                        node.replace(meant.copy())
                elif isinstance(node, exp.Literal) and term and node.is_int and 0 < int(node.name) <= len(numbered):
                    node.replace(numbered[int(node.name) - 1].unalias().copy())
    for query in queries:
        holder = query.parent
        while isinstance(holder, exp.SetOperation):
            holder = holder.parent
        derived = isinstance(holder, exp.Subquery) and isinstance(holder.parent, exp.From | exp.Join)
        if isinstance(query, exp.Select) and not derived and not isinstance(holder, exp.CTE):
            query.set("expressions", [output.unalias() for output in query.expressions])


def _without_table_aliases(tree: "exp.Expr") -> None:
    """A column says its table by name (numbered where the table stands twice), and only where there are several."""
    from sqlglot import exp

    named: dict[int, dict[str, str]] = {}
    for select in tree.find_all(exp.Select):
        names, times = named.setdefault(id(select), {}), Counter[str]()
        for clause in filter(None, [select.args.get("from_"), *select.args.get("joins", ())]):
            source = clause.this
            alias, name = source.alias_or_name, source.name if isinstance(source, exp.Table) else source.alias
            times[name] += 1
            names[alias] = f"{name} {times[name]}" if times[name] > 1 else name
            if isinstance(source, exp.Table):
                source.set("alias", exp.TableAlias(this=exp.to_identifier(names[alias])) if times[name] > 1 else None)
    for column in list(tree.find_all(exp.Column)):
        nearest = column.find_ancestor(exp.Select)
        reads: exp.Select | None = nearest
        while reads and column.table not in named[id(reads)]:
            reads = reads.find_ancestor(exp.Select)
        if column.table and reads:
            alone = reads is nearest and len(named[id(reads)]) == 1
            column.set("table", None if alone else exp.to_identifier(named[id(reads)][column.table]))


def _mask_literals(tree: "exp.Expr") -> None:
    from sqlglot import exp

    for literal in list(tree.find_all(exp.Literal, exp.HexString)):
        if not isinstance(literal.parent, exp.Group | exp.Ordered):  # there it is the number of a column of *
            (literal.parent if isinstance(literal.parent, exp.Neg) else literal).replace(exp.Placeholder())
    for choice in tree.find_all(exp.In):
        if choice.expressions and all(isinstance(value, exp.Placeholder) for value in choice.expressions):
            choice.set("expressions", [exp.Placeholder()])
    for join in tree.find_all(exp.Join):
        join.set("kind", None if join.kind in ("INNER", "OUTER") else join.args.get("kind"))
    for term in tree.find_all(exp.Ordered):
        term.set("desc", term.args.get("desc") or None)
