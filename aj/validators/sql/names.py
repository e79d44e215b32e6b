"""Names of tables and columns against a schema, by sqlglot's qualify; changes of rows are read as the query they stand for.

What is not covered: columns of a query one of whose sources is open (files, IDENTIFIER(), information_schema): its columns are not checked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aj.validators.score import Reason
from aj.validators.sql.grammar import Capture
from aj.validators.sql.lexer import Word
from aj.validators.sql.pipes import GROUPED, PIPED
from aj.validators.sql.queries import FAULTS, Refused, parse, parser_fault, width
from aj.validators.wordset import wordset

if TYPE_CHECKING:
    from sqlglot import exp

Path = tuple[str, ...]
MOST_NODES = 700  # qualify takes 60 ms for these
OPEN = wordset("information_schema system delta parquet csv json text avro orc binaryfile iceberg xml")


def lengths(text: str, words: list[Word], captures: list[Capture]) -> list[Reason]:
    """An INSERT whose column list and rows are not equally long."""
    at = next((i for i, seen in enumerate(captures) if seen.rule == "insert_source"), -1)
    if at < 0:
        return []
    source = captures[at]
    inside = [seen for seen in captures[at:] if seen.last <= source.last]
    listed = next((seen for seen in inside if seen.rule == "columns" and seen.first == source.first), None)
    rows = [
        sum(value.rule == "insert_value" and row.first <= value.first < row.last for value in inside)
        for row in inside
        if row.rule == "insert_row"
    ]
    if len(set(rows)) > 1:
        return [Reason("arity_mismatch", "the rows of VALUES are not equally long")]
    if listed is None:
        return []
    wanted = sum(seen.rule == "column" and listed.first <= seen.first < listed.last for seen in inside)
    query = next((seen for seen in inside if seen.rule == "query"), None)
    given = rows[0] if rows else width(parse(text, words[query.first : query.last])) if query else 0
    return (
        [Reason("arity_mismatch", f"{wanted} columns are named, {given} values are given")] if given and given != wanted else []
    )


@dataclass(frozen=True)
class Names:
    """The tables that exist: path (lower case) to columns with their types."""

    tables: Mapping[Path, Mapping[str, str]]

    @classmethod
    def of(cls, schema: Mapping[str, Any]) -> "Names":
        """From a schema nested one, two or three deep."""
        return cls(dict(_leaves(schema, ())))

    def find(self, path: Path) -> Path | None:
        """The table that a name means: the shorter of both paths is the end of the longer."""
        low = tuple(part.lower() for part in path)
        return next((known for known in self.tables if known[-len(low) :] == low or low[-len(known) :] == known), None)

    def in_query(self, tree: "exp.Expr") -> list[Reason]:
        """What a query names that does not exist."""
        from sqlglot import exp
        from sqlglot.errors import SqlglotError
        from sqlglot.optimizer.qualify import qualify

        if sum(1 for _ in tree.walk()) > MOST_NODES:
            return [Reason("too_many_words", f"the names of at most {MOST_NODES} parts are resolved")]
        tree = tree.copy()
        ctes = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        flat: dict[str, dict[str, object]] = {}
        is_open = False
        for table in list(tree.find_all(exp.Table)):
            path = tuple(part.name for part in table.parts if part.name)
            if (
                not path  # a name of no letters
                or not isinstance(table.this, exp.Identifier)
                or path[0].lower() in OPEN
                or (len(path) > 1 and path[-2].lower() in OPEN)
            ):
                is_open = True
            elif len(path) == 1 and path[0].lower() in ctes:
                continue
            elif (known := self.find(path)) is None:
                return [Reason("unknown_table", f"the table {'.'.join(path)} does not exist")]
            else:
                name = "__".join(known)
                flat[name] = dict(self.tables[known])
                if not table.alias:
                    table.set("alias", exp.TableAlias(this=exp.to_identifier(path[-1], quoted=False)))
                table.set("this", exp.to_identifier(name))
                table.set("db", None)
                table.set("catalog", None)
        piped = any(source.alias in (PIPED, GROUPED) for source in tree.find_all(exp.Subquery))
        if is_open or piped or tree.find(exp.Pivot, exp.TableFromRows):
            return []
        for column in tree.find_all(exp.Column):
            if (
                column.args.get("db")
                and self.find(tuple(part.name for part in column.parts[:-1]))
                and column.args["db"].name.lower() not in flat
            ):
                column.set("db", None)
                column.set("catalog", None)
        try:
            qualify(
                tree,
                schema={**flat} or {"no_table": {"no_column": "INT"}},
                dialect="databricks",
                quote_identifiers=False,
                identify=False,
            )
        except SqlglotError as error:
            said = str(error).split("\n")[0][:200]
            if not any(word in said for word in ("olumn", "table")) or "Alias already" in said:
                return []  # something qualify cannot do, not a name that is wrong
            missing = said.split("'")[1].lower() if said.count("'") > 1 else ""
            several = sum(missing in {name.lower() for name in columns} for columns in flat.values()) > 1
            return [Reason("ambiguous_column" if several or "mbiguous" in said else "unknown_column", said)]
        except RecursionError:
            return [Reason("too_deep", "the query is nested too deep")]
        except FAULTS as error:
            return [parser_fault(error)]
        return []

    def in_statement(self, text: str, words: list[Word], captures: list[Capture]) -> list[Reason]:
        """What a statement other than a query names that does not exist."""
        kind = next((seen.rule for seen in captures if seen.rule not in ("statement",)), "")
        forgiven = any(seen.rule in ("if", "compound") for seen in captures)
        targets = [seen for seen in captures if seen.rule == "table"]
        for seen in [] if forgiven else targets:
            path = _path(words[seen.first : seen.last])
            if path and path[0].lower() not in OPEN and self.find(path) is None:
                return [Reason("unknown_table", f"the table {'.'.join(path)} does not exist")]
        target = self.find(_path(words[targets[0].first : targets[0].last]) or ("",)) if targets else None
        if target and kind in ("insert", "update", "merge", "optimize", "analyze"):
            reasons = self._columns(words, captures, target, kind) or self._insert_width(text, words, captures, target)
            if reasons:
                return reasons
        try:
            for query in _as_queries(text, words, captures, kind):
                reasons = self.in_query(query)
                if reasons and reasons[0].code != "parser_fault":
                    return reasons
        except Refused:  # the query made here is not the text's: what it cannot say is not held against the text
            return []
        return []

    def _columns(self, words: list[Word], captures: list[Capture], target: Path, kind: str) -> list[Reason]:
        """Columns of the target that are named outside expressions."""
        known = {name.lower() for name in self.tables[target]}
        for seen in captures:
            if seen.rule == "column" and not (
                kind == "merge" and any(c.rule == "merge_source" and c.first <= seen.first < c.last for c in captures)
            ):
                path = [word.text.strip("`").lower() for word in words[seen.first : seen.last] if word.text != "."]
                if not known & set(path):
                    return [Reason("unknown_column", f"{'.'.join(target)} has no column {path[-1]}")]
        return []

    def _insert_width(self, text: str, words: list[Word], captures: list[Capture], target: Path) -> list[Reason]:
        """INSERT without a column list gives a value for each column of the target."""
        source = next((seen for seen in captures if seen.rule == "insert_source"), None)
        if (
            source is None
            or any(seen.rule in ("columns", "partition") for seen in captures)
            or words[source.first].upper not in ("SELECT", "VALUES", "WITH")
        ):
            return []
        query = next((seen for seen in captures if seen.rule == "query" and seen.first >= source.first), None)
        row = next((seen for seen in captures if seen.rule == "insert_row"), None)
        given = sum(seen.rule == "insert_value" and row.first <= seen.first < row.last for seen in captures) if row else 0
        given = given or (width(parse(text, words[query.first : query.last])) if query else 0)
        wanted = len(self.tables[target])
        return (
            [Reason("arity_mismatch", f"{'.'.join(target)} has {wanted} columns, {given} values are given")]
            if given and given != wanted
            else []
        )


def _leaves(schema: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Paths of tables; a table is what maps to no mappings."""
    for name, inner in schema.items():
        here = (*path, str(name).lower())
        if isinstance(inner, Mapping) and inner and all(isinstance(value, Mapping) for value in inner.values()):
            yield from _leaves(inner, here)
        else:
            yield (
                tuple(".".join(here).split(".")),
                {str(k): str(v) for k, v in inner.items()} if isinstance(inner, Mapping) else {},
            )


def _path(words: list[Word]) -> Path:
    """The parts of a name; empty where it is no plain name."""
    if any(word.text in ("(", "@", "$") or word.kind == "string" for word in words):
        return ()
    return tuple(word.text.strip("`") for word in words if word.text != ".")


def _as_queries(text: str, words: list[Word], captures: list[Capture], kind: str) -> "Iterator[exp.Expr]":
    """The queries inside a statement; for UPDATE, DELETE and MERGE the one that reads what it reads."""
    from aj.validators.sql.lexer import words_of

    def said(seen: Capture) -> str:
        return text[words[seen.first].start : words[seen.last - 1].end] if seen.last > seen.first else ""

    if kind in ("update", "delete", "optimize", "merge"):
        target = next(seen for seen in captures if seen.rule == "table")
        alias = next((seen for seen in captures if seen.rule == "alias" and seen.first <= target.last + 1), None)
        source = next((seen for seen in captures if seen.rule == "merge_source"), None)

        def inside(seen: Capture) -> bool:
            return source is not None and source.first <= seen.first < source.last

        values = [said(seen) for seen in captures if seen.rule == "expr" and not inside(seen)]
        ctes = next((said(seen) for seen in captures if seen.rule == "ctes"), "")
        joined = f" CROSS JOIN {said(source)}" if source else ""
        sql = f"{ctes} SELECT {', '.join(values) or '1'} FROM {said(target)} {'AS ' + said(alias) if alias else ''}{joined}"
        yield parse(sql, words_of(sql)[0])
    else:
        for seen in captures:
            if seen.rule in ("query", "rows"):
                yield parse(text, words[seen.first : seen.last])
