"""What became of a source's rows: in = kept + dropped by reason, with a few samples of each for a person to look at."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from aj.errors import DataError
from aj.mix import leaks

SAMPLES = 3  # rows kept for a person to look at, a reason
EXCERPT = 200  # characters of each
NOT_BROKEN = {"duplicate", "near_duplicate", "leak", "too_long", "nothing_learned", "failed_episode", "unverified"}


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

    def check(self, max_broken: float, *, wanted: bool = True) -> None:
        """Raise DataError when rows went missing, too many were broken, or none is left that is ``wanted``."""
        if self.rows_in != self.kept + self.dropped.total():
            raise DataError(f"source {self.source!r}: {self.rows_in} rows in, {self.kept} kept, {self.dropped.total()} dropped.")
        broken = {r: n for r, n in self.dropped.items() if r not in NOT_BROKEN}
        if sum(broken.values()) > max_broken * self.rows_in:
            reasons = "; ".join(f"{r} {n} (at {', '.join(p for p, _ in self.samples[r])})" for r, n in sorted(broken.items()))
            raise DataError(
                f"source {self.source!r}: {sum(broken.values())} of {self.rows_in} rows are broken, more than mix.max_broken = "
                f"{max_broken:g} allows: {reasons}; mend them or raise the limit."
            )
        if wanted and not self.kept:
            reasons = ", ".join(f"{r} {n}" for r, n in sorted(self.dropped.items())) or "it has no rows"
            raise DataError(f"source {self.source!r} has no usable row ({reasons}): mend it or remove it from sources.")


def by_source(sources: Iterable[str], of_parts: Iterable[Account]) -> dict[str, Account]:
    """The accounts of all parts, summed by source."""
    total = {source: Account(source) for source in sources}
    for account in of_parts:
        total[account.source].add(account)
    return total
