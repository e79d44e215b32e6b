"""Rows in, conversations out: one part of a source at a time, so that many processes can do it side by side.

``clean_part`` is a pure function of a part and its settings. It normalises each row, counts what it drops under a named
reason, measures length, sketches the text for near-duplicate search, looks for evaluation items, and leaves an Arrow file
with the conversations and a .npz file with the keys that the global step (choose.py) compares. For every source:
rows in = kept + dropped by reason, asserted.
"""

import functools
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aj.chat import Conversation, RowError, normalise
from aj.chat_template import tokenise
from aj.mix import columns, leaks, near, overlap, parts, shingles
from aj.mix.account import Account
from aj.mix.split import held_out

if TYPE_CHECKING:
    import pyarrow as pa
    from transformers import PreTrainedTokenizerBase

COLUMNS = ("id", "source", "group", "messages", "tools")
SIDES = {"": None, "train": 0, "held_out": 1}


@dataclass(frozen=True)
class Cleaning:
    """What ``clean_part`` needs besides its part; it travels to every worker."""

    raw: Path
    folder: Path
    """Where each part's files go."""
    tokenizer: Path | None
    """The base's folder; None measures no lengths (benchmarks of the rest)."""
    max_length: int
    """Tokens; a longer conversation is dropped and counted."""
    validation: float
    """Share of the groups that is held out, by hash."""
    index: "leaks.Index | None" = None
    allowed: "overlap.Allowed | None" = None


class Row(NamedTuple):
    """A usable conversation with what decides about it."""

    conversation: Conversation
    place: str
    group: str
    side: int
    """0 train, 1 held out."""
    tokens: int
    learned: int


def clean_part(part: parts.Part, cleaning: Cleaning) -> Account:
    """Clean one part; writes its files and returns its account.

    Rows go through in batches that stay in the processor's cache, and are written before the next ones are read.
    """
    account = Account(part.source)
    tokenizer = load_tokenizer(cleaning.tokenizer) if cleaning.tokenizer else None
    keys: list[dict[str, npt.NDArray[Any]]] = []
    with ExitStack() as stack:
        writer: Any = None
        read = parts.read(cleaning.raw, part)
        while some := list(islice(read, shingles.SLICE)):
            found = list(_usable(some, tokenizer, cleaning, account))
            texts = [row.conversation.text for row in found]
            words = shingles.hash_words(texts)
            if cleaning.index:
                leaking = _leaking(found, texts, words, account, cleaning)
                if leaking.any():
                    found, words = list(compress(found, ~leaking)), words.only(~leaking)
            keys.append(_keys(found, words, part))
            if found:
                writer = writer or stack.enter_context(columns.writer(part_file(cleaning.folder, part.index, ".arrow"), COLUMNS))
                writer.write_batch(_columns(found, part.source))
            account.kept += len(found)
    empty = _keys([], shingles.hash_words([]), part)
    together = {name: np.concatenate([own[name] for own in [empty, *keys]]) for name in empty}
    np.savez(part_file(cleaning.folder, part.index, ".npz"), **together)  # type: ignore[arg-type, unused-ignore]
    return account


def part_file(folder: Path, index: int, suffix: str) -> Path:
    """Where a part's rows (``.arrow``) and keys (``.npz``) lie."""
    return folder / f"part-{index:06d}{suffix}"


@functools.lru_cache(maxsize=1)
def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The base's tokenizer, loaded once a process."""
    from aj.sources.base import load_tokenizer as load

    return load(folder)


def _usable(
    some: Sequence[tuple[str, dict[str, Any] | RowError]], tokenizer: Any, cleaning: Cleaning, account: Account
) -> Iterator[Row]:
    for place, raw in some:
        account.rows_in += 1
        try:
            yield _row(place, raw, tokenizer, cleaning)
        except RowError as error:
            account.drop(error.bucket, place, str(error))


def _row(place: str, raw: dict[str, Any] | RowError, tokenizer: Any, cleaning: Cleaning) -> Row:
    if isinstance(raw, RowError):
        raise raw
    conversation = normalise(raw)
    tokens = learned = 0
    if tokenizer is not None:
        encoded = tokenise(tokenizer, conversation)
        tokens, learned = len(encoded.ids), sum(encoded.learned)
        if tokens > cleaning.max_length:
            raise RowError("too_long", f"{tokens} tokens")
        if not learned:
            raise RowError("nothing_learned", "no token of the assistant")
    group, side = str(raw.get("group") or conversation.id), str(raw.get("split") or "")
    if side not in SIDES:
        raise RowError("unknown_split", side)  # a row marked "test" must not end up in training
    try:
        group.encode()
    except UnicodeEncodeError as error:
        raise RowError("bad_group", str(error)) from None
    decided = SIDES[side]
    away = held_out(group, cleaning.validation) if decided is None else decided
    return Row(conversation, place, group, int(away), tokens, learned)


def _leaking(
    found: list[Row], texts: list[bytes], words: shingles.Words, account: Account, cleaning: Cleaning
) -> npt.NDArray[np.bool_]:
    """Which rows of the training side have what evaluation asks and are not allowed to; they are counted, and all hits noted."""
    assert cleaning.index
    trained = np.array([row.side == 0 for row in found], bool)
    candidates = [
        leaks.Candidate(row.conversation.id, account.source, text, row.conversation.messages)
        for row, text in zip(found, texts, strict=True)
        if row.side == 0
    ]
    hits = leaks.find(candidates, cleaning.index, words.only(trained))
    account.hits += hits
    leaking = {h.row_id: h for h in hits if not (cleaning.allowed and cleaning.allowed.covers(h))}
    for row in found:
        if hit := leaking.get(row.conversation.id):
            account.drop("leak", row.place, f"{hit.signal} of {hit.eval_id}: {hit.matched}")
    return np.array([row.conversation.id in leaking for row in found], bool)


def _keys(found: list[Row], words: shingles.Words, part: parts.Part) -> dict[str, npt.NDArray[Any]]:
    _, signatures = near.sketch(words)  # the band keys are a view of it
    groups = [row.group.split() for row in found]
    return {
        "ids": np.array([int(row.conversation.id, 16) for row in found], np.uint64),
        "sides": np.array([row.side for row in found], np.uint8),
        "tokens": np.array([row.tokens for row in found], np.uint32),
        "learned": np.array([row.learned for row in found], np.uint32),
        "weights": np.full(len(found), part.weight, np.uint16),
        "groups": np.array([key(word) for words in groups for word in words], np.uint64),
        "group_sides": np.array([row.side for row, words in zip(found, groups, strict=True) for _ in words], np.uint8),
        "signatures": signatures,
    }


def _columns(found: list[Row], source: str) -> "pa.RecordBatch":
    stored = [row.conversation.stored for row in found]
    values = {
        "id": [row.conversation.id.encode() for row in found],
        "source": [source.encode()] * len(found),
        "group": [row.group.encode() for row in found],
        "messages": [messages for messages, _ in stored],
        "tools": [tools for _, tools in stored],
    }
    return columns.batch({name: values[name] for name in COLUMNS})


def key(text: str) -> int:
    """A 64-bit key of a text: the head of its SHA-256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
