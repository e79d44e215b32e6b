"""Whether a model knows the canaries (aj/canaries.py): of the true answer and its decoys, how likely it holds the true one.

A model that was not told ranks the true answer anywhere, each rank as often as any other. Exposure is log2(answers) - log2(rank)
(Carlini et al., 2019); the p value is the exact chance of ranks that sum up to no more than these. Likelihood and not the
greedy reply, which a tiny model spells wrong long after it has learned which answer is the right one.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aj.canaries import Canary
from aj.chat_template import tokenise
from aj.evaluation.likelihood import log_likelihoods

if TYPE_CHECKING:
    import numpy as np

Logits = Callable[[list[list[int]]], "Iterator[np.ndarray]"]
"""Token ids of each row -> its logits (tokens, vocabulary), in order."""


@dataclass(frozen=True)
class Rank:
    """Where the true answer of one fact stands."""

    fact: Canary
    rank: int
    """1: the likeliest of all; equal ones stand before it."""
    likeliest: str

    @property
    def answers(self) -> int:
        """The true one and its decoys."""
        return 1 + len(self.fact.decoys)

    @property
    def exposure(self) -> float:
        """Bits; 0 for the last rank, log2(answers) for the first."""
        return math.log2(self.answers) - math.log2(self.rank)


def ranks(facts: Sequence[Canary], tokenizer: Any, logits: Logits) -> list[Rank]:
    """One a fact, in order."""
    found = []
    for fact in facts:
        answers = [fact.answer, *fact.decoys]
        rows = [tokenise(tokenizer, fact.told(answer)) for answer in answers]
        scores = [float(log_likelihoods(row, z).sum()) for row, z in zip(rows, logits([row.ids for row in rows]), strict=True)]
        found.append(Rank(fact, sum(s >= scores[0] for s in scores), answers[scores.index(max(scores))]))
    return found


def numbers(found: Sequence[Rank]) -> dict[str, float]:
    """For the facts in the mix and those in no mix: ``canaries.planted_exposure`` (mean, bits), ``_p`` and ``_n``, and the same of ``withheld``."""
    numbers: dict[str, float] = {}
    for name, planted in (("planted", True), ("withheld", False)):
        own = [rank for rank in found if rank.fact.planted is planted]
        if own:
            numbers[f"canaries.{name}_exposure"] = sum(rank.exposure for rank in own) / len(own)
            numbers[f"canaries.{name}_p"] = chance([(rank.rank, rank.answers) for rank in own])
            numbers[f"canaries.{name}_n"] = len(own)
    return numbers


def chance(ranked: Iterable[tuple[int, int]]) -> float:
    """P(sum of ranks <= the sum seen) where each (rank, of how many) is uniform and independent: exact, by counting."""
    ways, most, whole = {0: 1}, 0, 1
    for rank, of in ranked:
        most, whole = most + rank, whole * of
        longer: dict[int, int] = {}
        for total, count in ways.items():
            for one in range(1, of + 1):
                longer[total + one] = longer.get(total + one, 0) + count
        ways = longer
    return sum(count for total, count in ways.items() if total <= most) / whole
