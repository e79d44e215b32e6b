"""The one message schema, end to end: read, normalise, render, mark what is learned.

A conversation is ``{"messages": [...], "tools": [...]}`` with roles system, user, assistant and tool; tool calls are
kept in the OpenAI form with their arguments as an object. Other spellings (``{"name", "arguments"}``,
``{"tool", "params"}``, arguments as JSON text) are read and normalised. A row that cannot be read raises RowError,
which names the bucket it is counted in; nothing is dropped without one.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from aj.hashing import canonical
from aj.tools import agent_tools, names

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ROLES = ("system", "user", "assistant", "tool")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


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

    @property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical content."""
        content = canonical({"messages": self.messages, "tools": self.tools})
        return hashlib.sha256(content.encode()).hexdigest()[:16]


def parse_line(line: bytes) -> dict[str, Any]:
    """One line of a JSONL file as an object. Raises RowError (bom, bad_encoding, bad_json, not_an_object)."""
    if line.startswith(b"\xef\xbb\xbf"):
        raise RowError("bom", "the line starts with a byte order mark")
    try:
        row = json.loads(line.decode("utf-8"), parse_constant=_no_constant)
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
    raw, tools = _maybe_json(row.get("messages")), _maybe_json(row.get("tools")) or []
    if not isinstance(raw, list) or not raw:
        raise RowError("no_messages", "the row has no list of messages")
    if not isinstance(tools, list) or not all(map(_is_tool, tools)):
        raise RowError("bad_tools", "tools is not a list of named functions")
    known = names(tools) if tools else names(agent_tools())
    messages = [_message(m, known) for m in raw]
    if not any(m["role"] == "assistant" for m in messages):
        raise RowError("no_assistant_turn", "nobody answers")
    roles = ["", *(m["role"] for m in messages)]
    if any(role == "tool" and before not in ("assistant", "tool") for before, role in pairwise(roles)):
        raise RowError("orphan_tool_message", "a tool speaks that nobody called")
    conversation = Conversation(tuple(messages), tuple(tools))
    try:
        conversation.id  # noqa: B018  # content that has no canonical form (half a surrogate pair, 1e999) cannot be used
    except (ValueError, TypeError) as error:
        raise RowError("bad_content", str(error)) from None
    return conversation


def render(tokenizer: "PreTrainedTokenizerBase", conversation: Conversation, *, generate: bool = False) -> str:
    """The text that the tokenizer's chat template makes of a conversation."""
    text = tokenizer.apply_chat_template(
        list(conversation.messages),
        tools=list(conversation.tools) or None,
        tokenize=False,
        add_generation_prompt=generate,
    )
    assert isinstance(text, str)
    return text


@dataclass(frozen=True)
class Tokens:
    """Token ids of a rendered conversation and, for each, whether it is learned (1: written by the assistant)."""

    ids: list[int]
    learned: list[int]


def tokenise(tokenizer: "PreTrainedTokenizerBase", conversation: Conversation) -> Tokens:
    """Render and tokenise; the template's ``{% generation %}`` blocks mark what is learned (end of turn included).

    Raises RowError (template_refused) where the template refuses the conversation.
    """
    from jinja2 import TemplateError

    try:
        encoded = tokenizer.apply_chat_template(
            list(conversation.messages),
            tools=list(conversation.tools) or None,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
    except TemplateError as error:  # many templates refuse what they cannot write: two user turns in a row, say
        raise RowError("template_refused", str(error)) from None
    return Tokens(list(encoded["input_ids"]), [int(m) for m in encoded["assistant_masks"]])


def turn_frame(tokenizer: "PreTrainedTokenizerBase") -> tuple[str, str]:
    """What the template puts before and after a tool message between two assistant turns.

    ``before`` starts after the assistant's end-of-turn token, ``after`` ends where the assistant writes next, so a
    rollout appends ``before + result + after`` and never encodes the model's own tokens again.
    """
    turns = ({"role": "user", "content": "u"}, {"role": "assistant", "content": "\u241f"}, {"role": "tool", "content": "\u241e"})
    text = render(tokenizer, Conversation(turns), generate=True)
    between = text.partition("\u241f")[2]
    before, _, after = between.partition("\u241e")
    return before.removeprefix(str(tokenizer.eos_token)), after


def _message(raw: Any, known: set[str]) -> dict[str, Any]:
    if not isinstance(raw, dict) or raw.get("role") not in ROLES:
        raise RowError("unknown_role", repr(raw.get("role") if isinstance(raw, dict) else raw)[:80])
    content = raw.get("content")
    if content is None:
        content = ""  # never the text "None"
    if not isinstance(content, str):
        raise RowError("bad_content", f"content is a {type(content).__name__}")
    if CONTROL.search(content):
        raise RowError("control_characters", repr(content)[:80])
    message: dict[str, Any] = {"role": raw["role"], "content": content}
    calls = _maybe_json(raw.get("tool_calls")) or []
    if not isinstance(calls, list):
        raise RowError("bad_tool_call", "tool_calls is not a list")
    if calls:
        if raw["role"] != "assistant":
            raise RowError("bad_tool_call", f"a {raw['role']} message calls a tool")
        message["tool_calls"] = [_call(c, known) for c in calls]
    if not content.strip() and not calls and raw["role"] != "tool":
        raise RowError("empty_message", f"an empty {raw['role']} message")
    return message


def _call(raw: Any, known: set[str]) -> dict[str, Any]:
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


def _is_tool(raw: Any) -> bool:
    function = raw.get("function", raw) if isinstance(raw, dict) else None
    return isinstance(function, dict) and isinstance(function.get("name"), str)


def _maybe_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RowError("bad_json", str(error)) from None


def _no_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)
