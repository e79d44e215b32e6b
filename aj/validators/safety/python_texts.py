"""The texts that expressions of Python surely are: names that hold constants are followed, f-strings keep their constant parts.

What is not covered: texts that the code computes, other modules, attributes set at run time.
"""

import ast
import re

from aj.validators.safety.look import Look
from aj.validators.shell.values import DECODED, FETCHED, UNKNOWN
from aj.validators.wordset import wordset

FETCHES = frozenset(["get", "post", "urlopen", "urlretrieve", "request"])
DECODES = wordset("b64decode decodebytes b32decode b16decode unhexlify decompress fromhex a85decode b85decode")


def last_name(node: ast.expr) -> str:
    """The last part of what is called: `os.system` is system, `getattr(os, 'system')` too."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    if (
        isinstance(node, ast.Call)
        and last_name(node.func) == "getattr"
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    ):
        return str(node.args[1].value)
    return ""


class PythonTexts:
    """One module and the values of its names."""

    def __init__(self, module: ast.Module, look: Look) -> None:
        self.look = look
        self.module = module
        self.names: dict[str, ast.expr] = {}
        self.renamed: dict[str, str] = {}
        self.resolving = 0
        for node in ast.walk(module):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                self.names[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                self.names[node.target.id] = node.value
            elif isinstance(node, ast.ImportFrom | ast.Import):
                self.renamed |= {alias.asname: alias.name for alias in node.names if alias.asname}
            elif (
                isinstance(node, ast.For)
                and isinstance(node.target, ast.Name)
                and isinstance(node.iter, ast.List | ast.Tuple)
                and node.iter.elts
            ):
                self.names.setdefault(node.target.id, node.iter.elts[0])

    def text(self, node: ast.expr | None, depth: int = 0) -> str:
        """Value of an expression as a text; UNKNOWN, FETCHED or DECODED for what is none."""
        self.resolving += 1
        if node is None or depth > 20 or self.resolving > 20_000:
            return UNKNOWN
        if isinstance(node, ast.Constant):
            return (
                node.value
                if isinstance(node.value, str)
                else node.value.decode("utf-8", "replace")
                if isinstance(node.value, bytes)
                else str(node.value)
            )
        if isinstance(node, ast.JoinedStr):
            return "".join(self.text(part, depth + 1) for part in node.values)
        if isinstance(node, ast.FormattedValue):
            return self.text(node.value, depth + 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.text(node.left, depth + 1) + self.text(node.right, depth + 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self.text(node.left, depth + 1).rstrip("/") + "/" + self.text(node.right, depth + 1)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return re.sub(r"%\(?\w*\)?[srd]", UNKNOWN, self.text(node.left, depth + 1))
        if isinstance(node, ast.Name):
            value = self.names.pop(node.id, None)
            if value is None:
                return UNKNOWN
            try:
                return self.text(value, depth + 1)
            finally:
                self.names[node.id] = value
        if isinstance(node, ast.Attribute):
            return self.text(node.value, depth + 1) if node.attr in ("text", "content") else UNKNOWN
        return self.call_text(node, depth) if isinstance(node, ast.Call) else UNKNOWN

    def call_text(self, node: ast.Call, depth: int) -> str:
        """Value of a call as a text."""
        name = last_name(node.func)
        inner = node.func.value if isinstance(node.func, ast.Attribute) else None
        source = ast.unparse(node.func) if depth < 4 else ""
        if name in DECODES:
            return DECODED
        if name in FETCHES and re.match(r"requests|httpx|urllib|urlopen|http|session", source):
            return FETCHED
        if (
            name
            in (
                "Path",
                "PosixPath",
                "PurePath",
                "str",
                "text",
                "SQL",
                "dedent",
                "bytes",
                "expanduser",
                "normpath",
                "abspath",
                "realpath",
            )
            and node.args
        ):
            return self.text(node.args[0], depth + 1)
        if name == "home" or name == "expanduser":
            return "\ue013" if not node.args else self.text(node.args[0], depth + 1)
        if name == "join" and "path" in source:
            return "/".join(self.text(argument, depth + 1) for argument in node.args)
        if name == "format" and inner is not None:
            return re.sub(r"\{[^{}]*\}", UNKNOWN, self.text(inner, depth + 1))
        if name == "join" and inner is not None and node.args and isinstance(node.args[0], ast.List | ast.Tuple):
            return self.text(inner, depth + 1).join(self.text(part, depth + 1) for part in node.args[0].elts)
        if (
            name in ("decode", "encode", "read", "strip", "lower", "upper", "resolve", "expandtabs", "as_posix")
            and inner is not None
        ):
            return self.text(inner, depth + 1)
        return UNKNOWN
