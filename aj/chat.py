"""The one message schema: rows are read and normalised into it.

A conversation is ``{"messages": [...], "tools": [...]}`` with roles system, user, assistant and tool; tool calls are
kept in the OpenAI form with their arguments as an object. Other spellings (``{"name", "arguments"}``,
``{"tool", "params"}``, arguments as JSON text, ShareGPT's ``{"from", "value"}`` under ``conversations``) are read and
normalised. A row that cannot be read raises RowError, which names the bucket it is counted in; nothing is dropped
without one. aj/chat_template.py makes text and tokens of it.

What is not covered: content in parts (images), ids of tool calls, other columns of a row or a message.
"""

import hashlib
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from aj.exact_json import dumps, loads
from aj.tools import agent_tool_names, names

ROLES = ("system", "user", "assistant", "tool")
SHAREGPT = {"human": "user", "gpt": "assistant"}
CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\r"))


class RowError(Exception):
    """A row that cannot be used; ``bucket`` is the reason it is counted under."""

    def __init__(self, bucket: str, detail: str) -> None:
        super().__init__(f"{bucket}: {detail}")
        self.bucket = bucket


@dataclass(frozen=True)
class Conversation:
    """A normalised conversation. ``messages`` and ``tools`` are plain JSON values; ``id`` hashes their content."""

    messages: tuple[dict[str, Any], ...]
    tools: tuple[dict[str, Any], ...] = ()

    @cached_property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical content."""
        return hashlib.sha256(b'{"messages":%b,"tools":%b}' % self.stored).hexdigest()[:16]

    @cached_property
    def stored(self) -> tuple[bytes, bytes]:
        """Messages and tools as the canonical JSON text that stands in Parquet."""
        return dumps(self.messages), dumps(self.tools)

    @classmethod
    def of(cls, row: Mapping[str, str]) -> "Conversation":
        """A row as it is stored: ``messages`` and ``tools`` as JSON text."""
        return cls(tuple(loads(row["messages"])), tuple(loads(row["tools"])))

    @cached_property
    def text(self) -> bytes:
        """All that is said, in UTF-8, a line each: content, and of every call its name and the values of its arguments.

        This is what near-duplicate search and decontamination look at. A number is written as in JSON.
        """
        calls = any("tool_calls" in m for m in self.messages)
        return "\n".join(_said(self.messages) if calls else [m["content"] for m in self.messages]).encode()


def parse_line(line: bytes) -> dict[str, Any]:
    """One line of a JSONL file as an object. Raises RowError (bom, bad_encoding, bad_json, not_an_object)."""
    if line.startswith(b"\xef\xbb\xbf"):
        raise RowError("bom", "the line starts with a byte order mark")
    try:
        row = loads(line)
    except UnicodeDecodeError as error:
        raise RowError("bad_encoding", f"not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of thousands of digits
        raise RowError("bad_json", str(error)) from None
    if not isinstance(row, dict):
        raise RowError("not_an_object", f"a {type(row).__name__}")
    return row


def normalise(row: Mapping[str, Any]) -> Conversation:
    """Bring a row into the one schema.

    Raises RowError with bucket no_messages, bad_tools, bad_json, unknown_role, bad_content, control_characters,
    bad_tool_call, unknown_tool, empty_message, orphan_tool_message or no_assistant_turn.
    """
    raw = row.get("messages")
    raw, tools = _maybe_json(row.get("conversations") if raw is None else raw), _maybe_json(row.get("tools")) or []
    if not isinstance(raw, list) or not raw:
        raise RowError("no_messages", "the row has no list of messages")
    known = _tool_names(tools)
    messages = [_message(m, known) for m in raw]
    roles = [m["role"] for m in messages]
    if "assistant" not in roles:
        raise RowError("no_assistant_turn", "nobody answers")
    if "tool" in roles and any(r == "tool" and b not in ("assistant", "tool") for b, r in pairwise(["", *roles])):
        raise RowError("orphan_tool_message", "a tool speaks that nobody called")
    calls = any("tool_calls" in m for m in messages)
    try:
        stored = dumps(messages, agreed=not calls), dumps(tools)
    except (ValueError, TypeError) as error:  # no canonical form: half a surrogate pair, 1e999
        raise RowError("bad_content", str(error)) from None
    except RecursionError as error:
        raise RowError("bad_json", str(error)) from None
    # Keys in the order in which they will be stored: the text that is measured now is the text that is learned later.
    if calls:
        messages = loads(stored[0])
    conversation = Conversation(tuple(messages), _tools(stored[1]))
    vars(conversation)["stored"] = stored  # what cached_property would compute again
    if len(conversation.text.translate(None, CONTROLS)) < len(conversation.text):  # a regex takes four times as long
        for content in (m["content"] for m in messages):
            if any(ord(c) < 0x80 and ord(c) in CONTROLS for c in content):
                raise RowError("control_characters", repr(content)[:80])
    return conversation


def _message(raw: Any, known: Set[str]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise RowError("unknown_role", repr(raw)[:80])
    role, content, calls = raw.get("role"), raw.get("content"), raw.get("tool_calls")
    if "role" not in raw and "from" in raw:
        role, content = SHAREGPT.get(str(raw["from"]), raw["from"]), raw.get("value")
    if role not in ROLES:
        raise RowError("unknown_role", repr(role)[:80])
    if content is None:
        content = ""  # never the text "None"
    if not isinstance(content, str):
        raise RowError("bad_content", f"content is a {type(content).__name__}")
    message: dict[str, Any] = {"role": role, "content": content}
    if calls is not None and (calls := _maybe_json(calls) or []):
        if not isinstance(calls, list):
            raise RowError("bad_tool_call", "tool_calls is not a list")
        if role != "assistant":
            raise RowError("bad_tool_call", f"a {role} message calls a tool")
        message["tool_calls"] = [_call(c, known) for c in calls]
    elif role != "tool" and (not content or content.isspace()):
        raise RowError("empty_message", f"an empty {role} message")
    return message


def _call(raw: Any, known: Set[str]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise RowError("bad_tool_call", repr(raw)[:80])
    function = raw.get("function", raw)
    if isinstance(function, str):  # {"function": "name", "arguments": …}
        function = {"name": function, "arguments": raw.get("arguments")}
    name = function.get("name", function.get("tool")) if isinstance(function, dict) else None
    if not isinstance(name, str):
        raise RowError("bad_tool_call", "a call without a name")
    if name not in known:
        raise RowError("unknown_tool", repr(name))
    arguments = _maybe_json(function.get("arguments", function.get("params")))
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise RowError("bad_tool_call", f"the arguments of {name} are not an object")
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _said(messages: tuple[dict[str, Any], ...]) -> Iterator[str]:
    for message in messages:
        yield message["content"]
        for call in message.get("tool_calls", ()):
            yield call["function"]["name"]
            todo = [call["function"]["arguments"]]
            while todo:
                value = todo.pop()
                if isinstance(value, dict | list):
                    todo.extend(reversed(value.values() if isinstance(value, dict) else value))
                else:
                    yield value if isinstance(value, str) else dumps(value).decode()


def _tool_names(tools: Any) -> Set[str]:
    if not tools:
        return agent_tool_names()
    if not isinstance(tools, list) or not all(map(_is_tool, tools)):
        raise RowError("bad_tools", "tools is not a list of named functions")
    return names(tools)


def _is_tool(raw: Any) -> bool:
    function = raw.get("function", raw) if isinstance(raw, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)


@lru_cache(maxsize=256)
def _tools(stored: bytes) -> tuple[dict[str, Any], ...]:  # the rows of a source mostly have the same ones
    return tuple(loads(stored))


def _maybe_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return loads(value)
    except (ValueError, RecursionError) as error:
        raise RowError("bad_json", str(error)) from None
