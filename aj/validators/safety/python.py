"""What Python code does through calls with known texts: shells, SQL, deletion of folders, forks, code from elsewhere. Read with ast, never run.

Names that hold constant strings are followed, whatever the order; f-strings keep their constant parts.
What is not covered: texts that the code computes, other modules, attributes set at run time.
"""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

from aj.validators.brackets import deepest
from aj.validators.safety.look import Look, TooMuch
from aj.validators.safety.paths import is_disk, ruinous
from aj.validators.shell.values import DECODED, FETCHED, UNKNOWN
from aj.validators.wordset import wordset

DEEPEST = 60  # brackets within brackets
SHELL_CALLS = wordset(
    """system popen run call check_call check_output Popen getoutput getstatusoutput exec_command create_subprocess_shell
    create_subprocess_exec execvp execv execl execlp spawn spawnv spawnl spawnvp run_command run_shell sudo local"""
)
SQL_CALLS = wordset(
    """sql execute executemany executescript execute_statement raw run_sql run_query execute_sql execute_query read_sql
    read_sql_query exec_driver_sql"""
)
TEXTS = frozenset(["text", "SQL", "dedent", "encode", "decode", "strip", "format"])
FETCHES = frozenset(["get", "post", "urlopen", "urlretrieve", "request"])
DECODES = wordset("b64decode decodebytes b32decode b16decode unhexlify decompress fromhex a85decode b85decode")
MAGIC = re.compile(r"^\s*(?:!|%%?(?:sh|bash)\b)\s*(.*)$", re.M)
LOOSE = re.compile(
    r"\b(os\.system|os\.popen|subprocess\.\w+|spark\.sql|execute|rmtree|fs\.rm)\s*\(\s*[rfbu]*(\"{3}|'{3}|\"|')(.*?)\2", re.S
)


def read_python(code: str, look: Look) -> None:
    """Judges Python code, a notebook cell with magics included."""
    code = textwrap.dedent(code).lstrip("\ufeff\n")
    if re.search(r"^# MAGIC ", code, re.M):
        cells = re.split(r"^# COMMAND -+.*$", code, flags=re.M)
        for cell in cells:
            magic = [line for line in cell.split("\n") if line.startswith("# MAGIC")]
            if magic:
                magics("\n".join(line.removeprefix("# MAGIC").removeprefix(" ") for line in magic), look)
    if "%" in code or "!" in code:
        code = magics(code, look)
    module = parse(code)
    if module is None:
        for found in list(LOOSE.finditer(code))[:50]:
            loose(found[1], found[3], look)
        return
    PythonCode(module, look).judge()


def magics(code: str, look: Look) -> str:
    """Takes %sh, %sql, %fs cells and ! lines out of a notebook's text and judges them."""
    cell = re.match(r"\s*%%?(sh|bash|sql|fs|python|scala|r|md)\b[^\n]*\n?", code)
    if cell:
        rest = code[cell.end() :]
        first = code[: cell.end()].split(None, 1)[1:]
        body = (first[0] if first else "") + "\n" + rest
        if cell[1] in ("sh", "bash"):
            look.into("shell", body if not body.startswith("-") else rest)
        elif cell[1] == "md":
            return ""
        elif cell[1] == "sql":
            look.into("sql", body)
        elif cell[1] == "fs" and (found := re.match(r"\s*rm\s+(?:-r|--recurse=true|true)?\s*(\S+)(\s+true)?", body, re.I)):
            remove(found[1], ("-r" in body or "true" in body.lower()), look, "%fs rm")
        return rest if cell[1] == "python" else ""
    lines = code.split("\n")
    for at, line in enumerate(lines):
        found = re.match(r"(\s*)(?:!|%sh\s|%sx\s|%system\s)(.+)", line)
        if found:
            look.into("shell", found[2])
            lines[at] = found[1] + "pass"
        elif re.match(r"\s*%\w+\s", line):
            inner = re.match(r"\s*%sql\s+(.+)", line)
            if inner:
                look.into("sql", inner[1])
            lines[at] = re.match(r"\s*", line)[0] + "pass"  # type: ignore[index]
    return "\n".join(lines)


def parse(code: str) -> ast.Module | None:
    """The syntax tree, None where Python does not read it. Raises TooMuch."""
    if deepest(code) > DEEPEST:
        raise TooMuch("too_deep", f"Python nested more than {DEEPEST} levels")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError):
        return None
    except (RecursionError, MemoryError) as error:
        raise TooMuch("too_deep", "Python nested too deeply to parse") from error


def loose(call: str, text: str, look: Look) -> None:
    """A call in code that does not parse."""
    if "rmtree" in call or "fs.rm" in call:
        remove(text, True, look, call)
    elif call.endswith(("sql", "execute")):
        look.into("sql", text)
    else:
        look.into("shell", text)


def remove(path: str, recursive: bool, look: Look, call: str) -> None:
    """A call that deletes a folder."""
    why = ruinous(path) if recursive else ""
    if why:
        look.found("destructive_delete", f"{call} of {path}: {why}")


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


class PythonCode:
    """One module: its constants and its calls."""

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

    def judge(self) -> None:
        """Judges every call."""
        for node in ast.walk(self.module):
            if isinstance(node, ast.Call):
                self.look.step()
                self.judge_call(node)
            elif isinstance(node, ast.While) and isinstance(node.test, ast.Constant) and node.test.value:
                if any(isinstance(part, ast.Call) and last_name(part.func) == "fork" for part in ast.walk(node)):
                    self.look.found("fork_bomb", "a loop of forks")
            elif isinstance(node, ast.For):
                self.judge_walk(node)

    def judge_walk(self, node: ast.For) -> None:
        """for … in os.walk(root) with a deletion in its body."""
        if isinstance(node.iter, ast.Call) and last_name(node.iter.func) in ("walk", "rglob", "glob") and node.iter.args:
            root = self.text(node.iter.args[0]) if last_name(node.iter.func) == "walk" else ""
            deletes = any(
                isinstance(part, ast.Call) and last_name(part.func) in ("remove", "unlink", "rmtree") for part in ast.walk(node)
            )
            if root.startswith(("/", "~", "\ue013")) and deletes:
                remove(root, not any(isinstance(part, ast.If) for part in node.body), self.look, "deletion under os.walk")

    def judge_call(self, node: ast.Call) -> None:
        """Judges one call by the last part of its name."""
        name = last_name(node.func)
        name = self.renamed.get(name, name).rsplit(".", 1)[-1]
        first = (
            node.args[0]
            if node.args
            else next(
                (
                    kw.value
                    for kw in node.keywords
                    if kw.arg in ("path", "args", "cmd", "command", "statement", "query", "sql", "dir", "sqlQuery")
                ),
                None,
            )
        )
        if name in SHELL_CALLS and first is not None:
            self.judge_shell(node, name, first)
        if name in SQL_CALLS and first is not None:
            text = self.text(first)
            if re.search(r"\w\s+\S", text):
                self.look.into("sql", text)
        elif name in ("exec", "eval", "compile") and first is not None:
            self.judge_code(self.text(first))
        elif name == "rmtree" and (first is not None or isinstance(node.func, ast.Attribute)):
            path = self.text(first)
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Call):
                path = self.text(node.func.value) if first is None else path
            remove(
                path.replace("~", "\ue013", 1)
                if path.startswith("~") and first is not None and isinstance(first, ast.Call)
                else path,
                True,
                self.look,
                "rmtree",
            )
        elif name == "rm" and isinstance(node.func, ast.Attribute) and ast.unparse(node.func).endswith("fs.rm"):
            flags = [*node.args[1:], *(kw.value for kw in node.keywords if kw.arg in ("recurse", "recursive"))]
            path = self.text(first)
            path = "dbfs:" + path if path.startswith("/") and path.count("/") == 1 else path
            remove(path, any(isinstance(flag, ast.Constant) and flag.value for flag in flags), self.look, "dbutils.fs.rm")
        elif name == "open" and first is not None and is_disk(self.text(first)):
            mode = self.text(node.args[1]) if len(node.args) > 1 else ""
            if re.search("[wa+]", mode):
                self.look.found("disk_overwrite", "writes over a disk")
        elif name == "kill" and [ast.unparse(argument) for argument in node.args[:1]] == ["-1"]:
            self.look.found("kills_everything", "kill of every process")
        elif name in ("delete", "permanent_delete", "update", "dropDatabase"):
            self.judge_client(node, name)

    def judge_code(self, code: str) -> None:
        """Text that Python itself runs."""
        if FETCHED in code:
            self.look.found("remote_code", "exec of text from the network")
        if DECODED in code:
            self.look.found("hidden_code", "exec of decoded text")
        if code.strip(f"{UNKNOWN}{FETCHED}{DECODED} \n"):
            self.look.into("python", code)

    def judge_shell(self, node: ast.Call, name: str, first: ast.expr) -> None:
        """A call that starts a program: its text is a script, its list one command."""
        if isinstance(first, ast.Name) and isinstance(self.names.get(first.id), ast.List | ast.Tuple):
            first = self.names[first.id]
        if isinstance(first, ast.Call) and last_name(first.func) == "split" and isinstance(first.func, ast.Attribute):
            first = first.func.value
        if isinstance(first, ast.List | ast.Tuple):
            words: Iterator[str] | list[str] = [self.text(part) for part in first.elts]
        elif name.startswith(("exec", "spawn", "create_subprocess_exec")) and name != "exec_command" and len(node.args) > 1:
            last = node.args[-1]
            parts = last.elts if isinstance(last, ast.List | ast.Tuple) else node.args
            words = [self.text(part) for part in parts]
        else:
            text = self.text(first)
            if FETCHED in text or DECODED in text:
                self.look.found(
                    "remote_code" if FETCHED in text else "hidden_code", f"{name} runs text that comes from elsewhere"
                )
            if text.strip(UNKNOWN + FETCHED + DECODED):
                self.look.into("shell", text)
            return
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
        if quoted:
            self.look.into("shell", quoted)

    def judge_client(self, node: ast.Call, name: str) -> None:
        """The Databricks SDK and Delta tables."""
        source = ast.unparse(node.func)[-300:]
        keywords = {kw.arg: kw.value for kw in node.keywords}
        recursive = [*node.args[1:2], keywords.get("recursive")]
        if source.endswith("workspace.delete") and any(
            isinstance(flag, ast.Constant) and flag.value is True for flag in recursive
        ):
            self.look.found("deletes_workspace", "deletes a workspace folder with all in it")
        elif source.endswith("clusters.permanent_delete"):
            self.look.found("deletes_cluster", "deletes a cluster for good")
        elif re.search(r"\b(catalogs|schemas|tables|volumes)\.delete$", source) and re.match(
            r"w\b|ws\b|client|workspace|self", source
        ):
            self.look.found("drops_object", source)
        elif name in ("delete", "update") and isinstance(node.func, ast.Attribute):
            owner: ast.expr | None = node.func.value
            if isinstance(owner, ast.Name):
                owner = self.names.get(owner.id)
            if isinstance(owner, ast.Call) and re.match(r"(\w+\.)*DeltaTable\.for(Name|Path)$", ast.unparse(owner.func)):
                condition = keywords.get("condition") or (node.args[0] if node.args else None)
                if name == "update" and condition is not None and isinstance(condition, ast.Dict):
                    condition = None
                verb = "DELETE FROM t" if name == "delete" else "UPDATE t SET a = 1"
                self.look.into("sql", verb + (f" WHERE {self.text(condition)}" if condition is not None else ""))
