"""The page of the mix: everything of the report is on it, nothing of a row is markup, the charts show the numbers."""

import itertools
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from aj.errors import DataError
from aj.mix.charts import (
    NAME,
    Histogram,
    SourceReport,
    asked_chart,
    axis,
    drops_chart,
    fitting,
    histogram_chart,
    percent,
    reasons,
    short,
)  # fmt: skip
from aj.mix.difference import changed
from aj.mix.report import Leaks, NearDuplicates, Overlap, Pair, Report, Span, render, shown

EVIL = "<script>alert(1)</script><|im_start|>\"x\"='y' & </div>\x00\u202e\ud800"
HTML = "&lt;script&gt;alert(1)&lt;/script&gt;&lt;|im_start|&gt;&#34;x&#34;=&#39;y&#39; &amp; &lt;/div&gt;⟨0000⟩⟨202E⟩⟨D800⟩"
VOID = {"meta"}


def source(name: str = "chat", **changes: Any) -> SourceReport:
    fields: dict[str, Any] = {
        "name": name,
        "id": f"made/{name}",
        "revision": "0123456789abcdef0123456789abcdef01234567",
        "licence": "MIT",
        "rows_in": 1000,
        "kept": 900,
        "dropped": {"too_long": 70, "duplicate": 30},
        "asked": 800,
        "available": 600,
        "taken": 600,
        "samples": {"too_long": [("rows.jsonl:7", "412 tokens")]},
        "lengths": Histogram((0, 160, 320, 480), (700, 200, 0)),
        "trainable_share": 0.25,
    }
    return SourceReport(**{**fields, **changes})


def report(*sources: SourceReport, **changes: Any) -> Report:
    fields: dict[str, Any] = {
        "sources": sources or (source(), source("sql", dropped={}, kept=1000, samples={})),
        "train": 1234,
        "validation": 56,
        "tokens": 789_012,
        "max_length": 320,
        "near_duplicates": NearDuplicates(21, 34, [Pair("the red fox runs", "the blue fox runs", "chat")]),
        "leaks": Leaks(
            {"chat": {"13-gram": 43}}, {"sql": {"same template": 65}}, [Overlap("chat", "13-gram", "how tall is it", "q:87")]
        ),
        "row": [Span("<|im_start|>user\nhi<|im_end|>\n", False), Span("hello<|im_end|>", True)],
    }
    return Report(**{**fields, **changes})


class Page(HTMLParser):
    """The tags and attributes of a page; fails on a tag that is not closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_every_number_and_sample_of_the_report_is_on_the_page() -> None:
    text = " ".join(Page(render(report())).text)
    for seen in ("1,234", "56", "789,012", "21 rows", "34 rows", "43", "65", "same template", "q:87", "how tall is it", "25%"):
        assert seen in text
    for seen in ("made/chat", "0123456789ab", "MIT", "1,000", "900", "too_long", "rows.jsonl:7", "412 tokens", "max_length 320"):
        assert seen in text


def test_nothing_that_a_row_says_becomes_markup() -> None:
    hit = Overlap(EVIL, EVIL, EVIL, EVIL)
    whole = report(
        source(EVIL, id=EVIL, revision=EVIL, licence=EVIL, dropped={EVIL: 100}, samples={EVIL: [(EVIL, EVIL)]}),
        near_duplicates=NearDuplicates(1, 1, [Pair(EVIL, "", EVIL)]),
        leaks=Leaks({EVIL: {EVIL: 1}}, {EVIL: {EVIL: 1}}, [hit]),
        row=[Span(EVIL, True), Span(EVIL, False)],
    )
    page = render(whole)
    assert page.encode("utf-8").count(HTML.encode()) >= 15
    tags = {tag for tag, _, _ in Page(page).attributes} | set(re.findall(r"<(\w+)", page))
    assert "script" not in tags
    assert tags == {tag for tag, _, _ in Page(render(report())).attributes} | set(re.findall(r"<(\w+)", render(report())))


def test_the_page_needs_nothing_from_outside() -> None:
    page = render(report())
    assert page.startswith("<!doctype html>")
    assert not re.findall(r"https?:|url\(|@import|\bon\w+=", page)
    assert not [a for a in Page(page).attributes if a[1] in ("src", "href")]
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in Page(page).attributes
    assert "prefers-color-scheme: dark" in page


def test_the_same_report_gives_the_same_bytes_in_any_process() -> None:
    code = (
        "from tests.unit.test_mix_report import *; import hashlib; print(hashlib.sha256(render(report()).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(digests) == 1


def test_the_learned_spans_are_marked_and_no_other_text_is() -> None:
    page = render(report())
    row = page[page.index('<div class="row text">') :]
    assert '">&lt;|im_start|&gt;user\nhi&lt;|im_end|&gt;\n<mark class="learned">hello&lt;|im_end|&gt;</mark></div>' in row


def test_the_words_that_differ_are_marked() -> None:
    page = render(report())
    assert '<div class="text">the <mark>red</mark> fox runs</div>' in page
    assert '<div class="text">the <mark>blue</mark> fox runs</div>' in page


def test_a_long_stretch_without_a_difference_is_left_out_and_counted() -> None:
    head, tail = [f"a{n}" for n in range(100)], [f"b{n}" for n in range(100)]
    left, right = changed(" ".join([*head, "one", *tail]), " ".join([*head, "two", "three", *tail]))
    assert [kind for _, kind in left] == ["same", "left out", "same", "same", "changed", "same", "left out", "same"]
    assert [text.strip() for text, kind in left if kind == "left out"] == ["… 92 equal words …"] * 2
    assert "".join(text for text, kind in right if kind == "changed") == "two three"
    assert "a92 a93 a94 a95 a96 a97 a98 a99 two three b0 b1 b2 b3 b4 b5 b6 b7 " in "".join(text for text, _ in right)


@pytest.mark.parametrize(
    ("kept", "removed"),
    [("", ""), ("a b", ""), (" \n ", "x"), ("a  b\n", "a b"), ("é ü", "é\u00a0u"), ("one " * 30, "two " * 30)],
)
def test_pairs_of_any_kind_lose_nothing_where_nothing_is_left_out(kept: str, removed: str) -> None:
    for side, text in zip(changed(kept, removed), (kept, removed), strict=True):
        assert "".join(piece for piece, _ in side) == text or any(kind == "left out" for _, kind in side)


def test_a_text_beyond_what_is_compared_says_so() -> None:
    left, right = changed("w " * 1500, "w " * 1001)
    assert left[-1] == ("… 501 words not compared", "left out")
    assert right[-1] == ("… 2 words not compared", "left out")


def test_bars_are_as_long_as_their_numbers() -> None:
    chart = asked_chart([source(asked=800, taken=600), source("b", asked=200, taken=1)])
    asked, taken, few, one = (bar.width for bar in chart.bars)
    assert taken / asked == pytest.approx(0.75)
    assert few / asked == pytest.approx(0.25)
    assert one == 1  # what is there can be seen
    assert [text for _, _, text, kind, _ in chart.texts if kind == "note"] == [
        "800 asked, 80%",
        "600 taken, 99.8%",
        "200 asked, 20%",
        "1 taken, 0.166%",
    ]
    assert [label for _, label in chart.ticks] == ["0", "200", "400", "600", "800"]


def test_drops_are_stacked_without_a_gap_and_end_at_their_share() -> None:
    sources = [
        source(),
        source("clean", kept=1000, dropped={}),
        source("other", kept=600, dropped={"too_long": 100, "bad_json": 300}),
    ]
    legend = reasons(sources)
    assert [(r.name, r.kind, r.rows, r.where) for r in legend] == [
        ("bad_json", "c0", 300, [("other", 300)]),
        ("too_long", "c1", 170, [("other", 100), ("chat", 70)]),
        ("duplicate", "c2", 30, [("chat", 30)]),
    ]
    chart = drops_chart(sources, legend)
    scale = chart.ticks[-1][0] - chart.ticks[0][0]  # 40 % of a source's rows
    assert chart.ticks[-1][1] == "40%"
    long, duplicate, bad, long_too = chart.bars
    assert duplicate.x == pytest.approx(long.x + long.width)
    assert (long.width + duplicate.width) / scale == pytest.approx(0.1 / 0.4)
    assert (bad.width + long_too.width) / scale == pytest.approx(1)
    assert [text for _, _, text, kind, _ in chart.texts if kind == "note"] == [
        "100 of 1,000, 10%",
        "none dropped",
        "400 of 1,000, 40%",
    ]


def test_reasons_beyond_the_colours_share_grey() -> None:
    names = [f"reason{n}" for n in range(9)]
    legend = reasons([source(kept=955, dropped={name: n + 1 for n, name in enumerate(names)})])
    assert [r.kind for r in legend] == ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c6", "c6"]
    assert "3 other reasons" in render(report(source(kept=955, dropped={name: n + 1 for n, name in enumerate(names)})))


def test_a_histogram_covers_its_bins_and_the_limit_stands_at_its_place() -> None:
    chart = histogram_chart(Histogram((0, 100, 200, 400), (10, 0, 5)), 400)
    first, last = chart.bars
    assert first.x == 0
    assert last.x == pytest.approx(chart.width / 2)
    assert last.height / first.height == pytest.approx(0.5)
    assert first.y + first.height == pytest.approx(chart.height)
    assert chart.line == chart.width
    assert [label for _, label in chart.side] == ["0", "5", "10"]


def test_lengths_are_counted_into_the_same_bins_for_every_source() -> None:
    few, many = Histogram.of([0, 7, 8, 320], 320), Histogram.of(range(1, 321), 320)
    assert few.edges == many.edges == tuple(range(0, 329, 8))
    assert (few.counts[0], few.counts[1], few.counts[40], sum(few.counts)) == (2, 1, 1, 4)
    assert many.median() == pytest.approx(160, abs=2)
    assert sum(Histogram.of([500], 320).counts) == 1
    assert Histogram.of([], 320).median() == 0


@pytest.mark.parametrize(("edges", "counts"), [((0, 8), (1, 2)), ((0, 8, 8), (1, 2)), ((8, 0), (1,))])
def test_edges_that_do_not_fit_are_refused(edges: tuple[int, ...], counts: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="do not fit the edges"):
        Histogram(edges, counts)


def test_rows_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(DataError, match="source 'chat': 1000 rows in are not 899 kept and 100 dropped: count every row once"):
        source(kept=899)


def test_a_report_without_sources_is_refused() -> None:
    with pytest.raises(DataError, match="0 sources"):
        render(replace(report(), sources=()))


def test_a_mix_that_lost_nothing_says_so() -> None:
    clean = source(kept=1000, dropped={}, samples={})
    page = render(report(clean, near_duplicates=NearDuplicates(0, 0), leaks=Leaks({}, {})))
    text = " ".join(Page(page).text)
    assert "No row was dropped." in text
    assert "No row was removed." in text
    assert "No row has words or SQL in common with what evaluation asks." in text


def test_twelve_sources_with_long_names_and_billions_of_rows_stay_inside_the_chart() -> None:
    n = 2_000_000_000
    sources = [
        source(f"{i}-" + "long-name-" * 9, rows_in=n, kept=n - 7, dropped={"leak": 7}, asked=n, taken=n) for i in range(12)
    ]
    for chart in (asked_chart(sources), drops_chart(sources, reasons(sources))):
        for x, y, text, kind, _ in chart.texts:
            wide = len(text) * 7.2  # the widest common font at 12 pixels, on average
            assert (x - wide >= 0) if kind == "name" else (x + wide <= chart.width)
            assert 0 <= y <= chart.height
        rows = sorted({y for _, y, _, kind, _ in chart.texts if kind == "name"})
        assert len(rows) == 12
        assert min(b - a for a, b in itertools.pairwise(rows)) >= 20
    assert len(fitting(sources[0].name)) == NAME
    Page(render(report(*sources)))


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0"), (9999, "9,999"), (10_000, "10K"), (12_345, "12.3K"), (999_499, "999K"), (999_500, "1M"), (100_000_000, "100M"),
     (1_500_000_000, "1.5B"), (2_500_000_000_000, "2,500B")],
)  # fmt: skip
def test_counts_are_short(number: int, written: str) -> None:
    assert short(number) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [(0, "0%"), (1, "100%"), (0.5, "50%"), (0.41239, "41.2%"), (0.99951, ">99.9%"), (0.0000123, "0.00123%"), (1e-9, "<0.0001%")],
)
def test_percentages_have_three_digits_and_tell_few_from_none(share: float, written: str) -> None:
    assert percent(share) == written


@pytest.mark.parametrize("largest", [0, 1, 3, 7, 11, 99, 101, 4999, 123_456, 10**8, 2 * 10**9])
def test_an_axis_ends_at_or_above_its_largest_number_in_few_round_steps(largest: int) -> None:
    end, ticks = axis(largest, str)
    values = [float(label) for _, label in ticks]
    assert largest <= end == values[-1]
    assert end <= max(largest * 2, 1)
    assert 2 <= len(ticks) <= 6
    assert len({round(b - a, 6) for a, b in itertools.pairwise(values)}) == 1


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert shown("a\tb\r\nc\rd\x1b[31m\u200b\ufeff") == "a\tb\nc⟨000D⟩d⟨001B⟩[31m⟨200B⟩⟨FEFF⟩"
    assert shown("👩\u200d🔬 é ✓") == "👩\u200d🔬 é ✓"
