"""Rows in, conversations out: normalise, measure, deduplicate, and count every row that is dropped.

For every source: rows in = kept + dropped by reason, asserted.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aj.chat import Conversation, RowError, normalise, tokenise
from aj.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SAMPLES = 3  # places kept for a person to look at, a reason


@dataclass(frozen=True)
class Row:
    """A usable conversation. ``group`` decides its side of the split; ``split`` is set where its source decides."""

    conversation: Conversation
    source: str
    group: str
    split: str
    tokens: int
    learned: int


@dataclass
class Account:
    """What became of a source's rows."""

    source: str
    rows_in: int = 0
    kept: list[Row] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[str]] = field(default_factory=dict)

    def drop(self, reason: str, place: str) -> None:
        """Count a dropped row and keep the first few places."""
        self.dropped[reason] += 1
        places = self.samples.setdefault(reason, [])
        if len(places) < SAMPLES:
            places.append(place)

    def check(self, max_broken: float) -> None:
        """Raise DataError when rows went missing, none is left, or too many were broken."""
        if self.rows_in != len(self.kept) + self.dropped.total():
            raise DataError(
                f"source {self.source!r}: {self.rows_in} rows in, {len(self.kept)} kept, {self.dropped.total()} dropped."
            )
        broken = {r: n for r, n in self.dropped.items() if r not in NOT_BROKEN}
        if sum(broken.values()) > max_broken * self.rows_in:
            reasons = "; ".join(f"{r} {n} (at {', '.join(self.samples[r])})" for r, n in sorted(broken.items()))
            raise DataError(
                f"source {self.source!r}: {sum(broken.values())} of {self.rows_in} rows are broken, more than mix.max_broken = "
                f"{max_broken:g} allows: {reasons}; mend them or raise the limit."
            )
        if not self.kept:
            reasons = ", ".join(f"{r} {n}" for r, n in sorted(self.dropped.items())) or "it has no rows"
            raise DataError(f"source {self.source!r} has no usable row ({reasons}): mend it or remove it from sources.")


SIDES = ("", "train", "held_out")
NOT_BROKEN = {"duplicate", "too_long", "nothing_learned"}


def clean(
    source: str,
    found: Iterable[tuple[str, dict[str, Any] | RowError]],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    max_length: int,
    seen: set[str],
) -> Account:
    """Read a source's rows into conversations. ``seen`` holds the ids of all earlier sources and grows."""
    account = Account(source)
    for place, raw in found:
        account.rows_in += 1
        try:
            row = _row(source, raw, tokenizer, max_length, seen)
        except RowError as error:
            account.drop(error.bucket, place)
            continue
        seen.add(row.conversation.id)
        account.kept.append(row)
    return account


def _row(
    source: str, raw: dict[str, Any] | RowError, tokenizer: "PreTrainedTokenizerBase", max_length: int, seen: set[str]
) -> Row:
    if isinstance(raw, RowError):
        raise raw
    conversation = normalise(raw)
    if conversation.id in seen:
        raise RowError("duplicate", conversation.id)
    tokens = tokenise(tokenizer, conversation)
    if len(tokens.ids) > max_length:
        raise RowError("too_long", f"{len(tokens.ids)} tokens")
    if not any(tokens.learned):
        raise RowError("nothing_learned", "no token of the assistant")
    group, side = str(raw.get("group") or conversation.id), str(raw.get("split") or "")
    if side not in SIDES:
        raise RowError("unknown_split", side)  # a row marked "test" must not end up in training
    return Row(conversation, source, group, side, len(tokens.ids), sum(tokens.learned))
