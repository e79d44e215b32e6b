"""What metrics/*.json measured on both sides: values with their direction and interval, and what can be said of the difference.

Naming, as the stages write it: a share X lies beside its interval, X_low and X_high; `accuracy` and `pass_rate` also beside
`low` and `high`, and `P_accuracy`, `P_pass_rate`, `P_rate` beside `P_low` and `P_high`. `n` is the number of items, of the same group.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

HIGHER = re.compile(
    r"accuracy|agreement|answered|executed|golds_passed|golds_right|grammar|parity|passed|progress|correctness|reward$|"
    r"pass_rate|safety_rate|validity|planted_exposure"
)
LOWER = re.compile(
    r"loss|perplexity|kl$|kl_from|failed|failures|out_of_context|crash|false_|hacks_p|paid$|fails$|difference|unsafe|wrong_codes|best_hack|planted_p"
)
INTERVAL = re.compile(r"(^|[._])(low|high)$")


@dataclass(frozen=True)
class Value:
    """One side of a metric; an interval of 95 % where one was recorded."""

    value: float
    low: float | None = None
    high: float | None = None
    n: float | None = None


@dataclass(frozen=True)
class Row:
    """A metric on both sides; None where a side does not have it."""

    name: str
    direction: str
    """`higher`, `lower`, or nothing where neither is better."""
    before: Value | None
    after: Value | None

    def measured(self) -> bool:
        """A share of items, with an interval."""
        return any(side is not None and side.low is not None for side in (self.before, self.after))

    def moved(self) -> bool:
        """The sides differ."""
        return self.before != self.after

    def reading(self) -> str:
        """What can be said without pairing items, which the gate does."""
        if self.before is None or self.after is None:
            return "new" if self.before is None else "gone"
        change = self.after.value - self.before.value
        if not change:
            return "same"
        if not self.direction:
            return "changed"
        better = "better" if (change > 0) == (self.direction == "higher") else "worse"
        if self.before.low is None or self.before.high is None or self.after.low is None or self.after.high is None:
            return better
        apart = self.after.low > self.before.high or self.after.high < self.before.low
        return better if apart else f"{better}, within chance"


def rows(before: Mapping[str, Mapping[str, float]], after: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """Each metric of both sides (file -> flat key -> number), sorted by file and key; the ends of intervals are no rows of their own."""
    one, other = dict(_values(before)), dict(_values(after))
    return [
        Row(f"{file}: {key}", direction(key), one.get((file, key)), other.get((file, key)))
        for file, key in sorted({*one, *other})
    ]


def direction(key: str) -> str:
    """Which way a metric is better, by its name; nothing where neither is."""
    last = key.rpartition(".")[2]
    return "lower" if LOWER.search(last) else "higher" if HIGHER.search(last) else ""


def _values(files: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[tuple[str, str], Value]]:
    for file, numbers in files.items():
        for key, number in numbers.items():
            if INTERVAL.search(key):
                continue
            low, high = next(
                (
                    (numbers[f"{stem}low"], numbers[f"{stem}high"])
                    for stem in _stems(key)
                    if {f"{stem}low", f"{stem}high"} <= set(numbers)
                ),
                (None, None),
            )
            yield (file, key), Value(number, low, high, _items(numbers, key) if low is not None else None)


def _stems(key: str) -> Iterator[str]:
    yield f"{key}_"
    group, _, last = key.rpartition(".")
    head = f"{group}." if group else ""
    if last in ("accuracy", "pass_rate"):
        yield head
    for word in ("accuracy", "rate"):
        if last.endswith(f"_{word}"):
            yield f"{head}{last.removesuffix(word)}"


def _items(numbers: Mapping[str, float], key: str) -> float | None:
    group = key.rpartition(".")[0]
    return numbers.get(f"{group}.n") if group else numbers.get("n", numbers.get("held_out_pairs"))
