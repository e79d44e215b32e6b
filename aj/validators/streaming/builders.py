"""The queries of Structured Streaming code: what each writeStream is told, and what stands before it. Parsed, never run.

A query may be one chain, a writer kept in a variable, or a writer that a function returns.
What is not covered: writers in attributes or containers, Scala.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from aj.validators.streaming.code import MOST_STEPS, Code, Scope, TooLarge

STARTS = ("start", "toTable", "table")
BATCH = ("read", "createDataFrame")
JOINED = ("join", "crossJoin", "union", "unionAll", "unionByName", "transform")
MOST_QUERIES = 50
Branch = tuple[int, str]


@dataclass
class Query:
    """One writeStream: calls of its builder in order, calls of the frame before it, and where it stands."""

    line: int
    calls: list[tuple[str, ast.Call]]
    frame: list[tuple[str, ast.Call]]
    is_stream: bool
    """Whether the frame is known back to readStream."""
    is_batch: bool
    """Whether the frame is known back to read, and nothing was joined to it that may be a stream."""
    scope: Scope
    branches: frozenset[Branch]
    loops: list[ast.For]
    escapes: bool
    """Whether the writer goes where it is not followed."""
    options: dict[str, ast.expr] = field(default_factory=dict)
    unknown_options: bool = False

    @property
    def started(self) -> bool:
        """Whether the query is started."""
        return any(name in STARTS for name, _ in self.calls)

    def argument(self, method: str, keyword: str | None = None) -> ast.expr | None:
        """The last first argument (or keyword) given to a method of the builder."""
        for name, call in reversed(self.calls):
            if name == method:
                if keyword is None and call.args:
                    return call.args[0]
                for given in call.keywords:
                    if given.arg in (keyword, method):
                        return given.value
        return None


class StreamingCode(Code):
    """A module and its streaming queries."""

    def __init__(self, module: ast.Module) -> None:
        """Raises TooLarge."""
        super().__init__(module)
        writes = [n for n in ast.walk(module) if isinstance(n, ast.Attribute) and n.attr == "writeStream"]
        if len(writes) > MOST_QUERIES:
            raise TooLarge(f"the code has {len(writes)} streaming queries, {MOST_QUERIES} are read")
        self.queries = sorted(map(self._query, writes), key=lambda q: q.line)

    def _climb(self, node: ast.AST) -> tuple[list[tuple[str, ast.Call]], ast.AST]:
        """The methods called on a node, one on the other, and the outermost call."""
        calls: list[tuple[str, ast.Call]] = []
        while True:
            attribute = self.parents.get(node)
            call = self.parents.get(attribute) if attribute else None
            if not (isinstance(attribute, ast.Attribute) and isinstance(call, ast.Call) and call.func is attribute):
                return calls, node
            calls.append((attribute.attr, call))
            node = call

    def _query(self, write: ast.Attribute) -> Query:
        outer: ast.AST | None
        calls, outer = self._climb(write)
        frame, source = self._frame(write.value)
        escapes, scope, seen = False, self.scope(write), {outer}
        while not any(name in STARTS for name, _ in calls):
            more, outer, escapes = self._follow(outer, scope)
            calls += more
            if outer is None or outer in seen or len(seen) > 20:
                break
            seen.add(outer)
            scope = self.scope(outer)
        query = Query(
            write.lineno,
            calls,
            frame,
            source == "readStream",
            source in BATCH and not any(name in JOINED for name, _ in frame),
            self.scope(write),
            frozenset(self._branches(write)),
            self._loops(write),
            escapes,
        )
        self._options(query)
        return query

    def _follow(self, outer: ast.AST, scope: Scope) -> tuple[list[tuple[str, ast.Call]], ast.AST | None, bool]:
        """Where an unfinished writer goes on (the variable or the function's result it became), and whether it gets out of sight."""
        parent = self.parents.get(outer)
        uses: list[ast.AST] = []
        if isinstance(parent, ast.Expr):
            return [], None, False
        if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Name):
            every = self.roots.get(parent.targets[0].id, [])
            uses = [n for n in every if n.lineno >= parent.lineno and self.scope(n) is scope]
            if not uses:
                return [], None, bool(every)
        elif isinstance(parent, ast.Return) and isinstance(scope, ast.FunctionDef):
            uses = list(self.calls_of(scope.name))
            if not uses:
                return [], None, True
        else:
            return [], None, True
        calls: list[tuple[str, ast.Call]] = []
        last: ast.AST | None = None
        for use in uses:
            more, last = self._climb(use)
            calls += more
            if not more and not isinstance(self.parents.get(use), ast.Return):
                return calls, None, True  # handed to something else
        return calls, last, True

    def _frame(self, node: ast.expr) -> tuple[list[tuple[str, ast.Call]], str]:
        """The calls of a frame in order, and what it begins with: readStream, read …, or "" where that is not known."""
        calls: list[tuple[str, ast.Call]] = []
        for _ in range(MOST_STEPS):
            match node:
                case ast.Call(func=ast.Attribute(attr="createDataFrame")):
                    return calls[::-1], "createDataFrame"
                case ast.Call(func=ast.Attribute(attr=name, value=before)):
                    calls.append((name, node))
                    node = before
                case ast.Attribute(attr="readStream" | "read" as source):
                    return calls[::-1], source
                case ast.Name():
                    value = self.value(node)
                    if value is None:
                        break
                    node = value
                case _:
                    break
        return calls[::-1], ""

    def _branches(self, node: ast.AST) -> Iterator[Branch]:
        while node in self.parents:
            parent = self.parents[node]
            if isinstance(parent, ast.If | ast.Try | ast.IfExp | ast.Match):
                yield (
                    id(parent),
                    next(
                        (
                            name
                            for name, value in ast.iter_fields(parent)
                            if value is node or (isinstance(value, list) and node in value)
                        ),
                        "",
                    ),
                )
            elif isinstance(parent, ast.match_case):
                yield id(self.parents.get(parent)), str(id(parent))
            node = parent

    def _loops(self, node: ast.AST) -> list[ast.For]:
        loops = []
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.For):
                loops.append(node)
            if isinstance(node, ast.FunctionDef):
                break
        return loops

    def _options(self, query: Query) -> None:
        for name, call in query.calls:
            if name == "option":
                key = call.args[0] if call.args else next((k.value for k in call.keywords if k.arg == "key"), None)
                value = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "value"), None)
                text = self.text(key)
                if text is None:
                    query.unknown_options = True
                elif value is not None:
                    query.options[text.lower()] = value
            elif name == "options" or name in STARTS:
                for keyword in call.keywords:
                    if keyword.arg is not None:
                        query.options[keyword.arg.lower()] = keyword.value
                    else:
                        self._unpacked(query, keyword.value)

    def _unpacked(self, query: Query, node: ast.expr) -> None:
        value = self.value(node) if isinstance(node, ast.Name) else node
        if not isinstance(value, ast.Dict):
            query.unknown_options = True
            return
        for key, item in zip(value.keys, value.values, strict=True):
            text = self.text(key)
            if text is None:
                query.unknown_options = True
            else:
                query.options[text.lower()] = item
