"""Rows in, conversations out: one part of a source at a time, so that many processes can do it side by side.

``clean_part`` is a pure function of a part and its settings. It normalises each row, counts what it drops under a named
reason, measures length, sketches the text for near-duplicate search, looks for evaluation items, and leaves a Parquet file
with the conversations and a .npz file with the keys that the global step (choose.py) compares. For every source:
rows in = kept + dropped by reason, asserted.
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aj.chat import Conversation, RowError, normalise, tokenise
from aj.errors import DataError
from aj.mix import leaks, near, overlap, parts
from aj.mix.split import held_out
from aj.sources import rows

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SAMPLES = 3  # rows kept for a person to look at, a reason
EXCERPT = 200  # characters of each
SIDES = {"": None, "train": 0, "held_out": 1}
NOT_BROKEN = {"duplicate", "near_duplicate", "leak", "too_long", "nothing_learned"}


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


@dataclass
class Account:
    """What became of a source's rows."""

    source: str
    rows_in: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Reason -> first few (place, excerpt)."""
    hits: "list[leaks.Hit]" = field(default_factory=list)

    def drop(self, reason: str, place: str, excerpt: str) -> None:
        """Count a dropped row and keep the first few."""
        self.dropped[reason] += 1
        self._sample(reason, [(place, excerpt[:EXCERPT])])

    def add(self, other: "Account") -> None:
        """Take in the account of another part of the same source."""
        self.rows_in += other.rows_in
        self.kept += other.kept
        self.dropped += other.dropped
        self.hits += other.hits
        for reason, samples in other.samples.items():
            self._sample(reason, samples)

    def move(self, reason: str, count: int) -> None:
        """Rows that a later step found to be one too many."""
        self.kept -= count
        if count:
            self.dropped[reason] += count

    def _sample(self, reason: str, samples: list[tuple[str, str]]) -> None:
        known = self.samples.setdefault(reason, [])
        known += samples[: SAMPLES - len(known)]

    def check(self, max_broken: float) -> None:
        """Raise DataError when rows went missing, none is left, or too many were broken."""
        if self.rows_in != self.kept + self.dropped.total():
            raise DataError(f"source {self.source!r}: {self.rows_in} rows in, {self.kept} kept, {self.dropped.total()} dropped.")
        broken = {r: n for r, n in self.dropped.items() if r not in NOT_BROKEN}
        if sum(broken.values()) > max_broken * self.rows_in:
            reasons = "; ".join(f"{r} {n} (at {', '.join(p for p, _ in self.samples[r])})" for r, n in sorted(broken.items()))
            raise DataError(
                f"source {self.source!r}: {sum(broken.values())} of {self.rows_in} rows are broken, more than mix.max_broken = "
                f"{max_broken:g} allows: {reasons}; mend them or raise the limit."
            )
        if not self.kept:
            reasons = ", ".join(f"{r} {n}" for r, n in sorted(self.dropped.items())) or "it has no rows"
            raise DataError(f"source {self.source!r} has no usable row ({reasons}): mend it or remove it from sources.")


@dataclass(frozen=True)
class Row:
    """A usable conversation with what decides about it."""

    conversation: Conversation
    place: str
    group: str
    side: int
    """0 train, 1 held out."""
    tokens: int
    learned: int


def clean_part(part: parts.Part, cleaning: Cleaning) -> Account:
    """Clean one part; writes its files and returns its account."""
    account = Account(part.source)
    tokenizer = load_tokenizer(cleaning.tokenizer) if cleaning.tokenizer else None
    found: list[Row] = []
    for place, raw in parts.read(cleaning.raw, part):
        account.rows_in += 1
        try:
            found.append(_row(place, raw, tokenizer, cleaning))
        except RowError as error:
            account.drop(error.bucket, place, str(error))
    texts = [row.conversation.text() for row in found]
    if cleaning.index:
        found, texts = _without_leaks(found, texts, account, cleaning)
    account.kept = len(found)
    _write(cleaning.folder, part, found, texts)
    return account


def part_file(folder: Path, index: int, suffix: str) -> Path:
    """Where a part's rows (``.parquet``) and keys (``.npz``) lie."""
    return folder / f"part-{index:06d}{suffix}"


@functools.lru_cache(maxsize=1)
def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The base's tokenizer, loaded once a process."""
    from aj.sources.base import load_tokenizer as load

    return load(folder)


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
    group, side = str(raw.get("group") or conversation.id), raw.get("split") or ""
    if side not in SIDES:
        raise RowError("unknown_split", str(side))  # a row marked "test" must not end up in training
    decided = SIDES[side]
    away = held_out(group, cleaning.validation) if decided is None else decided
    return Row(conversation, place, group, int(away), tokens, learned)


def _without_leaks(
    found: list[Row], texts: list[bytes], account: Account, cleaning: Cleaning
) -> tuple[list[Row], list[bytes]]:  # fmt: skip
    assert cleaning.index
    candidates = [
        leaks.Candidate(r.conversation.id, account.source, t, r.conversation.messages)
        for r, t in zip(found, texts, strict=True)
        if r.side == 0
    ]
    account.hits = leaks.find(candidates, cleaning.index)
    leaking = {h.row_id: h for h in account.hits if not (cleaning.allowed and cleaning.allowed.covers(h))}
    for row in found:
        if hit := leaking.get(row.conversation.id):
            account.drop("leak", row.place, f"{hit.signal} of {hit.eval_id}: {hit.matched}")
    stays = [row.conversation.id not in leaking for row in found]
    return [r for r, s in zip(found, stays, strict=True) if s], [t for t, s in zip(texts, stays, strict=True) if s]


def _write(folder: Path, part: parts.Part, found: list[Row], texts: list[bytes]) -> None:
    _, signatures = near.sketch(texts)  # the band keys are a view of it
    groups = [row.group.split() for row in found]
    keys: dict[str, Any] = {
        "ids": np.array([int(row.conversation.id, 16) for row in found], np.uint64),
        "sides": np.array([row.side for row in found], np.uint8),
        "tokens": np.array([row.tokens for row in found], np.uint32),
        "learned": np.array([row.learned for row in found], np.uint32),
        "weights": np.full(len(found), part.weight, np.uint16),
        "groups": np.array([key(word) for words in groups for word in words], np.uint64),
        "group_sides": np.array([row.side for row, words in zip(found, groups, strict=True) for _ in words], np.uint8),
        "signatures": signatures,
    }
    if found:
        rows.write(part_file(folder, part.index, ".parquet"), map(_columns, found, [part.source] * len(found)))
    np.savez(part_file(folder, part.index, ".npz"), **keys)


def _columns(row: Row, source: str) -> dict[str, Any]:
    messages, tools = row.conversation.stored()
    return {"id": row.conversation.id, "source": source, "group": row.group, "messages": messages, "tools": tools}


def key(text: str) -> int:
    """A 64-bit key of a text: the head of its SHA-256."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def accounts(sources: Iterable[str], of_parts: Iterable[Account]) -> dict[str, Account]:
    """The accounts of all parts, summed by source."""
    total = {source: Account(source) for source in sources}
    for account in of_parts:
        total[account.source].add(account)
    return total
