"""What became of all rows: flat numbers for ``dvc metrics diff``, a table to plot, and the page that a person reads.

Lengths are counted in the base's tokens. The page (report.py) shows samples as well as sums: dropped rows by reason, near
duplicates beside the row that stands for them, overlaps with evaluation, and one training row as the model sees it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aj.mix.choose import NEAR_DUPLICATE, Ints, Keys
from aj.mix.clean import Account
from aj.mix.leaks import Hit, Index
from aj.mix.overlap import Leaks
from aj.mix.weigh import Portion


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
        account = mix.accounts[portion.source]
        counts = {"in": account.rows_in, "kept": account.kept, **{f"dropped.{r}": n for r, n in account.dropped.items()}}
        counts |= {"asked": portion.asked, "available": portion.available, "taken": portion.taken}
        report |= {f"source.{portion.source}.{key}": value for key, value in counts.items()}
        report[f"source.{portion.source}.share"] = portion.taken / len(mix.train)
    return report


def shares(mix: Mix) -> list[dict[str, Any]]:
    """One row a source: rows asked, available and taken."""
    return [{"source": x.source, "asked": x.asked, "available": x.available, "taken": x.taken} for x in mix.portions]
