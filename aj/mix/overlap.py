"""What is done about overlap with evaluation: allowed for a reason, or dropped; too much of it fails the build."""

import difflib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from aj.errors import DataError, ParamsError
from aj.mix.canonical_sql import canonical_sql
from aj.mix.leaks import SIGNALS, Hit


@dataclass(frozen=True)
class Entry:
    """Overlap that is harmless. ``matches`` (all where it is not given): these words or a part of them, or this query."""

    source: str
    signal: str
    reason: str
    matches: str | None = None

    def covers(self, hit: Hit) -> bool:
        """Whether the hit is of this source and signal and has nothing beyond ``matches``."""
        if (self.source, self.signal) != (hit.source, hit.signal):
            return False
        if self.matches is None:
            return True
        if self.signal == "sql":
            return hit.matched in (self.matches.strip(), canonical_sql(self.matches))
        return _spaced(hit.matched) in _spaced(self.matches)


@dataclass(frozen=True)
class Allowed:
    """The allow-list."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "Allowed":
        """Read a YAML list of {source, signal, reason} and optionally matches.

        Raises ParamsError naming the entry that has an unknown key, lacks one, or has an unknown signal.
        """
        from aj.params import read_yaml  # loads pydantic, which workers, to whom this travels, do without

        tree = read_yaml(path)
        if not isinstance(tree, list | None):
            raise ParamsError(f"{path} is a {type(tree).__name__}: make it a list of entries with source, signal and reason.")
        return cls(tuple(_entry(f"{path}: entry {number}", raw) for number, raw in enumerate(tree or [], 1)))

    def covers(self, hit: Hit) -> Entry | None:
        """The first entry that allows the hit."""
        return next((entry for entry in self.entries if entry.covers(hit)), None)


@dataclass(frozen=True)
class Leaks:
    """What the hits of all rows come to."""

    dropped: tuple[str, ...]
    """Ids of the rows with a hit that no entry allows, sorted."""
    rows: dict[str, int]
    """Source -> leaking rows (rows with one id count each)."""
    signals: dict[str, dict[str, int]]
    """Source -> signal -> leaking rows; a row that leaks by both is in both."""
    allowed: dict[str, dict[str, int]]
    """Source -> reason -> allowed hits."""
    stale: tuple[Entry, ...]
    """Entries that allowed nothing; a person removes them."""


def judge(hits: Sequence[Hit], allowed: Allowed, rows_in: Mapping[str, int], limit: float) -> Leaks:
    """Tell leaks from what the allow-list covers; ``rows_in``: rows of each source before any is dropped.

    Raises DataError where more than ``limit`` (a share) of a source's rows leak.
    """
    uses: Counter[Entry] = Counter()
    leaking: dict[tuple[str, str], dict[str, int]] = {}
    first: dict[str, Hit] = {}
    for hit, copies in sorted(Counter(hits).items()):
        if entry := allowed.covers(hit):
            uses[entry] += copies
            continue
        first.setdefault(hit.source, hit)
        signals = leaking.setdefault((hit.source, hit.row_id), {})
        signals[hit.signal] = max(copies, signals.get(hit.signal, 0))  # one hit n times: n rows with one id
    rows: Counter[str] = Counter()
    for (source, _), signals in leaking.items():
        rows[source] += max(signals.values())
    for source, count in sorted(rows.items()):
        if count > limit * rows_in[source]:
            hit = first[source]
            raise DataError(
                f"source {source!r}: {count} of {rows_in[source]} rows ({count / rows_in[source]:.2%}) have what evaluation asks, more than "
                f"mix.max_leaks = {limit:g} allows: row {hit.row_id} has {hit.matched[:300]!r} ({hit.signal}) of {hit.eval_id!r}; "
                "remove such rows, raise the limit, or enter harmless overlap with its reason in the allow-list."
            )
    return Leaks(
        dropped=tuple(sorted({row for _, row in leaking})),
        rows=dict(sorted(rows.items())),
        signals=_summed((source, signal, n) for (source, _), signals in leaking.items() for signal, n in signals.items()),
        allowed=_summed((entry.source, entry.reason, n) for entry, n in uses.items()),
        stale=tuple(entry for entry in allowed.entries if entry not in uses),
    )


def write_hits(path: Path, hits: Sequence[Hit], allowed: Allowed | None = None) -> None:
    """Write hits as JSONL, sorted. With ``allowed`` each line says the reason why it is allowed, or null."""
    with path.open("w", encoding="utf-8") as file:
        for hit in sorted(hits):
            line: dict[str, Any] = {field.name: getattr(hit, field.name) for field in fields(hit)}
            if allowed:
                entry = allowed.covers(hit)
                line["allowed"] = entry.reason if entry else None
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _spaced(text: str) -> str:
    return f" {' '.join(text.lower().split())} "


def _summed(counts: Iterable[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    total: dict[str, dict[str, int]] = {}
    for key, inner, n in sorted(counts):
        of_key = total.setdefault(key, {})
        of_key[inner] = of_key.get(inner, 0) + n
    return total


def _entry(place: str, raw: Any) -> Entry:
    if not isinstance(raw, dict):
        raise ParamsError(f"{place} is {raw!r}: write a mapping with source, signal and reason.")
    known = [field.name for field in fields(Entry)]
    for key, value in raw.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1) or known
            raise ParamsError(f"{place} has the unknown key {key!r}: write {' or '.join(near)}.")
        if not isinstance(value, str) or not value.strip():
            raise ParamsError(f"{place} has {value!r} for {key}: write a text.")
    for key in ("source", "signal", "reason"):
        if key not in raw:
            raise ParamsError(f"{place} is {raw!r}, without {key}: add it.")
    if raw["signal"] not in SIGNALS:
        raise ParamsError(f"{place} has the signal {raw['signal']!r}: write {' or '.join(SIGNALS)}.")
    return Entry(**raw)
