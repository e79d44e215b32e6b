"""Calls written as Python: ``f(a=1)``, ``[f(a=1), g.h(b="x")]`` or one call a line, with literals as arguments; parsed, never run.

What is not covered: positional arguments, names as values.
"""

import ast
import json
import keyword
import re
from typing import Any

from aj.validators.brackets import deepest
from aj.validators.calls.errors import Unreadable

DEEPEST = 64
"""Levels of JSON or Python values; real calls have fewer than 10."""
RESERVED = "reserved_word_"
RESERVED_ARGUMENT = re.compile(rf"\b({'|'.join(keyword.kwlist)})\s*=(?!=)")
STRINGS = re.compile(rf"""("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|{RESERVED_ARGUMENT.pattern}""")
Call = dict[str, Any]


def python_calls(text: str) -> list[Call]:
    """``f(a=1)``, ``[f(a=1), g.h(b="x")]`` or one call a line, with literals as arguments; never run.

    Raises Unreadable: bad_python, positional_argument, not_a_literal, duplicate_key, too_deep.
    """
    if max(deepest(text), _signs(text)) > DEEPEST:
        raise Unreadable("too_deep", f"the calls are nested more than {DEEPEST} levels deep")
    try:
        body = _parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable("bad_python", f"neither JSON nor Python calls: {error}") from None
    nodes: list[ast.expr] = []
    for statement in body:
        if not isinstance(statement, ast.Expr):
            raise Unreadable("bad_python", f"a {type(statement).__name__} instead of calls")
        value = statement.value
        nodes.extend(value.elts if isinstance(value, ast.List | ast.Tuple) else [value])
    if not nodes:
        raise Unreadable("no_call", "the reply calls no tool")
    return [_python_call(node) for node in nodes]


def python_value(text: str) -> Any:
    """The one literal of a text. Raises Unreadable: bad_python, not_a_literal, too_deep."""
    if max(deepest(text), _signs(text)) > DEEPEST:
        raise Unreadable("too_deep", f"the value is nested more than {DEEPEST} levels deep")
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Unreadable("bad_python", f"neither JSON nor Python: {error}") from None
    return _literal(node, "the call")


def _parsed(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except SyntaxError:
        if not RESERVED_ARGUMENT.search(text):
            raise
    # an argument named from or class: Python cannot say it, models do; it is only renamed where no string surrounds it
    return ast.parse(STRINGS.sub(lambda m: m[0] if m[1] else f"{RESERVED}{m[2]}=", text)).body


def _python_call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        raise Unreadable("bad_python", f"a {type(node).__name__} instead of a call")
    parts, function = [], node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name):
        raise Unreadable("bad_python", "what is called is not a name")
    name = ".".join([function.id, *reversed(parts)])
    if node.args:
        raise Unreadable("positional_argument", f"{name} is called with an argument that has no name")
    arguments: dict[str, Any] = {}
    for argument in node.keywords:
        if argument.arg is None or argument.arg in arguments:
            raise Unreadable("duplicate_key", f"{name} is called with ** or with {argument.arg!r} twice")
        arguments[argument.arg.removeprefix(RESERVED)] = _literal(argument.value, name)
    return {"name": name, "arguments": arguments}


def _literal(node: ast.expr, name: str) -> Any:
    try:
        value = ast.literal_eval(node)
        text = json.dumps(value, allow_nan=False)  # tuples become lists, and what JSON cannot say is refused
    except (ValueError, TypeError, RecursionError, MemoryError, SyntaxError):
        raise Unreadable("not_a_literal", f"an argument of {name} is no literal: {ast.unparse(node)[:60]}") from None
    return json.loads(text)


def _signs(text: str) -> int:
    """The longest run of operators, which nest without brackets: ``-----1``, ``1+1+1+…``."""
    runs = re.findall(r"(?:[-+~*/%|&^.](?:\s|\w{0,3}))+|(?:\bnot\s+)+|(?:\blambda\s*:\s*)+", text)
    return max((len(re.findall(r"[-+~*/%|&^.]|not|lambda", run)) for run in runs), default=0) // 4
