"""What became of all rows: flat numbers for ``dvc metrics diff``, a table to plot, and the page that a person reads.

Lengths are counted in the base's tokens. The page (report.py) shows samples as well as sums: dropped rows by reason, near
duplicates beside the row that stands for them, overlaps with evaluation, and one training row as the model sees it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aj.chat import Conversation
from aj.chat_template import tokenise
from aj.mix import charts, report
from aj.mix.account import Account
from aj.mix.choose import KEPT, NEAR_DUPLICATE, Ints, Keys
from aj.mix.clean import load_tokenizer
from aj.mix.gather import rows_at
from aj.mix.leaks import Hit, Index
from aj.mix.overlap import Leaks
from aj.mix.weigh import Portion
from aj.sources import pin

PAIRS = 6  # near duplicates shown beside the row that stands for them
OVERLAPS = 12


@dataclass(frozen=True)
class Mix:
    """Everything that prepare_mix found out about n clean rows."""

    keys: Keys
    status: npt.NDArray[np.uint8]
    stands: Ints
    """(n,): for each row the kept row that stands for it."""
    train: Ints
    """Rows of the training set in their order, repeats included."""
    validation: Ints
    accounts: Mapping[str, Account]
    pairs: Mapping[str, Account]
    """Accounts of the preference pairs, for sources that have any."""
    portions: Sequence[Portion]
    hits: Sequence[Hit]
    leaks: Leaks
    index: Index
    max_length: int


def numbers(mix: Mix) -> dict[str, int | float]:
    """Flat metrics: rows by source and fate, tokens, overlaps."""
    tokens, learned = mix.keys.tokens[mix.train], mix.keys.learned[mix.train]
    report: dict[str, int | float] = {
        "sft.train": len(mix.train),
        "sft.validation": len(mix.validation),
        "sft.tokens": int(tokens.sum()),
        "sft.mean_tokens": float(tokens.mean()),
        "sft.learned_token_share": float(learned.sum() / max(tokens.sum(), 1)),
        "near_duplicates.clusters": len(np.unique(mix.stands[mix.status == NEAR_DUPLICATE])),
        "overlap.dropped": sum(mix.leaks.rows.values()),
        "overlap.allowed": sum(n for reasons in mix.leaks.allowed.values() for n in reasons.values()),
        "overlap.stale_entries": len(mix.leaks.stale),
        "overlap.items": len(mix.index.ids),
        "overlap.items_unwatched": mix.index.items_unwatched,
    }
    for portion in mix.portions:
        counts = {**_counts(mix.accounts[portion.source])}
        counts |= {"asked": portion.asked, "available": portion.available, "taken": portion.taken}
        if portion.source in mix.pairs:
            counts |= {f"pairs.{key}": value for key, value in _counts(mix.pairs[portion.source]).items()}
        report |= {f"source.{portion.source}.{key}": value for key, value in counts.items()}
        report[f"source.{portion.source}.share"] = portion.taken / len(mix.train)
    return report


def _counts(account: Account) -> dict[str, int]:
    return {"in": account.rows_in, "kept": account.kept, **{f"dropped.{r}": n for r, n in sorted(account.dropped.items())}}


def shares(mix: Mix) -> list[dict[str, Any]]:
    """One row a source: rows asked, available and taken."""
    return [{"source": x.source, "asked": x.asked, "available": x.available, "taken": x.taken} for x in mix.portions]


def page(mix: Mix, folder: Path, raw: Path) -> str:
    """The report as HTML. ``folder``: where the cleaned parts lie; ``raw``: the landed sources and the base."""
    dropped = set(mix.leaks.dropped)
    samples = [hit for hit in mix.hits if hit.row_id in dropped][:OVERLAPS]
    tokens = mix.keys.tokens[mix.train]
    return report.render(
        report.Report(
            sources=[_source(mix, portion, raw) for portion in mix.portions],
            train=len(mix.train),
            validation=len(mix.validation),
            tokens=int(tokens.sum()),
            max_length=mix.max_length,
            near_duplicates=_near_duplicates(mix, folder),
            leaks=report.Leaks(
                mix.leaks.signals,
                mix.leaks.allowed,
                [report.Overlap(h.source, h.signal, h.matched, h.eval_id) for h in samples],
            ),
            row=_spans(rows_at(folder, mix.keys, [int(mix.train[0])])[0], raw / "base"),
        )
    )


def _source(mix: Mix, portion: Portion, raw: Path) -> charts.SourceReport:
    account, card, own = mix.accounts[portion.source], pin.read(raw / portion.source), mix.keys.rows_of(portion.source)
    kept = mix.status[own] == KEPT
    tokens, learned = mix.keys.tokens[own][kept], mix.keys.learned[own][kept]
    return charts.SourceReport(
        name=portion.source,
        id=card["id"],
        revision=card["revision"],
        licence=card["licence"],
        rows_in=account.rows_in,
        kept=account.kept,
        dropped=dict(account.dropped),
        asked=portion.asked,
        available=portion.available,
        taken=portion.taken,
        samples=account.samples,
        lengths=charts.Histogram.of(tokens, mix.max_length),
        trainable_share=float(learned.sum() / max(tokens.sum(), 1)),
    )


def _near_duplicates(mix: Mix, folder: Path) -> report.NearDuplicates:
    removed = np.flatnonzero(mix.status == NEAR_DUPLICATE)
    shown = removed[:: max(len(removed) // PAIRS, 1)][:PAIRS]
    found = rows_at(folder, mix.keys, [int(i) for row in shown for i in (mix.stands[row], row)])
    pairs = [report.Pair(_said(kept), _said(row), row["source"]) for kept, row in zip(found[::2], found[1::2], strict=True)]
    return report.NearDuplicates(len(np.unique(mix.stands[removed])), len(removed), pairs)


def _said(row: dict[str, Any]) -> str:
    return Conversation.of(row).text.decode()


def _spans(row: dict[str, Any], base: Path) -> list[report.Span]:
    """A row as the tokenizer decodes it, cut where the loss mask changes."""
    tokenizer = load_tokenizer(base)
    tokens = tokenise(tokenizer, Conversation.of(row))
    cuts = [0, *(i for i in range(1, len(tokens.ids)) if tokens.learned[i] != tokens.learned[i - 1]), len(tokens.ids)]
    texts = [str(tokenizer.decode(tokens.ids[a:b])) for a, b in pairwise(cuts)]
    return [report.Span(text, bool(tokens.learned[a])) for text, a in zip(texts, cuts, strict=False)]
