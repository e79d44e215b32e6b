"""The page that a person looks at before training on a mix: what came in, what fell out and why, and what will be learned.

One HTML file without scripts or anything from outside; charts are inline SVG, drawn by data/templates/mix_report.html from
the geometry of charts.py. Its bytes depend on the report alone. Rows are strangers' text: everything is escaped, and what
would not be seen (control characters, marks that turn the direction of writing, halves of surrogate pairs) is spelled out.

What is not covered: pages for millions of samples (the caller chooses a few).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj.errors import DataError
from aj.mix.charts import SourceReport, asked_chart, drops_chart, fitting, histogram_chart, percent, reasons, short
from aj.mix.difference import changed

TEMPLATE = Path(__file__).parent.parent.parent / "data" / "templates" / "mix_report.html"
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Pair:
    """A row that was removed, beside the one that stands for it."""

    kept: str
    removed: str
    source: str
    """Of the removed row."""


@dataclass(frozen=True)
class NearDuplicates:
    """Near duplicates of all sources together."""

    clusters: int
    removed: int
    samples: Sequence[Pair] = ()


@dataclass(frozen=True)
class Overlap:
    """Words or SQL that a row has in common with an evaluation item."""

    source: str
    signal: str
    matched: str
    eval_id: str


@dataclass(frozen=True)
class Leaks:
    """Rows dropped because evaluation asks what they say, and overlap that was allowed."""

    rows: Mapping[str, Mapping[str, int]]
    """Source -> signal -> rows."""
    allowed: Mapping[str, Mapping[str, int]]
    """Source -> reason -> hits."""
    samples: Sequence[Overlap] = ()


@dataclass(frozen=True)
class Span:
    """A stretch of a decoded training row; ``learned``: the loss counts it."""

    text: str
    learned: bool


@dataclass(frozen=True)
class Report:
    """All that the page shows."""

    sources: Sequence[SourceReport]
    train: int
    """Rows."""
    validation: int
    """Rows."""
    tokens: int
    """Of the training set."""
    max_length: int
    """Tokens; longer rows were dropped."""
    near_duplicates: NearDuplicates
    leaks: Leaks
    row: Sequence[Span]
    """One training row as the model sees it."""


def render(report: Report) -> str:
    """The whole page. It holds no character that UTF-8 cannot write. Raises DataError where the report has no source."""
    import jinja2

    if not report.sources:
        raise DataError("a report of 0 sources shows nothing: name at least one.")
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=shown
    )
    environment.filters |= {"number": "{:,}".format, "short": short, "percent": percent, "fitting": fitting}
    legend = reasons(report.sources)
    context = {
        "report": report,
        "asked": asked_chart(report.sources),
        "drops": drops_chart(report.sources, legend),
        "legend": legend,
        "lengths": [histogram_chart(source.lengths, report.max_length) for source in report.sources],
        "pairs": [(pair, *changed(pair.kept, pair.removed)) for pair in report.near_duplicates.samples],
    }
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(context)


def shown(value: Any) -> Any:
    """Text with a visible name in place of each character that cannot be seen or written; other values as they are."""
    import markupsafe

    if not isinstance(value, str) or isinstance(value, markupsafe.Markup):
        return value
    return HIDDEN.sub(lambda found: f"⟨{ord(found[0]):04X}⟩", value.replace("\r\n", "\n"))
