"""Whether the tool calls of a reply keep the contract of their tools: known names, arguments that fit the JSON Schema.

``tool_contract_valid(text, context)`` reads the calls of the reply (read.py says in which spellings), normalises each with
``aj.chat``, and checks its arguments (schema.py). The context may hold

- ``tools``: OpenAI tools, bare functions, Anthropic's ``input_schema`` or MCP's ``inputSchema``. Without it, the agent's six tools
  and only the agent's own spellings count.
- ``expected``: the calls that should be made, in any order: calls, or BFCL's ground truth ``{"f": {"argument": [accepted, values]}}``,
  where ``""`` among the values makes the argument optional. ``[]``: nothing should be called.

What is not covered: whether a call is a good idea or safe (policy_safety), order between calls, ``format``.
"""

import re
from collections.abc import Mapping
from typing import Any

from aj.chat import RowError, normalise
from aj.tools import agent_tools
from aj.validators.calls.cost import Steps
from aj.validators.calls.errors import Unreadable
from aj.validators.calls.python_calls import DEEPEST
from aj.validators.calls.read import read_calls
from aj.validators.calls.schema import argument_reasons
from aj.validators.json_values import depth_of
from aj.validators.score import Reason, Score

MOST_CALLS = 64
OTHER_CALL = 0.25
"""Value of calls that keep the contract where others are expected."""
OTHER_ARGUMENTS = 0.5
"""Value of calls of the expected tools with other arguments."""
BUCKETS = {"unknown_tool": "unknown_tool", "bad_json": "bad_arguments", "bad_content": "bad_text", "bad_tool_call": "bad_call"}
LOOSE = re.compile(r"[ ,./\-_*^]")
Call = tuple[str, dict[str, Any]]


def tool_contract_valid(text: str, context: Mapping[str, Any]) -> Score:
    """1 where every call of the reply names a known tool and its arguments fit (and are the expected ones), else 0; between them for calls
    that keep the contract and are not the expected ones (OTHER_CALL, OTHER_ARGUMENTS): a policy that is paid for the one right call
    alone learns nothing from groups in which nobody makes it, not even to write calls that can be read.

    Codes: those of ``read_calls`` and of ``argument_reasons``; unknown_tool, bad_call, bad_arguments, bad_text, too_many_calls;
    bad_tools where the context's tools cannot be read; wrong_count, wrong_tool, wrong_argument against ``expected``.
    """
    tools = context.get("tools")
    public = tools is not None
    if tools is None:
        tools = agent_tools()
    if not isinstance(tools, list | tuple) or not all(map(_is_tool, tools)):
        return Score.of([Reason("bad_tools", "the tools of the context are not a list of named functions")])
    schemas = dict(map(_contract, tools))
    expected = context.get("expected")
    try:
        raw = read_calls(text, public=public, schemas=schemas)
    except Unreadable as error:
        if expected == [] and error.code in ("no_call", "code_block"):
            return Score.of([])
        return Score.of([Reason(error.code, str(error))])
    if len(raw) > MOST_CALLS:
        return Score.of([Reason("too_many_calls", f"{len(raw)} calls, {MOST_CALLS} are read")])
    reasons: list[Reason] = []
    calls: list[Call] = []
    steps = Steps()
    for call in raw:
        try:
            name, arguments = _normal(call, schemas)
        except RowError as error:
            code = "bad_arguments" if "arguments" in str(error) else BUCKETS.get(error.bucket, "bad_call")
            reasons.append(
                Reason(
                    code, f"{error} (known: {', '.join(sorted(schemas)[:12])})" if code == "unknown_tool" else str(error)[:200]
                )
            )
            continue
        if depth_of(arguments, DEEPEST) > DEEPEST:
            reasons.append(Reason("too_deep", f"{name}: arguments nested more than {DEEPEST} levels deep"))
            continue
        calls.append((name, arguments))
        reasons += argument_reasons(name, arguments, schemas[name], steps)
    if reasons or expected is None:
        return Score.of(reasons)
    different = _differences(calls, expected, schemas)
    return Score.of(different, OTHER_ARGUMENTS if [r.code for r in different] == ["wrong_argument"] else OTHER_CALL)


def _is_tool(tool: Any) -> bool:
    function = tool.get("function", tool) if isinstance(tool, Mapping) else None
    return isinstance(function, Mapping) and isinstance(function.get("name"), str)


def _contract(tool: Mapping[str, Any]) -> tuple[str, Any]:
    function = tool.get("function", tool)
    keys = ("parameters", "input_schema", "inputSchema", "arguments")
    return function["name"], next((function[key] for key in keys if key in function), None)


def _normal(call: Any, schemas: Mapping[str, Any]) -> Call:
    """A call in any spelling of aj.chat as name and arguments. Raises RowError."""
    if not schemas:  # aj.chat would take the agent's own tools for none
        raise RowError("unknown_tool", "there are no tools to call")
    row = {"messages": [{"role": "assistant", "tool_calls": [call]}], "tools": [{"name": name} for name in schemas]}
    function = normalise(row).messages[0]["tool_calls"][0]["function"]
    return function["name"], function["arguments"]


def _differences(calls: list[Call], expected: Any, schemas: Mapping[str, Any]) -> list[Reason]:
    wanted = [_wanted(item, schemas) for item in (expected if isinstance(expected, list | tuple) else [expected])]
    if len(calls) != len(wanted):
        return [Reason("wrong_count", f"{len(calls)} calls, {len(wanted)} are expected")]
    left = list(calls)
    for name, arguments, loose in wanted:
        if not any(n == name for n, _ in left):
            return [Reason("wrong_tool", f"no call of {name!r} among {', '.join(n for n, _ in left)}")]
        found = next((c for c in left if c[0] == name and _fits(c[1], arguments, loose)), None)
        if found is None:
            return [Reason("wrong_argument", f"{name}: {next(a for n, a in left if n == name)!r} instead of {arguments!r}"[:300])]
        left.remove(found)
    return []


def _wanted(item: Any, schemas: Mapping[str, Any]) -> tuple[str, dict[str, Any], bool]:
    if isinstance(item, Mapping) and len(item) == 1 and not item.keys() & {"name", "tool", "function"}:
        name, arguments = next(iter(item.items()))
        if isinstance(arguments, Mapping) and all(isinstance(v, list) for v in arguments.values()):
            return name, dict(arguments), True
    names = {**schemas, **{str(n): None for n in _names(item)}}  # an expected call of an unknown tool is a wrong_tool of the text
    name, arguments = _normal(item, names)
    return name, dict(arguments), False


def _names(item: Any) -> list[Any]:
    function = item.get("function", item) if isinstance(item, Mapping) else None
    if isinstance(function, str):
        return [function]
    return [function[k] for k in ("name", "tool") if k in function] if isinstance(function, Mapping) else []


def _fits(arguments: Mapping[str, Any], wanted: Mapping[str, Any], loose: bool) -> bool:
    if not loose:
        return _same(arguments, wanted)
    if arguments.keys() - wanted.keys():
        return False
    return all(_accepted(arguments[k], accepted) if k in arguments else "" in accepted for k, accepted in wanted.items())


def _accepted(value: Any, accepted: list[Any]) -> bool:
    """BFCL's comparison: texts without blanks and punctuation, in lower case; objects by a list of accepted values a key."""
    for one in accepted:
        if (
            isinstance(one, dict)
            and isinstance(value, dict)
            and all(isinstance(v, list) for v in one.values())
            and _fits(value, one, True)
        ):
            return True
        if (
            isinstance(one, list)
            and isinstance(value, list)
            and len(one) == len(value)
            and all(_accepted(v, [o]) for v, o in zip(value, one, strict=True))
        ):
            return True
        if isinstance(one, str) and isinstance(value, str) and _loose(one) == _loose(value):
            return True
        if _same(value, one):
            return True
    return False


def _loose(text: str) -> str:
    return LOOSE.sub("", text).lower().replace("'", '"')


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is 1.0, and neither is true."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
