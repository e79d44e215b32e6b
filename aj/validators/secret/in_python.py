"""Credentials in Python code, by its syntax tree: literals given to what is named like a credential, however they are put together.

Assignments, keywords, dictionaries, ``.option(k, v)``, ``conf.set(k, v)``, defaults of getenv and widgets, texts decoded from base64.
What is not covered: values that travel through variables, and what runs at import.
"""

import ast
from collections.abc import Iterator

from aj.validators.fenced import without_magics
from aj.validators.score import Reason
from aj.validators.secret.names import is_telling
from aj.validators.secret.values import is_credential
from aj.validators.wordset import wordset

MOST_NODES = 9_000
DECODERS = wordset(
    """b64decode decodebytes fromhex unhexlify decode join urlsafe_b64decode format strip replace encode str bytes SecretStr"""
)
SETTERS = frozenset(["option", "set", "config", "putenv", "header", "add_header"])
DEFAULTS = frozenset(["getenv", "get", "text", "setdefault", "pop"])


class TooLarge(Exception):
    """Code with more nodes than are read."""


def tree_of(text: str) -> ast.Module | None:
    """The syntax tree of a text that is code; None where it is none (``password: hunter2`` and a JSON object are Python too)."""
    try:
        tree = ast.parse(without_magics(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    plain = all(
        isinstance(s, ast.Expr | ast.AnnAssign) and not isinstance(getattr(s, "value", None), ast.Call) for s in tree.body
    )
    names_only = any(isinstance(s, ast.Assign) and isinstance(s.value, ast.Name | ast.Set) for s in tree.body) and not any(
        isinstance(n, ast.Call | ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) for n in ast.walk(tree)
    )  # A=b and A={{b}}, as in .env files
    return None if plain or names_only else tree


def in_python(tree: ast.Module) -> Iterator[Reason]:
    """secret_in_clear, secret_default, encoded_secret. Raises TooLarge."""
    nodes = list(ast.walk(tree))
    if len(nodes) > MOST_NODES:
        raise TooLarge(f"the code has more than {MOST_NODES} syntax nodes")
    keys = {n.id for node in nodes if _looks_up(node) for n in ast.walk(node) if isinstance(n, ast.Name)}
    for node in nodes:
        if not _only_key(node, keys):
            yield from _node(node)


def _looks_up(node: ast.AST) -> bool:
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    return node.func.attr in ("get_secret", "getSecret") or (
        node.func.attr in ("get", "getBytes") and _name(node.func.value) == "secrets"
    )


def _only_key(node: ast.AST, keys: set[str]) -> bool:
    """Whether a variable named like a secret is the name under which the secret is looked up."""
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in keys


def _node(node: ast.AST) -> Iterator[Reason]:
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _given(_name(target), value)
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield from _given(_name(target), value)
        case ast.keyword(arg=str() as name, value=value):
            yield from _given(name, value)
        case ast.Dict(keys=keys, values=values):
            for key, value in zip(keys, values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield from _given(key.value, value)
        case ast.arguments():
            named = [*node.posonlyargs, *node.args]
            for argument, default in zip(named[len(named) - len(node.defaults) :], node.defaults, strict=True):
                yield from _given(argument.arg, default, "secret_default")
            for argument, given in zip(node.kwonlyargs, node.kw_defaults, strict=True):
                if given is not None:
                    yield from _given(argument.arg, given, "secret_default")
        case ast.Call(func=function, args=[ast.Constant(value=str() as name), value, *_]):
            method = _name(function)
            if method in DEFAULTS:
                yield from _given(name, value, "secret_default")
            elif method in SETTERS:
                yield from _given(name, value)
        case ast.Compare(left=left, comparators=[right]) if len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            yield from _given(_name(left), right)


def _given(name: str, value: ast.expr, code: str = "secret_in_clear") -> Iterator[Reason]:
    if not name or not is_telling(name):
        return
    if isinstance(value, ast.BoolOp):  # os.getenv("X") or "literal"
        for choice in value.values:
            yield from _given(name, choice, "secret_default")
        return
    if (default := _default(value)) is not None:  # os.getenv("X", "literal")
        yield from _given(name, default, "secret_default")
        return
    if isinstance(value, ast.IfExp):
        yield from _given(name, value.body, code)
        yield from _given(name, value.orelse, code)
        return
    text, encoded = _literal(value, 0)
    if text is not None and is_credential(text) and " " not in text.strip():
        yield Reason("encoded_secret" if encoded else code, f"{name[:60]} is given a literal value")


def _default(node: ast.expr) -> ast.expr | None:
    """What an environment variable that is not set is read as."""
    if not isinstance(node, ast.Call):
        return None
    reads = _name(node.func) == "getenv" or (
        isinstance(node.func, ast.Attribute) and node.func.attr == "get" and _name(node.func.value) == "environ"
    )
    given = node.args[1] if len(node.args) > 1 else next((k.value for k in node.keywords if k.arg == "default"), None)
    return given if reads else None


def _literal(node: ast.expr, depth: int) -> tuple[str | None, bool]:
    """The text an expression surely is, and whether a call had to make it; None where it comes from elsewhere."""
    if depth > 20:
        return None, False
    match node:
        case ast.Constant(value=str() as text):
            return text, False
        case ast.Constant(value=bytes() as data):
            return data.decode("latin-1"), False
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            one, other = _literal(left, depth + 1)[0], _literal(right, depth + 1)[0]
            return (one + other if one is not None and other is not None else None), False
        case ast.JoinedStr(values=values):
            parts = [v.value if isinstance(v, ast.Constant) else None for v in values]
            return (None if None in parts else "".join(map(str, parts))), False
        case ast.List(elts=items) | ast.Tuple(elts=items):
            texts = [_literal(item, depth + 1)[0] for item in items]
            return (None if None in texts or not texts else "".join(t for t in texts if t)), False
        case ast.Subscript(value=inner):
            return _literal(inner, depth + 1)[0] if isinstance(inner, ast.Constant) else None, True
        case ast.Call(func=function, args=arguments) if _name(function) in DECODERS:
            receiver = function.value if isinstance(function, ast.Attribute) else None
            for part in (*arguments[:1], *([receiver] if receiver is not None else [])):
                found = _literal(part, depth + 1)[0]
                if found and found not in ("utf-8", "ascii", "utf8"):
                    return found, True
    return None, False


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(attr=name):
            return name
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return name
    return ""
