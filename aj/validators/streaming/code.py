"""Structured Streaming code as a list of its queries: what each writeStream is told, and what stands before it. Parsed, never run.

A query may be one chain, a writer kept in a variable, or a writer that a function returns. Names are followed to the assignment
above them; what cannot be followed (parameters, configuration, widgets) is unknown, never guessed.

What is not covered: writers in attributes or containers, names bound by import, ``exec``, Scala.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

STARTS = ("start", "toTable", "table")
MOST_STEPS = 200
MOST_NODES = 9_000  # more than what 20,000 characters of real code have
MOST_QUERIES = 50
Part = str | None  # a text that is known, or a gap
Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef
Branch = tuple[int, str]


class TooLarge(Exception):
    """Code that would take too long to follow."""


@dataclass
class Query:
    """One writeStream: calls of its builder in order, calls of the frame before it, and where it stands."""

    line: int
    calls: list[tuple[str, ast.Call]]
    frame: list[tuple[str, ast.Call]]
    is_stream: bool
    """Whether the frame is known back to readStream."""
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


class Code:
    """A module, its scopes and its queries."""

    def __init__(self, module: ast.Module) -> None:
        """Raises TooLarge."""
        if sum(1 for _ in islice(ast.walk(module), MOST_NODES + 1)) > MOST_NODES:
            raise TooLarge(f"the code has more than {MOST_NODES} syntax nodes")
        self.module = module
        self.parents: dict[ast.AST, ast.AST] = {}
        self.bound: dict[tuple[Scope, str], list[ast.Assign | ast.AnnAssign | None]] = {}
        self.roots: dict[str, list[ast.Name]] = {}
        self.functions: dict[str, Scope] = {}
        for node in ast.walk(module):
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
        for node in ast.walk(module):
            self._bind(node)
        writes = [n for n in ast.walk(module) if isinstance(n, ast.Attribute) and n.attr == "writeStream"]
        if len(writes) > MOST_QUERIES:
            raise TooLarge(f"the code has {len(writes)} streaming queries, {MOST_QUERIES} are read")
        self.queries = sorted(map(self._query, writes), key=lambda q: q.line)

    def scope(self, node: ast.AST) -> Scope:
        """The function around a node, or the module."""
        while node in self.parents:
            node = self.parents[node]
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                return node
        return self.module

    def value(self, name: ast.Name) -> ast.expr | None:
        """The expression that a name stands for where it is read: of the last assignment above it."""
        scope = self.scope(name)
        for place in dict.fromkeys((scope, self.module)):
            found = self.bound.get((place, name.id))
            if found is None:
                continue
            if None in found:
                return None
            above = [a for a in found if a and (a.lineno < name.lineno or (place is not scope and place is self.module))]
            return above[-1].value if above else None
        return None

    def parts(self, node: ast.expr | None, steps: int = 0) -> list[Part]:
        """A text as its known parts; ``[None]`` where nothing is known."""
        if node is None or steps > 20:
            return [None]
        match node:
            case ast.Constant(value=str() as text):
                return [text]
            case ast.Name():
                return self.parts(self.value(node), steps + 1)
            case ast.JoinedStr():
                pieces = [v.value if isinstance(v, ast.FormattedValue) else v for v in node.values]
                return [part for piece in pieces for part in self.parts(piece, steps + 1)]
            case ast.BinOp(op=ast.Add()):
                return self.parts(node.left, steps + 1) + self.parts(node.right, steps + 1)
            case ast.BinOp(op=ast.Div()):
                return [*self.parts(node.left, steps + 1), "/", *self.parts(node.right, steps + 1)]
            case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str() as text)):
                return [text.partition("%")[0], None]
            case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant(value=str() as text))):
                return [text.partition("{")[0], None]
            case ast.Call(func=ast.Attribute(attr="join"), args=[first, *rest]) if ast.unparse(node.func).endswith("path.join"):
                joined = self.parts(first, steps + 1)
                for piece in rest:
                    joined = [*joined, "/", *self.parts(piece, steps + 1)]
                return joined
            case ast.Call(func=ast.Name(id="str" | "Path" | "PurePosixPath"), args=[only]):
                return self.parts(only, steps + 1)
            case ast.Call() if ast.unparse(node.func).startswith(("tempfile.", "mkdtemp", "TemporaryDirectory")):
                return ["/tmp/", None]
            case ast.Call() if ast.unparse(node.func) in ("os.getcwd", "Path.cwd"):
                return ["./", None]
        return [None]

    def text(self, node: ast.expr | None) -> str | None:
        """A text that is wholly known, else None."""
        parts = self.parts(node)
        return None if None in parts else "".join(p for p in parts if p)

    def names(self, node: ast.expr) -> set[str]:
        """Names that an expression depends on, followed through assignments."""
        todo, seen = [node], set[str]()
        while todo and len(seen) < MOST_STEPS:
            for inner in ast.walk(todo.pop()):
                if isinstance(inner, ast.Name) and inner.id not in seen:
                    seen.add(inner.id)
                    if (value := self.value(inner)) is not None:
                        todo.append(value)
        return seen

    def calls_of(self, function: str) -> list[ast.Call]:
        """Calls of a function of this module, by name or as a method."""
        return [
            c
            for c in self.parents
            if isinstance(c, ast.Call) and function in (getattr(c.func, "id", ""), getattr(c.func, "attr", ""))
        ]

    def _bind(self, node: ast.AST) -> None:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name):
                    self.bound.setdefault((self.scope(node), target.id), []).append(node)
            targets = [t for t in targets if not isinstance(t, ast.Name)]
        elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension | ast.AugAssign | ast.NamedExpr):
            targets = [node.target]
        elif isinstance(node, ast.withitem) and node.optional_vars:
            targets = [node.optional_vars]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.functions[node.name] = node
            arguments = node.args
            for given in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
                if given:
                    self.bound.setdefault((node, given.arg), []).append(None)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            self.roots.setdefault(node.id, []).append(node)
        for target in targets:
            for inner in ast.walk(target):
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
                    self.bound.setdefault((self.scope(node), inner.id), []).append(None)

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
        frame, is_stream = self._frame(write.value)
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
            is_stream,
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

    def _frame(self, node: ast.expr) -> tuple[list[tuple[str, ast.Call]], bool]:
        calls: list[tuple[str, ast.Call]] = []
        for _ in range(MOST_STEPS):
            match node:
                case ast.Call(func=ast.Attribute(attr=name, value=before)):
                    calls.append((name, node))
                    node = before
                case ast.Attribute(attr="readStream"):
                    return calls[::-1], True
                case ast.Name():
                    value = self.value(node)
                    if value is None:
                        break
                    node = value
                case _:
                    break
        return calls[::-1], False

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
