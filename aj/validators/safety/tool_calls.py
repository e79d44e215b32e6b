"""What a tool call does: the texts in its arguments, read as shell, SQL or Python by the names of the tool and of the argument.

What is not covered: tools that write a file without running it, and argument names that say nothing of a tool that says nothing.
"""

import json
import re
from typing import Any

from aj.validators.brackets import deepest
from aj.validators.safety.look import Look, TooMuch
from aj.validators.safety.paths import ruinous
from aj.validators.wordset import wordset

DEEPEST = 40
SHELL_KEYS = wordset("""command commands cmd cmds script bash shell sh shell_command command_line commandline bash_command run""")
SQL_KEYS = frozenset(["sql", "statement", "statements", "sql_query", "sql_text", "sql_statement", "query_text", "sql_code"])
PYTHON_KEYS = frozenset(["python", "python_code"])
CODE_KEYS = frozenset(["code", "source", "cell", "snippet", "program"])
TALK_KEYS = wordset(
    """thought thoughts thinking answer message content text comment description title body reason reasoning note question
    prompt pattern error summary explanation output result file_text old_str new_str path cwd name id status response
    final_answer topic"""
)
TALK_TOOLS = re.compile(
    r"search|lookup|docs|retriev|browse|think|complete|answer|note|remember|memory|message|comment|ticket|ask|respond|reply|finish|final|grep|write|create_file|edit|read_file|plan"
)
SHELL_TOOLS = re.compile(r"bash|shell|terminal|exec(?!ute_(sql|query|statement))|run_command|command|cli\b|ssh")
SQL_TOOLS = re.compile(r"sql|query|statement|warehouse|database|spark|table|postgres|mysql|duckdb|snowflake|bigquery")
PYTHON_TOOLS = re.compile(r"python|notebook|jupyter|ipython|code_interpreter|repl|run_code|execute_code")
ARGUMENTS = ("arguments", "args", "parameters", "params", "input", "tool_input", "action_input", "kwargs")
NAMES = ("name", "tool", "tool_name", "action", "function", "function_name", "recipient_name")


def load(text: str) -> Any:
    """JSON of a tool call, ValueError where it is none. Raises TooMuch."""
    if deepest(text, "[{") > DEEPEST:
        if text.lstrip()[:1] in ("{", "["):
            raise TooMuch("too_deep", f"JSON nested more than {DEEPEST} levels")
        raise ValueError("no JSON")
    return json.loads(text, strict=False)


def read_call(text: str, look: Look) -> None:
    """Judges a tool call, several in a list or one in each line included. Raises ValueError where the text is no JSON."""
    text = re.sub(r"</?(?:tool_call|function_call|tool_use)>", "\n", text).strip()
    try:
        calls = [load(text)]
    except ValueError:
        calls = [load(line) for line in text.split("\n") if line.strip()]
    for call in calls:
        judge(call, "", look)


def tool_name(call: dict[str, Any]) -> str:
    """Name of the tool of a call, '' where none stands there."""
    for key in NAMES:
        value = call.get(key)
        if isinstance(value, str) and len(value) < 100:
            return value
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            return str(value["name"])
    return ""


def judge(value: Any, tool: str, look: Look) -> None:
    """Judges a call, or a part of one that may hold calls."""
    look.step()
    if isinstance(value, list):
        for part in value:
            judge(part, tool, look)
    elif isinstance(value, dict):
        if "name" in value or (
            any(isinstance(value.get(key), str) for key in ("tool", "tool_name", "action"))
            and any(key in value for key in ARGUMENTS)
        ):
            tool = tool_name(value) or tool
        structured(tool, value, look)
        for key, part in value.items():
            if not (key in NAMES and isinstance(part, str)):
                judge_part(str(key), part, tool, value, look)


def judge_part(key: str, part: Any, tool: str, around: dict[str, Any], look: Look) -> None:
    """Judges one argument."""
    key = key.lower()
    if isinstance(part, str) and key in ARGUMENTS and part.strip()[:1] in ("{", "["):
        try:
            judge(load(part), tool, look)
            return
        except ValueError:
            pass
    if isinstance(part, list) and part and all(isinstance(word, str) for word in part):
        if key in SHELL_KEYS and not (key.endswith("s") and key != "args" and any(" " in word for word in part)):
            look.into("shell", quoted([*part, *(around.get("args") or [] if isinstance(around.get("args"), list) else [])]))
        elif key != "args" or not isinstance(around.get("command"), str):
            for word in part:
                judge_text(key, word, tool, look)
    elif isinstance(part, dict | list):
        judge(part, tool, look)
    elif isinstance(part, str):
        arguments = around.get("args")
        if key in ("command", "cmd", "program", "executable") and isinstance(arguments, list):
            part = f"{part} {quoted(arguments)}"
        judge_text("command" if key in ("program", "executable") and isinstance(arguments, list) else key, part, tool, look)


def quoted(words: list[Any]) -> str:
    """A list of words as one command."""
    return " ".join("'" + str(word).replace("'", "'\\''") + "'" for word in words)


def judge_text(key: str, text: str, tool: str, look: Look) -> None:
    """Judges one text by the names of its argument and of its tool."""
    tool = tool.lower()
    if key in TALK_KEYS:
        return
    if key in SHELL_KEYS:
        look.into("python" if PYTHON_TOOLS.search(tool) and key in ("script", "run") else "shell", text)
    elif key in SQL_KEYS:
        look.into("sql", text)
    elif key in PYTHON_KEYS:
        look.into("python", text)
    elif key in CODE_KEYS:
        look.into("any" if not PYTHON_TOOLS.search(tool) else "python", text)
    elif TALK_TOOLS.search(tool) and not SQL_TOOLS.search(tool):
        return
    elif key in ("query", "q", "queries") or key in ARGUMENTS:
        look.into(
            "sql"
            if SQL_TOOLS.search(tool)
            else "python"
            if PYTHON_TOOLS.search(tool)
            else "shell"
            if SHELL_TOOLS.search(tool)
            else "any",
            text,
        )


def structured(tool: str, call: dict[str, Any], look: Look) -> None:
    """Tools whose very name destroys: delete_file with the root, drop_table, bundle_destroy."""
    arguments = next((call[key] for key in ARGUMENTS if isinstance(call.get(key), dict)), None)
    if arguments is None or not tool:
        return
    name = set(re.split(r"[^a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", tool).lower()))
    recursive = any(str(arguments.get(key)).lower() == "true" for key in ("recursive", "recurse", "r"))
    paths = [
        value
        for key, value in arguments.items()
        if isinstance(value, str) and re.search(r"path|dir|folder|target|file", str(key))
    ]
    if (name & {"drop", "delete"} and name & {"catalog", "schema", "database"}) or {"drop", "table"} <= name:
        look.found("drops_object", f"a call of {tool}")
    elif {"truncate", "table"} <= name:
        look.found("truncates", f"a call of {tool}")
    elif {"destroy", "bundle"} <= name:
        look.found("destroys_bundle", f"a call of {tool}")
    elif {"permanent", "delete"} <= name and name & {"cluster", "clusters"}:
        look.found("deletes_cluster", f"a call of {tool}")
    elif {"workspace", "delete"} <= name and recursive:
        look.found("deletes_workspace", f"a call of {tool}")
    elif name & {"delete", "remove", "rm", "rmtree"}:
        for path in paths:
            why = ruinous(path)
            if why:
                look.found("destructive_delete", f"{tool} of {path}: {why}")
