"""A module of Python and what its names stand for: each is followed to the assignment above it.

What cannot be followed (parameters, configuration, widgets) is unknown, never guessed. What is not covered: names in attributes or
containers, names bound by import, ``exec``.
"""

import ast
from itertools import islice

MOST_STEPS = 200
MOST_NODES = 9_000  # more than what 20,000 characters of real code have
Part = str | None  # a text that is known, or a gap
Scope = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


class TooLarge(Exception):
    """Code that would take too long to follow."""


class Code:
    """A module, its scopes and what its names stand for."""

    def __init__(self, module: ast.Module) -> None:
        """Raises TooLarge."""
        nodes = list(islice(ast.walk(module), MOST_NODES + 1))
        if len(nodes) > MOST_NODES:
            raise TooLarge(f"the code has more than {MOST_NODES} syntax nodes")
        self.module = module
        self.parents: dict[ast.AST, ast.AST] = {}
        self.bound: dict[tuple[Scope, str], list[ast.Assign | ast.AnnAssign | None]] = {}
        self.roots: dict[str, list[ast.Name]] = {}
        self.functions: dict[str, Scope] = {}
        for node in nodes:
            for child in ast.iter_child_nodes(node):
                self.parents[child] = node
        for node in nodes:
            self._bind(node)

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
