"""Charts of a mix as geometry: bars, ticks and texts in pixels, which the template of the report draws as SVG."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aj.errors import DataError

LEFT, PLOT, RIGHT = 220.0, 430.0, 170.0  # of a bar chart: names, bars, notes
HIST_WIDTH, HIST_HEIGHT = 330.0, 110.0  # inside the axes of a histogram
NAME = 26  # characters of a source's name that fit beside its bars
COLOURS = 6  # reasons with a colour of their own; the others share grey


@dataclass(frozen=True)
class Histogram:
    """Rows by length: ``counts[i]`` rows have ``edges[i]`` to less than ``edges[i + 1]`` tokens."""

    edges: tuple[int, ...]
    """Tokens, rising; one more than counts."""
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.edges) != len(self.counts) + 1 or list(self.edges) != sorted({*self.edges}):
            raise DataError(
                f"{len(self.counts)} counts do not fit the edges {self.edges}: give rising ones, one more than counts."
            )

    @classmethod
    def of(cls, lengths: Any, max_length: int, bins: int = 40) -> "Histogram":
        """Count lengths (integers, a sequence or array). Sources with one ``max_length`` get the same edges, unless rows are longer."""
        import numpy as np

        values = np.asarray(lengths, np.int64)
        step = max(-(-max_length // bins), 1)
        last = max(int(values.max(initial=0)), max_length)
        counts = np.bincount(values // step, minlength=last // step + 1)
        return cls(tuple(range(0, (len(counts) + 1) * step, step)), tuple(counts.tolist()))

    def median(self) -> float:
        """Tokens that half of the rows do not reach, by interpolation; 0 where there is no row."""
        seen, half = 0, sum(self.counts) / 2
        for count, start, stop in zip(self.counts, self.edges, self.edges[1:], strict=False):
            if count and seen + count >= half:
                return start + (stop - start) * (half - seen) / count
            seen += count
        return 0.0


@dataclass(frozen=True)
class SourceReport:
    """One source. Raises DataError where rows in are not kept + dropped."""

    name: str
    id: str
    revision: str
    licence: str
    rows_in: int
    kept: int
    dropped: Mapping[str, int]
    """Reason -> rows."""
    asked: int
    """Rows of the training set, as are the next two."""
    available: int
    taken: int
    samples: Mapping[str, Sequence[tuple[str, str]]]
    """Reason -> a few (place, excerpt)."""
    lengths: Histogram
    """Of the rows kept."""
    trainable_share: float
    """Share of the tokens that is learned, 0 to 1."""

    def __post_init__(self) -> None:
        if self.rows_in != self.kept + sum(self.dropped.values()):
            raise DataError(
                f"source {self.name!r}: {self.rows_in} rows in are not {self.kept} kept and {sum(self.dropped.values())} dropped: "
                "count every row once."
            )


@dataclass(frozen=True)
class Bar:
    """A rectangle; ``kind`` is its class in the style sheet, ``title`` what it says when pointed at."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Chart:
    """What the template draws: bars, ticks of the value axis as (pixel, label), texts as (x, y, text, class, whole text)."""

    width: float
    height: float
    bars: Sequence[Bar]
    ticks: Sequence[tuple[float, str]]
    texts: Sequence[tuple[float, float, str, str, str]] = ()
    side: Sequence[tuple[float, str]] = ()
    """Ticks of the second axis (histograms)."""
    line: float = 0.0
    """Where max_length stands (histograms)."""


@dataclass(frozen=True)
class Reason:
    """Why rows were dropped; ``kind`` is the class of its colour, ``where`` the sources with their rows."""

    name: str
    kind: str
    rows: int
    where: Sequence[tuple[str, int]]


def asked_chart(sources: Sequence[SourceReport]) -> Chart:
    """Two bars a source: rows asked, rows taken; beside them the shares of the whole."""
    totals = {"asked": sum(s.asked for s in sources), "taken": sum(s.taken for s in sources)}
    top, ticks = axis(max(max(s.asked, s.taken) for s in sources), tick)
    bars, texts = [], []
    for number, source in enumerate(sources):
        y = number * 48.0
        texts.append(_label(source.name, y + 20))
        for line, (kind, total) in enumerate(totals.items()):
            rows: int = getattr(source, kind)
            width = _width(rows, top)
            note = f"{short(rows)} {kind}, {percent(rows / max(total, 1))}"
            bars.append(Bar(LEFT, y + 18 * line, width, 15, kind, f"{source.name}: {rows:,} rows {kind}"))
            texts.append((LEFT + width + 6, y + 18 * line + 12, note, "note", note))
    return Chart(LEFT + PLOT + RIGHT, len(sources) * 48.0, bars, [(LEFT + PLOT * at, label) for at, label in ticks], texts)


def reasons(sources: Sequence[SourceReport]) -> list[Reason]:
    """Reasons for drops, the most frequent first."""
    total = sum((Counter(source.dropped) for source in sources), Counter[str]())
    ranked = sorted((reason for reason, n in total.items() if n), key=lambda reason: (-total[reason], reason))
    where = {
        r: sorted(((s.name, s.dropped[r]) for s in sources if s.dropped.get(r)), key=lambda x: (-x[1], x[0])) for r in ranked
    }
    return [Reason(reason, f"c{min(rank, COLOURS)}", total[reason], where[reason]) for rank, reason in enumerate(ranked)]


def drops_chart(sources: Sequence[SourceReport], legend: Sequence[Reason]) -> Chart:
    """One bar a source: the share of its rows that was dropped, stacked by reason."""
    shares = [sum(s.dropped.values()) / max(s.rows_in, 1) for s in sources]
    top, ticks = axis(max(*shares, 0.001), percent, whole=False)
    bars, texts = [], []
    for number, (source, share) in enumerate(zip(sources, shares, strict=True)):
        x, y, count = LEFT, number * 32.0, sum(source.dropped.values())
        texts.append(_label(source.name, y + 15))
        for reason in legend:
            if rows := source.dropped.get(reason.name, 0):
                width = PLOT * rows / source.rows_in / top
                title = f"{source.name}: {reason.name} {rows:,} ({percent(rows / source.rows_in)})"
                bars.append(Bar(x, y, width, 20, reason.kind, title))
                x += width
        note = f"{short(count)} of {short(source.rows_in)}, {percent(share)}" if count else "none dropped"
        texts.append((x + 6, y + 15, note, "note", note))
    return Chart(LEFT + PLOT + RIGHT, len(sources) * 32.0, bars, [(LEFT + PLOT * at, label) for at, label in ticks], texts)


def histogram_chart(lengths: Histogram, max_length: int) -> Chart:
    """Rows by length in tokens; bar i covers its bin."""
    right = max(lengths.edges[-1], max_length)
    most, side = axis(max(lengths.counts, default=0), tick, steps=3)
    _, ticks = axis(right, tick, steps=5, whole=True, outermost=False)
    bars = []
    for count, start, stop in zip(lengths.counts, lengths.edges, lengths.edges[1:], strict=False):
        if count:
            height = max(HIST_HEIGHT * count / most, 1)
            title = f"{count:,} rows of {start:,} to {stop - 1:,} tokens"
            width = HIST_WIDTH * (stop - start) / right
            bars.append(Bar(HIST_WIDTH * start / right, HIST_HEIGHT - height, max(width - 0.5, 0.5), height, "bin", title))
    along, up = [(HIST_WIDTH * at, label) for at, label in ticks], [(HIST_HEIGHT * (1 - at), label) for at, label in side]
    return Chart(HIST_WIDTH, HIST_HEIGHT, bars, along, (), up, HIST_WIDTH * max_length / right)


def axis(
    largest: float, label: Any, *, steps: int = 5, whole: bool = True, outermost: bool = True
) -> tuple[float, list[tuple[float, str]]]:  # fmt: skip
    """(end of an axis from 0, its ticks as (share of its length, label)): about ``steps`` round steps, whole numbers if ``whole``.

    The axis ends at the tick at or above ``largest``, or without ``outermost`` at ``largest`` itself.
    """
    step = 1.0 if whole else 1e-6  # finer steps than 0.0001 % have no label of their own
    while not any(largest <= steps * step * factor for factor in (1, 2, 5)):
        step *= 10
    step *= next(factor for factor in (1, 2, 5) if largest <= steps * step * factor)
    count = int(largest / step + 1e-9) if not outermost else max(int(-(-largest // step)), 1)
    end = step * count if outermost else largest
    return end, [(n * step / end, label(round(n * step, 9))) for n in range(count + 1)]


def short(number: float, least: float = 9999.5) -> str:
    """A count in at most five characters and K, M or B: 9,999, 12.3K, 100M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if number >= max(size * 0.9995, least):
            return f"{number / size:.3g}{letter}" if number < size * 999.5 else f"{number / size:,.0f}{letter}"
    return f"{number:,.0f}"


def tick(number: float) -> str:
    """As ``short``, but 2K beside 10K."""
    return short(number, least=1000)


def percent(share: float) -> str:
    """A share of 1 as a percentage of three digits; what is there is never 0 %, what is not all never 100 %."""
    if 0 < share < 0.000001:
        return "<0.0001%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{float(f'{share * 100:.3g}'):.6f}".rstrip("0").rstrip(".") + "%"


def fitting(name: str) -> str:
    """A name of at most NAME characters: head and tail of a long one, since names often differ at either end."""
    return name if len(name) <= NAME else f"{name[: NAME // 2]}…{name[-(NAME // 2 - 1) :]}"


def _width(rows: int, top: float) -> float:
    return max(PLOT * rows / top, 1) if rows else 0.0


def _label(name: str, y: float) -> tuple[float, float, str, str, str]:
    """A source's name beside its bars."""
    return LEFT - 10, y, fitting(name), "name", name
