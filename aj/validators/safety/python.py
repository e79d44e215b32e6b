"""What Python code does through calls with known texts: shells, SQL, deletion of folders, forks, code from elsewhere. Read with ast, never run.

What is not covered: texts that the code computes, other modules, attributes set at run time.
"""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator

from aj.validators.brackets import deepest
from aj.validators.safety.look import Look, TooMuch
from aj.validators.safety.notebook import cells, magics, remove
from aj.validators.safety.paths import is_disk
from aj.validators.safety.python_texts import PythonTexts, last_name
from aj.validators.secret.in_python import TooLarge, in_python
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
LOOSE = re.compile(
    r"\b(os\.system|os\.popen|subprocess\.\w+|spark\.sql|execute|rmtree|fs\.rm)\s*\(\s*[rfbu]*(\"{3}|'{3}|\"|')(.*?)\2", re.S
)


def read_python(code: str, look: Look) -> None:
    """Judges Python code, a notebook cell with magics included."""
    code = textwrap.dedent(code).lstrip("\ufeff\n")
    cells(code, look)
    if "%" in code or "!" in code:
        code = magics(code, look)
    module = parse(code)
    if module is None:
        for found in list(LOOSE.finditer(code))[:50]:
            loose(found[1], found[3], look)
        return
    PythonCode(module, look).judge()
    try:
        for reason in in_python(module):
            look.found("secret_in_clear", reason.detail)
    except TooLarge as error:
        raise TooMuch("too_complex", str(error)) from None


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


class PythonCode(PythonTexts):
    """One module, judged call by call."""

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
