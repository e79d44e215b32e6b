"""What of a conversation would not survive render -> tokenise -> decode -> read back; such a row is counted, never learned.

What is not covered: chat templates without a reader (aj/transcript.py) that change a message's content; tokenizers that change
text in another way than by composing characters.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from aj.errors import DataError
from aj.transcript import Message, template_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def loss(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message], stored: str, text: str) -> tuple[str, str] | None:
    """What is lost when messages are rendered as ``text``: (bucket, detail), or None where nothing is.

    ``stored``: messages and tools as JSON. Buckets: template_markers, where they contain a special token of the tokenizer or
    pass for the template's own marks; template_loses, where the template drops, joins or moves something (two system messages
    in one, calls that are not written); not_nfc, where the tokenizer composes characters that the text has decomposed.
    """
    if found := _special_tokens(tokenizer, len(tokenizer)).search(stored):
        return "template_markers", f"the text contains {found[0]!r}, a special token of the tokenizer"
    template = template_of(tokenizer)
    if not template.writes_calls and any("tool_calls" in m for m in messages):
        return "template_loses", "the chat template writes no tool calls"
    if template.read:
        try:
            same = template.read(text) == list(messages)
        except DataError:
            same = False
        if not same and (marker := next((m for m in template.markers if m in stored), None)):
            return "template_markers", f"{marker!r} in the text is read as the template's own"
        if not same:
            return "template_loses", "the rendered text reads back as other messages"
    if not unicodedata.is_normalized("NFC", text) and _composes(tokenizer):
        return "not_nfc", "the tokenizer composes characters of the text: bring the source to Unicode's NFC"
    return None


def _composes(tokenizer: "PreTrainedTokenizerBase") -> bool:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    return bool(backend and backend.normalizer and backend.normalizer.normalize_str("e\u0301") == "\u00e9")


@lru_cache(maxsize=8)
def _special_tokens(tokenizer: "PreTrainedTokenizerBase", size: int) -> re.Pattern[str]:  # size: tokens may be added later
    special = sorted(token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
    return re.compile("|".join(map(re.escape, special)) or "(?!)")
