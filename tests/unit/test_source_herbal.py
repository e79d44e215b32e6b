"""Herbals: entries found by their structure, every line used or left for a named reason, nothing of one herb on two sides."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aj.chat import normalise
from aj.errors import DataError, ParamsError
from aj.hashing import hash_tree
from aj.sources import herbal, rows
from aj.sources.card import Herbal, read

ROOT = Path(__file__).parents[2]
Landed = tuple[list[dict[str, Any]], dict[str, int]]

BOOK = """The Project Gutenberg eBook of A Small Herbal
This eBook is for the use of anyone anywhere.

*** START OF THE PROJECT GUTENBERG EBOOK A SMALL HERBAL ***

A SMALL HERBAL

To the reader: gather in dry weather.

ADDER'S-TONGUE, OR SERPENT'S
TONGUE.

This ſmall herb has but one leaf.

_Descript._] It is a ﬁne ſmall herb, ſpread-
ing from the root of an All-heal, with a short All-
heal stalk.[1]

It has a second paragraph* of _one_ sentence.

[Pg 12]

_Place._] It grows in moist mea-
dows. _Time._] In April.
May is the last month.

_Danger._] None is known.

_Government and virtues._] The Moon has [Pg 13] it.

[1] As Gerard says.

[Illustration: a leaf,
and a spike]

* * * * *

OF DRYING HERBS

Hang them in the shade.

BALM

Place. In gardens.

It runs there.

Time

_Use._]

*** END OF THE PROJECT GUTENBERG EBOOK A SMALL HERBAL ***

Section 1. General Terms of Use
"""


@pytest.fixture
def land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Landed]:
    """Write books beside a card and land them; rows with their messages read, and the account."""
    monkeypatch.chdir(tmp_path)

    def run(books: dict[str, str | bytes], *paths: str, **fields: Any) -> Landed:
        for name, text in books.items():
            path = Path("data/sources/mine", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        given = {"id": "mine-1", "revision": "1", "licence": "CC0-1.0", "description": "d", "title": "the book", **fields}
        card = Herbal(kind="herbal", paths=list(paths or books), **given)
        try:
            count, account = herbal.land(card, "mine", Path("out"))
        except DataError:
            assert not Path("out").exists()
            raise
        found = [row for file in sorted(Path("out/rows").rglob("*.parquet")) for row in rows.read_all(file)]
        assert count == len(found)
        return [{**row, "messages": json.loads(row["messages"])} for row in found], account

    return run


def answers(found: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    return {(row["entry"], row["section"]): row["messages"][1]["content"] for row in found}


def lines_of(text: str, row: dict[str, Any]) -> str:
    """What stands in the file where a row says it comes from."""
    spans = [span.split("-") for span in row["lines"].split(",")]
    return "\n".join(line for first, last in spans for line in text.split("\n")[int(first) - 1 : int(last)])


def test_an_entry_is_a_heading_with_its_sections_and_all_else_is_counted(land: Callable[..., Landed]) -> None:
    found, account = land({"book.txt": BOOK})
    assert answers(found) == {
        ("Adder's-Tongue, or Serpent's Tongue", "description"): (
            "It is a fine small herb, spreading from the root of an All-heal, with a short All-heal stalk."
            "\n\nIt has a second paragraph of one sentence."
        ),
        ("Adder's-Tongue, or Serpent's Tongue", "place"): "It grows in moist meadows.",
        ("Adder's-Tongue, or Serpent's Tongue", "time"): "In April. May is the last month.",
        ("Adder's-Tongue, or Serpent's Tongue", "virtues"): "The Moon has it.",
        ("Balm", "place"): "In gardens.\n\nIt runs there.\n\nTime",
    }
    assert account == {
        "entries.book.txt": 2,
        "read.book.txt": 31,
        "used.book.txt": 14,
        "left.before_first_section.book.txt": 1,
        "left.empty_section.book.txt": 1,
        "left.footnote.book.txt": 1,
        "left.frame_footer.book.txt": 2,
        "left.frame_header.book.txt": 3,
        "left.front_matter.book.txt": 2,
        "left.heading_without_section.book.txt": 2,
        "left.illustration.book.txt": 2,
        "left.ornament.book.txt": 1,
        "left.other_section.book.txt": 1,
        "left.page_number.book.txt": 1,
    }
    assert account["read.book.txt"] == sum(bool(line.strip()) for line in BOOK.split("\n"))


def test_a_row_says_where_in_the_file_it_comes_from(land: Callable[..., Landed]) -> None:
    found, _ = land({"book.txt": BOOK})
    place = next(row for row in found if row["section"] == "place")
    assert (place["book"], place["file"], place["elements"]) == ("mine-1", "book.txt", "")
    assert lines_of(BOOK, place) == "_Place._] It grows in moist mea-\ndows. _Time._] In April."
    for row in found:
        assert row["messages"][1]["content"].split()[0] in lines_of(BOOK, row).split()


def test_rows_are_conversations_of_the_one_schema_that_name_book_and_herb(land: Callable[..., Landed]) -> None:
    found, _ = land({"book.txt": BOOK}, title="the herbal of 1653")
    for row in found:
        conversation = normalise({"messages": row["messages"], "tools": row["tools"]})
        assert [m["role"] for m in conversation.messages] == ["user", "assistant"]
        question = row["messages"][0]["content"]
        assert question.startswith("According to the herbal of 1653, ")
        assert row["entry"] in question


def test_one_herb_is_one_group_in_every_book_and_spelling(land: Callable[..., Landed]) -> None:
    books = {
        "a.txt": "ADDER'S TONGUE, OR SERPENT'S TONGUE.\n\nPlace. A.",
        "b.txt": "THE HERB OF B\n\nTime. B.\n\nADDERS TONGUE\n\nPlace. C.",
    }
    groups = {(row["file"], row["entry"]): row["group"] for row in land(books)[0]}
    assert groups == {
        ("a.txt", "Adder's Tongue, or Serpent's Tongue"): "herb:adders-tongue",
        ("b.txt", "Adders Tongue"): "herb:adders-tongue",
        ("b.txt", "The Herb of B"): "herb:the-herb-of-b",
    }


HTML_BOOK = """<!DOCTYPE html>
<html><head><title>A herbal</title><style>p {margin: 0}</style></head>
<body><!-- nothing -->
<div>Produced by somebody.</div>
<h2>A HERBAL</h2>
<h3>Agrimony<sup>2</sup></h3>
<p><i>Descript.</i>] The leaves are <span class="pagenum">41</span>tooth-
ed and the stalk is
<em>slender</em>.</p>
<p>More of it.<a href="#f1">[1]</a></p>
<p><b>Place.</b> In fields,<br>and on banks &amp; ditches. <i>Time.</i>] In July.</p>
<h4>Government and Virtues.</h4>
<p>Jupiter&nbsp;has it.</p>
<script>track("Place.")</script>
<h3>Index</h3><p>Agrimony, 41</p>
</body></html>
"""


def test_html_is_read_by_its_headings_and_blocks(land: Callable[..., Landed]) -> None:
    found, account = land({"book.html": HTML_BOOK})
    assert answers(found) == {
        ("Agrimony", "description"): "The leaves are toothed and the stalk is slender.\n\nMore of it.",
        ("Agrimony", "place"): "In fields, and on banks & ditches.",
        ("Agrimony", "time"): "In July.",
        ("Agrimony", "virtues"): "Jupiter has it.",
    }
    assert {key.removesuffix(".book.html"): count for key, count in account.items()} == {
        "entries": 1, "read": 14, "used": 7, "left.front_matter": 2, "left.heading_without_section": 2, "left.markup": 3,
    }  # fmt: skip


def test_a_row_of_html_names_lines_and_tags_of_the_file(land: Callable[..., Landed]) -> None:
    found, _ = land({"book.html": HTML_BOOK})
    places = {row["section"]: (row["lines"], row["elements"]) for row in found}
    assert places["description"] == ("7-10", "9-13")
    assert places["virtues"] == ("12-13", "19-20")
    opening_tags = re.findall(r"<(\w+)", HTML_BOOK)
    assert [opening_tags[n] for n in (9, 13, 19, 20)] == ["p", "p", "h4", "p"]


def test_text_that_no_block_holds_and_unclosed_tags_are_not_lost(land: Callable[..., Landed]) -> None:
    found, account = land({"book.htm": "bare<h3>Balm</h3>Place. Loose text<p>Time. First<p>second</h3> last"})
    assert answers(found) == {("Balm", "place"): "Loose text", ("Balm", "time"): "First\n\nsecond last"}
    assert account["read.book.htm"] == 5
    assert account["left.front_matter.book.htm"] == 1


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("_Place._] By walls.", "By walls."),
        ("_Place_] By walls.", "By walls."),
        ("_Place_.] By walls.", "By walls."),
        ("Place.] By walls.", "By walls."),
        ("_The Place._ By walls.", "By walls."),
        ("PLACE. By walls; the Place: is old.", "By walls; the Place: is old."),
        ("Place.—By walls.", "By walls."),
        ("¶ _the place_\nBy walls.", None),
        ("¶ _The Place_\nBy walls.", "By walls."),
        ("place. By walls.", None),
        ("Places by walls.", None),
        ("Place by walls.", None),
        ("By walls, in a dry\nPlace. Some say so.", None),
        ("By its _place._ and no other.", None),
    ],
)
def test_sections_open_as_the_books_print_them(land: Callable[..., Landed], section: str, said: str | None) -> None:
    found, _ = land({"book.txt": f"BALM\n\n{section}\n\nSAGE\n\nTime. Always."})
    assert answers(found).get(("Balm", "place")) == said
    assert answers(found)["Sage", "time"] == "Always."


def test_a_card_can_name_the_markers_of_its_book(land: Callable[..., Landed]) -> None:
    book = {"book.txt": "BALM\n\n_Standort._] Im Garten.\n\nTime. Mai."}
    assert answers(land(book)[0]) == {("Balm", "time"): "Mai."}
    found, account = land(book, markers={"Standort": "place"})
    assert answers(found) == {("Balm", "place"): "Im Garten.", ("Balm", "time"): "Mai."}
    assert "left.other_section.book.txt" not in account


def test_a_section_that_stands_twice_is_one_answer_with_both_places(land: Callable[..., Landed]) -> None:
    found, _ = land({"book.txt": "DOCK\n\nDescript. Red.\n\nPlace. Wet.\n\nDescript. Also\nyellow."})
    [both] = [row for row in found if row["section"] == "description"]
    assert (both["messages"][1]["content"], both["lines"]) == ("Red.\n\nAlso yellow.", "3-3,7-8")


def test_a_byte_order_mark_and_windows_line_ends_change_nothing(land: Callable[..., Landed]) -> None:
    plain = land({"book.txt": BOOK})
    windows = land({"book.txt": b"\xef\xbb\xbf" + BOOK.replace("\n", "\r\n").encode()})
    assert windows == plain


def test_the_same_book_lands_the_same_bytes(land: Callable[..., Landed]) -> None:
    land({"book.txt": BOOK, "sub/book.html": HTML_BOOK})
    before = hash_tree(Path("out"))
    land({"book.txt": BOOK, "sub/book.html": HTML_BOOK})
    assert hash_tree(Path("out")) == before
    assert set(before) == {"rows/book.txt.parquet", "rows/sub/book.html.parquet"}


@pytest.mark.parametrize(
    ("books", "paths", "said"),
    [
        ({"book.txt": "BALM\n\nIt is green.\n"}, [], r"'book.txt' has no entry \(left.front_matter 2\): an entry is a heading"),
        ({"book.txt": "Place. Without a heading."}, [], r"has no entry \(left.front_matter 1\)"),
        ({"book.txt": b"B\xc6LM\n"}, [], "'book.txt' is not UTF-8 at byte 1: convert it"),
        ({"book.pdf": "x"}, [], r"'book.pdf' is not one of .txt, .html, .htm: convert it"),
        ({"book.txt": "x"}, ["*.html"], r"no file matches 'data/sources/mine/\*.html'; put it there"),
        ({"test/book.txt": BOOK}, [], "names 'test/book.txt': evaluation data does not go into training"),
    ],
)
def test_a_book_that_cannot_be_used_gives_one_sentence(
    land: Callable[..., Landed], books: dict[str, Any], paths: list[str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        land(books, *paths)


def test_a_pattern_that_is_none_is_refused(land: Callable[..., Landed]) -> None:
    with pytest.raises(ParamsError, match="'/etc/x' is no pattern of files beside the card"):
        land({"book.txt": BOOK}, "/etc/x")


def test_the_sample_of_the_repository_gives_twelve_herbs_with_four_sections_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    card = read("herbal-sample")
    assert isinstance(card, Herbal)
    count, account = herbal.land(card, "herbal-sample", tmp_path)
    assert (count, account["entries.sample.txt"]) == (48, 12)
    assert account["read.sample.txt"] == account["used.sample.txt"] + sum(
        n for key, n in account.items() if key.startswith("left.")
    )
    text = Path("data/sources/herbal-sample/sample.txt").read_text()
    for row in rows.read_all(tmp_path / "rows" / "sample.txt.parquet"):
        answer = json.loads(row["messages"])[1]["content"]
        assert not re.search(r"[_\[\]]", answer)
        assert answer.split()[0] in lines_of(text, row).split()
