"""The tool calls that a reply holds, as they stand there: nothing is checked against a tool here.

The spellings of the agent are ``<tool_call>{…}</tool_call>`` and DeepSeek's markers at the end of the reply, and a reply that is
JSON and nothing else: one object, a list, several objects, or a message with ``tool_calls``. ``public=True`` (somebody else's
tools) also reads what other models write: Python calls (``[f(a=1), g.h(b="x")]``), a reply that is one fenced block,
``{"name", "parameters"}``, ``{"type": "tool_use", "name", "input"}``, ``{"f": {…}}``, ``[TOOL_CALLS]``, ``<|python_tag|>``.

What is not covered: XML (``<invoke name=…>``), ``<function=f>``, calls inside prose without markers, positional arguments.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from aj.transcript import CHATML_CALL, DEEPSEEK_CALL
from aj.validators.calls.errors import Unreadable
from aj.validators.calls.python_calls import DEEPEST, Call, python_calls
from aj.validators.fenced import FENCE
from aj.validators.json_values import depth_of

SEPARATOR = "<｜tool▁sep｜>"
BLANKS = re.compile(r"(?:\s|<｜tool▁calls▁(?:begin|end)｜>|<\|im_end\|>|<｜end▁of▁sentence｜>|<\|eot_id\|>|<\|eom_id\|>|</s>)*")
PREFIXES = ("[TOOL_CALLS]", "<|python_tag|>", "<functioncall>")
NO_TOOL = (None, "", "None", "none", "null")


def read_calls(text: str, *, public: bool = False, known: Collection[str] = ()) -> list[Call]:
    """The raw calls of a reply, at least one. ``known``: names of tools, which tell ``{"f": {…}}`` from another object.

    Raises Unreadable: no_call, bad_json, duplicate_key, unclosed_call, text_around_call, code_block, unfinished_thought,
    plan_not_call, tool_none, bad_call, bad_python, positional_argument, not_a_literal, too_deep.
    """
    text = _answer(text.strip())
    if not _starts_json(text):
        for opens, closes in (CHATML_CALL, DEEPSEEK_CALL):
            if opens in text:
                return _calls(_marked(text, opens, closes, public), public, known)
    if public:
        for prefix in PREFIXES:
            text = text.removeprefix(prefix).lstrip()
        if (fence := FENCE.fullmatch(text)) and "```" not in fence[1]:
            text = fence[1].strip()
        elif text.startswith("`") and text.endswith("`") and "`" not in text.strip("`"):
            text = text.strip("`").strip()
    if _starts_json(text):
        try:
            return _calls(_values(text), public, known)
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
            yield {"name": name.strip(), "arguments": _one(fence[1] if fence else arguments)}
        else:  # the JSON itself tells where it ends: a closing marker may stand in one of its strings
            value, stopped = _decode(text, start + len(inner) - len(inner.lstrip()))
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


def _values(text: str) -> Iterator[Any]:
    at = 0
    while at < len(text):
        if not text.startswith(("{", "["), at):
            raise Unreadable("text_around_call", f"text beside the call: {text[at : at + 60]!r}")
        value, at = _decode(text, at)
        yield value
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    match = BLANKS.match(text, at)
    return match.end() if match else at


def _one(text: str) -> Any:
    value, end = _decode(text.strip(), 0)
    if text.strip()[end:]:
        raise Unreadable("bad_json", f"text after the arguments: {text.strip()[end : end + 60]!r}")
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unreadable("duplicate_key", f"an object says {next(n for n in names if names.count(n) > 1)!r} twice")
    return value


def _no_constant(name: str) -> Any:
    raise Unreadable("bad_json", f"{name} is not JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_no_constant)


def _decode(text: str, at: int) -> tuple[Any, int]:
    try:
        value, end = DECODER.raw_decode(text, at)
    except RecursionError:
        raise Unreadable("too_deep", f"nested more than {DEEPEST} levels deep") from None
    except ValueError as error:  # also an integer of thousands of digits
        raise Unreadable("bad_json", f"not JSON: {error}") from None
    if depth_of(value, DEEPEST) > DEEPEST:
        raise Unreadable("too_deep", f"nested more than {DEEPEST} levels deep")
    return value, end


def _calls(values: Iterator[Any], public: bool, known: Collection[str]) -> list[Call]:
    calls = [call for value in values for call in _of(value, public, known)]
    if not calls:
        raise Unreadable("no_call", "the reply calls no tool")
    return calls


def _of(value: Any, public: bool, known: Collection[str], within: bool = False) -> Iterator[Call]:
    if isinstance(value, list) and not within:
        for item in value:
            yield from _of(item, public, known, within=True)
        return
    if not isinstance(value, dict):
        raise Unreadable("bad_call", f"a {type(value).__name__} instead of a call: {value!r}"[:160])
    named = [value[key] for key in ("name", "tool", "function") if key in value]
    if not named and isinstance(value.get("tool_calls"), list):
        for item in value["tool_calls"]:
            yield from _of(item, public, known, within=True)
    elif not named and isinstance(value.get("function_call"), dict):
        yield from _of(value["function_call"], public, known, within=True)
    elif not named and "plan" in value and "plan" not in known:
        raise Unreadable("plan_not_call", "the reply is a plan, not a call")
    elif public and not named and len(value) == 1 and next(iter(value)) in known:
        yield {"name": next(iter(value)), "arguments": next(iter(value.values()))}
    elif public and value.get("type") == "text" and isinstance(value.get("text"), str) and not named:
        return
    elif not named:
        raise Unreadable("bad_call", f"an object without the name of a tool (its keys: {', '.join(list(value)[:8])})")
    elif all(isinstance(name, str | None) and name in NO_TOOL for name in named):
        raise Unreadable("tool_none", f"the tool is {named[0]!r}")
    else:
        yield _with_arguments(value) if public else value


def _with_arguments(call: Call) -> Call:
    function = call.get("function")
    inner = function if isinstance(function, dict) else call
    if not inner.keys() & {"arguments", "params"}:
        for key in ("parameters", "input", "args", "kwargs"):
            if key in inner:
                return {"name": inner.get("name", inner.get("tool", inner.get("function"))), "arguments": inner[key]}
    return call
