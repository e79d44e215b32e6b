"""Whether a config or notebook keeps credentials out of its text: they come from a secret scope.

``no_secrets_in_clear`` looks for tokens that tell themselves (anywhere, comments too), for passwords in URLs and connection strings,
and for literal values given to what is named like a credential: in Python by its syntax tree (assignments, keywords, dictionaries,
``.option(k, v)``, ``conf.set(k, v)``, defaults of getenv and widgets, literals decoded from base64), elsewhere line by line.
``dbutils.secrets.get``, ``{{secrets/scope/key}}``, ``${var.x}``, environment variables and placeholders are no credentials.

What is not covered: a credential split over lines, a value under a harmless name, whether a scope exists, printing a secret.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from aj.validators.score import Reason, Score
from aj.validators.secret_patterns import PARAMETER, TOKENS, URL, is_credential, is_telling

MOST_NODES = 12_000
MOST_LINES = 1_500
SECTION = re.compile(r"^\[[\w .:-]+\][ \t]*$", re.MULTILINE)
LOGIN_MODULE = re.compile(r"LoginModule\s+required[^;\n]{0,300}?\bpassword=\\?[\"']([^\"'{}$\\]{1,200})")
SQL_OPTION = re.compile(
    r"\b(?:password|token|secret|client_secret|access_key|secret_key|identified\s+by|sfPassword)\s+'([^'\n]{3,200})'",
    re.IGNORECASE,
)
LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+|set[ \t]+|-[ \t]+|--?(?=\w))?["']?([A-Za-z_][\w.\-]{1,200})["']?[ \t]*(?:=>|[:=]|[ \t])[ \t]*(.*?)[ \t]*,?[ \t]*$"""
)
INLINE = re.compile(r"""["']([\w.\-]{2,100})["'][ \t]*:[ \t]*["']([^"'\n]{1,400})["']""")
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
DECODERS = {
    "b64decode",
    "decodebytes",
    "fromhex",
    "unhexlify",
    "decode",
    "join",
    "urlsafe_b64decode",
    "format",
    "strip",
    "replace",
    "encode",
    "str",
    "bytes",
    "SecretStr",
}
SETTERS = {
    "option": 0,
    "set": 0,
    "config": 0,
    "setdefault": 0,
    "putenv": 0,
    "header": 0,
    "text": 0,
    "add_header": 0,
    "getenv": 0,
    "get": 0,
}


def no_secrets_in_clear(text: str, context: Mapping[str, Any]) -> Score:
    """1 where the text holds no credential, else 0. The context is not read.

    Codes: token_in_clear, url_password, connection_string_secret, secret_in_clear, secret_default, encoded_secret, too_large.
    """
    reasons = [*_tokens(text), *_urls(text), *_in_strings(text)]
    tree = _tree(text)
    if tree is None:
        reasons += _lines(text)
    else:
        nodes = list(ast.walk(tree))
        if len(nodes) > MOST_NODES:
            return Score.of([Reason("too_large", f"the code has more than {MOST_NODES} syntax nodes")])
        keys = {n.id for node in nodes if _looks_up(node) for n in ast.walk(node) if isinstance(n, ast.Name)}
        reasons += (reason for node in nodes if not _only_key(node, keys) for reason in _node(node))
    return Score.of(reasons[:10])


def _tokens(text: str) -> Iterator[Reason]:
    for issuer, pattern in TOKENS.items():
        for match in pattern.finditer(text):
            found = match[0]
            if "EXAMPLE" not in found.upper() and len(set(found[8:])) > 4:  # documentation's own, and xxxxxxxx
                yield Reason("token_in_clear", f"a {issuer} credential: {found[:6]}…")
                break


def _urls(text: str) -> Iterator[Reason]:
    for match in URL.finditer(text):
        if is_credential(match[2]) and not match[2].startswith(("{", "$", "%", "<")):
            yield Reason("url_password", f"a URL with the password of {match[1][:40]!r}")
            break
    for match in re.finditer(
        r"""["'\n=][^"'\n]{0,300}?(?:jdbc:|Server=|AccountName=|Driver=|Data Source=)[^"'\n]{0,600}""", text
    ):
        for value in PARAMETER.findall(match[0]):
            if is_credential(value) and not value.startswith(("{", "$", "%", "<", '"')):
                yield Reason("connection_string_secret", "a connection string with its password")
                return


def _in_strings(text: str) -> Iterator[Reason]:
    for pattern, where in ((LOGIN_MODULE, "a JAAS config"), (SQL_OPTION, "an SQL option")):
        if any(is_credential(m[1]) for m in pattern.finditer(text)):
            yield Reason("secret_in_clear", f"{where} with its password")


def _tree(text: str) -> ast.Module | None:
    if text.count("\n") + text.count(";") > MOST_LINES or SECTION.search(text):
        return None
    try:
        tree = ast.parse(MAGIC.sub(r"\1pass", text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    plain = all(
        isinstance(s, ast.Expr | ast.AnnAssign) and not isinstance(getattr(s, "value", None), ast.Call) for s in tree.body
    )
    names_only = not any(
        isinstance(n, ast.Call | ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef) for n in ast.walk(tree)
    ) and any(isinstance(s, ast.Assign) and isinstance(s.value, ast.Name) for s in tree.body)  # A=b, as in .env files
    return None if plain or names_only else tree  # "password: hunter2" and a JSON object are Python too, but no code


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
            if method in ("getenv", "get", "text", "setdefault", "pop"):
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
    if isinstance(value, ast.IfExp):
        yield from _given(name, value.body, code)
        yield from _given(name, value.orelse, code)
        return
    text, encoded = _literal(value, 0)
    if text is not None and is_credential(text) and " " not in text.strip():
        yield Reason("encoded_secret" if encoded else code, f"{name[:60]} is given a literal value")


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


def _lines(text: str) -> Iterator[Reason]:
    for line in text.splitlines():
        if line.lstrip().startswith(("#", "//", ";", "*")):
            continue
        found = [m.groups() for m in INLINE.finditer(line)]
        if match := LINE.match(line[:2_000]):
            found.append((match[1], match[2]))
        for name, value in found:
            value = re.sub(r"\s+#.*$", "", value) if not value.startswith(("'", '"')) else value
            quoted = value[:1] in "'\"" and len(value) > 1
            value = value.strip("'\", ")
            if (
                is_telling(name)
                and is_credential(value)
                and (quoted or " " not in value)
                and not value.startswith(("{", "[", "|", ">", "&", "*", "("))
            ):
                if re.match(r"[\w.]+\(", value) or (
                    not quoted and "=" not in line and ":" not in line and not name.startswith(("spark.", "fs."))
                ):
                    continue  # a call, and a plain sentence
                yield Reason("secret_in_clear", f"{name[:60]} has a literal value")
                return
