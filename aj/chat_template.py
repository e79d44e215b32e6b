"""A conversation as a model reads it: the text of the tokenizer's chat template, its tokens, and which of them are learned.

No row is learned that could not be read back from its text (aj/lossless.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aj.chat import Conversation, RowError
from aj.lossless import loss

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


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

    Raises RowError with bucket template_refused, or with the bucket of what would be lost (aj/lossless.py): template_markers,
    template_loses or not_nfc.
    """
    from jinja2 import TemplateError
    from transformers.utils.chat_template_utils import render_jinja_template

    tools = list(conversation.tools) or None
    try:
        (text,), (spans,) = render_jinja_template(
            [list(conversation.messages)],
            tools=tools,
            chat_template=tokenizer.get_chat_template(tools=tools),
            return_assistant_tokens_mask=True,
            **tokenizer.special_tokens_map,
        )
        lost = loss(tokenizer, conversation.messages, b"".join(conversation.stored).decode(), text)
    except (TemplateError, RecursionError) as error:  # many templates refuse what they cannot write: two user turns in a row, say
        raise RowError("template_refused", str(error)) from None
    if lost:
        raise RowError(*lost)
    encoded = tokenizer(text, add_special_tokens=False, verbose=False)  # too long ones are counted, not warned of

    def token(characters: Iterable[int]) -> int | None:  # of the first that has one: a tokenizer may leave out white space
        return next((t for t in map(encoded.char_to_token, characters) if t is not None), None)

    learned = [0] * len(encoded["input_ids"])
    for start, end in spans:
        first, last = token(range(start, end)), token(range(end - 1, start - 1, -1))
        if first is not None and last is not None:
            learned[first : last + 1] = [1] * (last + 1 - first)
    return Tokens(list(encoded["input_ids"]), learned)


def turn_frame(tokenizer: "PreTrainedTokenizerBase", roles: Sequence[str] = ("tool",)) -> list[str]:
    """What the template puts around messages of these roles between two assistant turns: one text more than there are roles.

    The first starts after the assistant's end-of-turn token, the last ends where the assistant writes next, so a rollout joins the
    messages with them and never encodes the model's own tokens again.
    """
    turns = ({"role": "user", "content": "u"}, {"role": "assistant", "content": "\u241f"})
    heard = tuple({"role": role, "content": "\u241e"} for role in roles)
    between = render(tokenizer, Conversation((*turns, *heard)), generate=True).partition("\u241f")[2]
    before, *rest = between.split("\u241e")
    return [before.removeprefix(str(tokenizer.eos_token)), *rest]
