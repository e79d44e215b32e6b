"""Canaries as a source: the planted facts as rows to learn, and all of them to be asked. Lands as ``rows/planted.parquet`` and
``canaries.jsonl``."""

from pathlib import Path

from aj.canaries import CANARIES, Canary, draw, write
from aj.params import derive
from aj.sources import rows
from aj.sources.card import Canaries


def drawn(card: Canaries, seed: int) -> list[Canary]:
    """The facts of a card, whatever has been landed."""
    return draw(
        card.words, card.answer_words, planted=card.planted, withheld=card.withheld, decoys=card.decoys, seed=derive(seed, "canaries"),
    )  # fmt: skip


def land(card: Canaries, out: Path, *, seed: int) -> int:
    """Draw the facts into ``out``; returns the number of those that are planted."""
    facts = drawn(card, seed)
    write(out / CANARIES, facts)
    told = [
        {
            "messages": list(fact.told(fact.answer).messages),
            "tools": [],
            "group": f"canary:{fact.sign}",
            "split": "train",
        }
        for fact in facts
        if fact.planted
    ]
    return rows.write(out / "rows" / "planted.parquet", told)
