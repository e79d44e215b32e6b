"""The tool calls that a reply holds, as they stand there: nothing is checked against a tool here.

The spellings of the agent are ``<tool_call>{…}</tool_call>`` and DeepSeek's markers at the end of the reply, and a reply that is
JSON and nothing else: one object, a list, several objects, or a message with ``tool_calls``. ``public=True`` (somebody else's
tools) also reads what other models write: Python calls (``[f(a=1), g.h(b="x")]``), a reply that is one fenced block,
``{"name", "parameters"}``, ``{"type": "tool_use", "name", "input"}``, ``{"f": {…}}``, ``[TOOL_CALLS]``, ``<|python_tag|>``, MCP's and Gemini's wrappers, tags and lines (markup.py).

What is not covered: calls inside prose without markers, positional arguments.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aj.transcript import CHATML_CALL, DEEPSEEK_CALL
from aj.validators.calls.decode import decode, decode_all
from aj.validators.calls.errors import Unreadable
from aj.validators.calls.markup import markup_calls
from aj.validators.calls.python_calls import Call, python_calls, python_value
from aj.validators.fenced import FENCE

SEPARATOR = "<｜tool▁sep｜>"
BLANKS = re.compile(
    r"(?:\s|<\|/tool_call\|>|<\|endoftext\|>|<｜tool▁calls▁(?:begin|end)｜>|<\|im_end\|>|<｜end▁of▁sentence｜>|<\|eot_id\|>|<\|eom_id\|>|</s>)*"
)
PREFIXES = ("[TOOL_CALLS]", "<|python_tag|>", "<functioncall>", "<|tool_call|>", "functools", "Action:")
NAMES = ("name", "tool", "function")
NO_TOOL = (None, "", "None", "none", "null")


def read_calls(text: str, *, public: bool = False, schemas: Mapping[str, Any] | None = None) -> list[Call]:
    """The raw calls of a reply, at least one. ``schemas``: the JSON Schemas of the tools by name, which tell
    ``{"f": {…}}`` from another object and a number in a tag from a text.

    Raises Unreadable: no_call, bad_json, duplicate_key, unclosed_call, text_around_call, code_block, unfinished_thought,
    plan_not_call, tool_none, bad_call, bad_python, positional_argument, not_a_literal, too_deep.
    """
    text, schemas = _answer(text.strip()), schemas or {}
    if public and not _starts_json(text) and not re.search(rf"(?:{CHATML_CALL[0]}|{DEEPSEEK_CALL[0]})(?!\s*<function=)", text):
        plain = text.removeprefix("<functioncall>").removesuffix("<|endoftext|>").strip()
        if found := markup_calls(plain, schemas):
            return found
    if not _starts_json(text):
        for opens, closes in (CHATML_CALL, DEEPSEEK_CALL):
            if opens in text:
                return _calls(_marked(text, opens, closes, public), public, schemas)
    if public:
        for prefix in PREFIXES:
            text = text.removeprefix(prefix).lstrip()
        if (fence := FENCE.fullmatch(text)) and "```" not in fence[1]:
            text = fence[1].strip()
        elif text.startswith("`") and text.endswith("`") and "`" not in text.strip("`"):
            text = text.strip("`").strip()
    if _starts_json(text):
        try:
            return _calls(_values(text), public, schemas)
        except Unreadable as error:
            if not (public and error.code == "bad_json" and text.startswith("[")):
                raise
            not_json = error
        try:
            return python_calls(text)
        except Unreadable as error:
            raise (not_json if error.code == "bad_python" else error) from None
    if "```" in text:
        raise Unreadable("code_block", "the reply shows a code block instead of calling a tool")
    if public and re.match(r"[\w.]+\(", text):
        return python_calls(text)
    if re.search(r'\{\s*"(?:name|tool|function|tool_calls)"\s*:', text):
        raise Unreadable("text_around_call", "a call stands in the middle of prose: the reply must be the call, or mark it")
    raise Unreadable("no_call", "the reply calls no tool")


def _answer(text: str) -> str:
    """Without the thought that reasoning models write first (their template may have opened it in the prompt)."""
    if _starts_json(text) or text.startswith((CHATML_CALL[0], DEEPSEEK_CALL[0])):
        return text
    thought, closed, answer = text.partition("</think>")
    if closed:
        return answer.strip()
    if thought.startswith("<think>"):
        raise Unreadable("unfinished_thought", "the thought is never closed, so nothing is called")
    return text


def _starts_json(text: str) -> bool:
    return text.startswith(("{", "["))


def _marked(text: str, opens: str, closes: str, public: bool) -> Iterator[Any]:
    at = text.index(opens)
    while at < len(text):
        start = at + len(opens)
        end = text.find(closes, start)
        inner = text[start : end if end >= 0 else len(text)]
        if public and SEPARATOR in inner:  # DeepSeek's own: function<sep>name, then the arguments in a fence
            name, _, arguments = inner.partition(SEPARATOR)[2].partition("\n")
            fence = FENCE.search(arguments)
            yield {"name": name.strip(), "arguments": decode_all(fence[1] if fence else arguments)}
        else:  # the JSON itself tells where it ends: a closing marker may stand in one of its strings
            value, stopped = _value(text, start + len(inner) - len(inner.lstrip()), start + len(inner), public)
            end = stopped + len(text[stopped:]) - len(text[stopped:].lstrip())
            if not text.startswith(closes, end):
                raise Unreadable("unclosed_call", f"no {closes} after the call")
            yield value
        if end < 0:
            raise Unreadable("unclosed_call", f"no {closes} after the call")
        at = _skip(text, end + len(closes))
        if at < len(text) and not text.startswith(opens, at):
            if not public:
                raise Unreadable("text_around_call", f"text after the call: {text[at : at + 60]!r}")
            at = text.find(opens, at) % (len(text) + 1)  # -1, for none: the end


def _value(text: str, at: int, end: int, public: bool) -> tuple[Any, int]:
    """JSON, or where it is none the Python that Hermes' rows hold: ``{'name': 'f', 'arguments': {}}``."""
    try:
        return decode(text, at)
    except Unreadable as error:
        if not public or error.code != "bad_json" or not text.startswith("{'", at):
            raise
        return python_value(text[at:end]), end


def _values(text: str) -> Iterator[Any]:
    at = 0
    while at < len(text):
        if not text.startswith(("{", "["), at):
            raise Unreadable("text_around_call", f"text beside the call: {text[at : at + 60]!r}")
        value, at = decode(text, at)
        yield value
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    match = BLANKS.match(text, at)
    return match.end() if match else at


def _calls(values: Iterator[Any], public: bool, schemas: Mapping[str, Any]) -> list[Call]:
    calls = [call for value in values for call in _of(value, public, schemas)]
    if not calls:
        raise Unreadable("no_call", "the reply calls no tool")
    return calls


def _of(value: Any, public: bool, schemas: Mapping[str, Any], within: bool = False) -> Iterator[Call]:
    if isinstance(value, list) and not within:
        for item in value:
            yield from _of(item, public, schemas, within=True)
        return
    if not isinstance(value, dict):
        raise Unreadable("bad_call", f"a {type(value).__name__} instead of a call: {value!r}"[:160])
    named = [value[key] for key in (*NAMES, *(("tool_name",) if public else ())) if key in value]
    if not named and isinstance(value.get("tool_calls"), list):
        for item in value["tool_calls"]:
            yield from _of(item, public, schemas, within=True)
    elif not named and (
        inner := next((value[key] for key in _wrappers(value, public) if isinstance(value.get(key), dict)), None)
    ):
        yield from _of(inner, public, schemas, within=True)
    elif not named and "plan" in value and "plan" not in schemas:
        raise Unreadable("plan_not_call", "the reply is a plan, not a call")
    elif public and not named and len(value) == 1 and next(iter(value)) in schemas:
        yield {"name": next(iter(value)), "arguments": next(iter(value.values()))}
    elif public and value.get("type") == "text" and isinstance(value.get("text"), str) and not named:
        return
    elif not named:
        raise Unreadable("bad_call", f"an object without the name of a tool (its keys: {', '.join(list(value)[:8])})")
    elif all(isinstance(name, str | None) and name in NO_TOOL for name in named):
        raise Unreadable("tool_none", f"the tool is {named[0]!r}")
    else:
        yield _with_arguments(value) if public else value


def _wrappers(value: Call, public: bool) -> tuple[str, ...]:
    """Keys below which the call itself may stand: OpenAI's, Gemini's, MCP's."""
    if not public:
        return ("function_call",)
    return ("function_call", "functionCall", *(("params",) if value.get("method") == "tools/call" else ()))


def _with_arguments(call: Call) -> Call:
    function = call.get("function")
    inner = function if isinstance(function, dict) else call
    if not inner.keys() & {"arguments", "params"}:
        for key in ("parameters", "input", "args", "kwargs"):
            if key in inner:
                return {
                    "name": next((inner[key] for key in (*NAMES, "tool_name") if key in inner), None),
                    "arguments": inner[key],
                }
    return call
