"""A rendered conversation, read back into its messages.

``data/templates/chatml.jinja`` and ``data/templates/deepseek-qwen.jinja`` can be read. Which of them a tokenizer has is found by
trying: a reader is used where a conversation with every kind of turn comes back from it unchanged.

What is not covered: other templates, such as a base's own.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from aj.errors import DataError
from aj.exact_json import loads

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = dict[str, Any]
Reader = Callable[[str], list[Message]]

CHATML_ROLES = ("system", "user", "assistant", "tool")
CHATML_CALL = ("<tool_call>", "</tool_call>")
CHATML_MARKERS = ("<|im_start|>", "<|im_end|>", *CHATML_CALL)
DEEPSEEK_CALL = ("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>")
DEEPSEEK_MARKERS = ("<｜User｜>", "<｜Assistant｜>", "<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>", *DEEPSEEK_CALL)
DEEPSEEK_TURNS = re.compile(f"({'|'.join(DEEPSEEK_MARKERS[:3])})")
DEEPSEEK_TOOLS = "\n\nTools, as JSON Schema:\n"
DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Template:
    """What a chat template can do."""

    read: Reader | None
    """Rendered text -> messages; None where nobody here can read it."""
    markers: tuple[str, ...]
    """What the reader takes for structure."""
    writes_calls: bool
    """Whether tool calls reach the text at all."""


def read_back(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[Message]:
    """The messages of a rendered conversation (without generation prompt), in the form that ``normalise`` gives them.

    Raises DataError where the template cannot be read or the text is not a whole conversation. Of two conversations with
    the same text (content that looks like a call, say) one is returned: compare, as ``aj.lossless.loss`` does.
    """
    read = template_of(tokenizer).read
    if read is None:
        raise DataError("the tokenizer's chat template cannot be read back: use one of data/templates in base.chat_template.")
    return read(text)


def template_of(tokenizer: "PreTrainedTokenizerBase") -> Template:
    """What the tokenizer's chat template can do, by rendering a probe once a template."""
    return _template(tokenizer.get_chat_template(), tokenizer.bos_token or "", tokenizer.eos_token or "")


def _call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


TOOLS = [{"type": "function", "function": {"name": "probe", "parameters": {"type": "object", "properties": {}}}}]
CALLING: list[Message] = [
    {"role": "user", "content": " a "},
    {"role": "assistant", "content": "b", "tool_calls": [_call("probe", text="c\n\u241f"), _call("probe")]},
]
PROBE: list[Message] = [
    {"role": "system", "content": "d\n\ne"},
    *CALLING,
    {"role": "tool", "content": "f"},
    {"role": "tool", "content": ""},
    {"role": "assistant", "content": "", "tool_calls": [_call("probe", list=[1, None, 1.5, {"g": True}])]},
    {"role": "tool", "content": "h"},
    {"role": "assistant", "content": "\ni"},
]


@lru_cache(maxsize=8)
def _template(source: str, bos: str, eos: str) -> Template:
    def render(messages: list[Message], tools: list[dict[str, Any]] | None) -> str | None:
        from jinja2 import TemplateError
        from transformers.utils.chat_template_utils import render_jinja_template

        try:
            texts, _ = render_jinja_template([messages], tools=tools, chat_template=source, bos_token=bos, eos_token=eos)
        except (TemplateError, TypeError):  # it refuses what it cannot write, or expects arguments as text
            return None
        return str(texts[0])

    with_tools, without, calls = render(PROBE, TOOLS), render(PROBE, None), render(CALLING, TOOLS)
    readers: dict[Reader, tuple[str, ...]] = {_chatml: CHATML_MARKERS, partial(_deepseek, bos=bos, eos=eos): DEEPSEEK_MARKERS}
    for read, markers in readers.items():
        if _reads(read, with_tools) and _reads(read, without):
            return Template(read, markers, writes_calls=True)
    return Template(None, (), writes_calls=calls is None or "\u241f" in calls)  # None: it says itself that it does not


def _reads(read: Reader, text: str | None) -> bool:
    try:
        return text is not None and read(text) == PROBE
    except DataError:
        return False


def _chatml(text: str) -> list[Message]:
    before, *turns = text.split("<|im_start|>")
    if before or not turns:
        raise DataError(f"the text starts with {text[:60]!r} instead of a turn: it was not rendered by this template.")
    messages = []
    for number, turn in enumerate(turns):
        role, _, body = turn.partition("\n")
        content, _, after = body.partition("<|im_end|>")
        if role not in CHATML_ROLES or after != "\n":
            raise _not_whole(turn)
        if number or role != "system" or not content.startswith("tools: "):  # else: the template's own list of the tools
            messages.append(_message(role, content, *CHATML_CALL))
    return messages


def _deepseek(text: str, *, bos: str, eos: str) -> list[Message]:
    if not text.startswith(bos):
        raise DataError(f"the text starts with {text[:60]!r} instead of {bos!r}: it was not rendered by this template.")
    head, *turns = DEEPSEEK_TURNS.split(text[len(bos) :])
    system, tools, listed = head.rpartition(DEEPSEEK_TOOLS)
    content = system if tools and all(map(_is_object, listed.split("\n"))) else head
    messages: list[Message] = [{"role": "system", "content": content}] if content else []
    kinds = {
        "<｜User｜>": ("user", ""),
        "<｜Assistant｜>": ("assistant", eos),
        "<｜tool▁output▁begin｜>": ("tool", "<｜tool▁output▁end｜>"),
    }
    for marker, body in zip(turns[::2], turns[1::2], strict=True):
        role, end = kinds[marker]
        if not body.endswith(end):
            raise _not_whole(marker + body)
        messages.append(_message(role, body.removesuffix(end), *DEEPSEEK_CALL))
    return messages


def _message(role: str, body: str, opens: str, closes: str) -> Message:
    """Calls stand at the end of a turn; whatever cannot be read as calls up to the end is content."""
    start = body.find(opens) if role == "assistant" else -1
    while start >= 0:
        calls, stopped = _calls(body, start, opens, closes)
        if stopped == len(body):
            return {"role": role, "content": body[:start], "tool_calls": calls}
        start = body.find(opens, stopped + 1)
    return {"role": role, "content": body}


def _calls(body: str, at: int, opens: str, closes: str) -> tuple[list[dict[str, Any]], int]:
    """Calls from ``at`` on, and where the first text that is no call starts."""
    calls: list[dict[str, Any]] = []
    while body.startswith(opens, at):
        try:
            call, end = DECODER.raw_decode(body, at + len(opens))
        except (ValueError, RecursionError):
            break
        if not isinstance(call, dict) or call.keys() != {"name", "arguments"} or not body.startswith(closes, end):
            break
        calls.append({"type": "function", "function": call})
        at = end + len(closes)
    return calls, at


def _is_object(line: str) -> bool:
    try:
        return isinstance(loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _not_whole(turn: str) -> DataError:
    return DataError(f"the turn {turn[:60]!r} is not a whole turn of the template: read the text of a whole conversation.")
