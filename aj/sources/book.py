"""A transcribed book as paragraphs of lines, from plain text or HTML, with the place of each line in its file.

What a transcription adds (Project Gutenberg's frame, page numbers, footnotes, illustrations, ornaments, scripts) is marked
with its name, so that whoever reads the book can count it. In HTML a line is a block's text up to its end or a line break.
What is not covered: other encodings than UTF-8; tables, whose cells are paragraphs; headings in plain text that are not in
capitals.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from aj.errors import DataError

HTML = (".html", ".htm")
SUFFIXES = (".txt", *HTML)
HEADINGS, EMPHASIS = {"h1", "h2", "h3", "h4", "h5", "h6"}, {"i", "b", "em", "strong"}
BLOCKS = HEADINGS | {
    "html", "body", "div", "section", "article", "main", "header", "footer", "nav", "aside", "figure", "figcaption", "blockquote",
    "p", "pre", "center", "address", "ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "thead", "tbody", "tfoot", "tr", "td",
    "th", "hr",
}  # fmt: skip
MARKUP = ("head", "script", "style")
PAGE_CLASSES = {"pagenum", "pageno", "page", "pb"}
FRAME = re.compile(r"\*\*\*\s*(START|END) OF (?:THE|THIS) PROJECT GUTENBERG", re.IGNORECASE)
PAGE = re.compile(r"\[\s*(?:pg|page)\.?\s*\w+\s*\]|\{\d+\}", re.IGNORECASE)
FOOTNOTE = re.compile(r"\[footnote\b|\[(?:\d{1,3}|[A-Z*†‡])\]\s", re.IGNORECASE)
FOOTNOTE_MARK = re.compile(r"\[(?:\d{1,3}|[A-Z*†‡])\]|(?<=[^\s*†‡])[*†‡]+")
LETTERS = str.maketrans({"ſ": "s", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00ad": None})
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
BROKEN_WORD = re.compile(r"([\w'’]+)[-¬]\s*\n\s*(\w+)")
STYLED = re.compile(r"(?<!\w)([_=+])(?=\S)([^_=+]+)(?<=\S)\1(?!\w)")


@dataclass(frozen=True)
class Line:
    """A line of a book, modern letters, otherwise as it stands there. ``kind`` names what a transcription added; "" is text."""

    text: str
    number: int
    """Line of the file, from 1; in HTML that of the tag around it."""
    element: int | None = None
    """HTML: the tag around it is the n-th opening tag of the file, from 0."""
    kind: str = ""


@dataclass(frozen=True)
class Paragraph:
    """Lines without a gap. A heading is one by its tag, or because it is all in capitals."""

    lines: tuple[Line, ...]
    heading: bool


def read(path: Path) -> list[Paragraph]:
    """All paragraphs of a book in order; every line of the file that holds more than white space is in one of them.

    Raises DataError for a file that is not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name!r} is not UTF-8 at byte {error.start}: convert it, with iconv for instance.") from None
    text = unicodedata.normalize("NFC", text.translate(LETTERS))
    groups = _html(text) if path.suffix.lower() in HTML else _plain(text)
    return [paragraph for group in _framed(groups) for paragraph in _paragraphs(*group)]


def words(paragraphs: Iterable[Paragraph]) -> frozenset[str]:
    """Every word of a book in lower case, compounds with their hyphens: what ``prose`` mends broken words by."""
    return frozenset(w for p in paragraphs for line in p.lines for w in WORD.findall(line.text.casefold()))


def prose(texts: Sequence[str], known: frozenset[str]) -> str:
    """Lines of one paragraph as running text: words broken at a line's end joined, marks of pages, notes and style gone.

    A broken word keeps its hyphen only where the book elsewhere writes it with one and nowhere without.
    """

    def join(found: re.Match[str]) -> str:
        head, tail = found.groups()
        whole, compound = (f"{head}{hyphen}{tail}" for hyphen in ("", "-"))
        return compound if compound.casefold() in known and whole.casefold() not in known else whole

    text = BROKEN_WORD.sub(join, PAGE.sub("", "\n".join(texts)))
    return " ".join(STYLED.sub(r"\2", FOOTNOTE_MARK.sub("", text)).split())


def _plain(text: str) -> Iterator[tuple[list[Line], bool]]:
    lines: list[Line] = []
    for number, line in enumerate([*text.split("\n"), ""], 1):
        if line.strip():
            lines.append(Line(line.strip(), number))
        elif lines:
            yield lines, False
            lines = []


def _html(text: str) -> Iterator[tuple[list[Line], bool]]:
    from bs4 import BeautifulSoup, CData, Tag
    from bs4.element import PreformattedString

    soup = BeautifulSoup(text, "html.parser")
    order = {id(tag): number for number, tag in enumerate(soup.find_all(True))}
    pieces: list[tuple[Any, str]] = []
    for node in soup.descendants:
        if isinstance(node, Tag):
            if node.name == "br":
                pieces.append((_block(node), "\0"))
        elif not isinstance(node, PreformattedString) or isinstance(node, CData):  # the others are comments and declarations
            pieces.append((_block(node), _inline(node)))
    for _, run in groupby(pieces, key=lambda piece: id(piece[0])):
        (block, first), *others = run
        said = "".join([first, *(text for _, text in others)]).replace("__", "")
        kind = "markup" if any(tag.name in MARKUP for tag in (block, *block.parents)) else ""
        place = (block.sourceline or 1, order.get(id(block), 0), kind)
        lines = [Line(part.strip(), *place) for part in said.split("\0") if part.strip()]
        if lines:
            yield lines, block.name in HEADINGS


def _block(node: Any) -> Any:
    """The nearest block around a node; head, script and style count as one, and so does the file itself."""
    return next(tag for tag in node.parents if tag.name in BLOCKS or tag.name in MARKUP or tag.parent is None)


def _inline(node: Any) -> str:
    inside = []
    for tag in node.parents:
        if tag.name in BLOCKS:
            break
        inside.append(tag)
    text = str(node)
    if any(PAGE_CLASSES & set(tag.get_attribute_list("class")) for tag in inside):
        return ""
    if any(tag.name == "sup" for tag in inside) and re.fullmatch(r"\[?(\d{1,3}|[A-Z*†‡])\]?", text.strip()):
        return ""
    if text.strip() and any(tag.name in EMPHASIS for tag in inside):
        core = text.strip()
        return text.replace(core, f"_{core}_")  # as plain-text transcriptions write it
    return text


def _framed(groups: Iterable[tuple[list[Line], bool]]) -> Iterator[tuple[list[Line], bool]]:
    """Mark everything outside Project Gutenberg's START and END lines."""
    known = list(groups)
    flat = [line.text for lines, _ in known for line in lines]
    frames = {found[1].upper(): i for i, text in reversed(list(enumerate(flat))) if (found := FRAME.search(text))}
    start, end, at = frames.get("START", -1), frames.get("END", len(flat)), 0
    for lines, heading in known:
        kinds = ["frame_header" if i <= start else "frame_footer" if i >= end else "" for i in range(at, at + len(lines))]
        at += len(lines)
        yield [replace(line, kind=line.kind or kind) for line, kind in zip(lines, kinds, strict=True)], heading


def _paragraphs(lines: list[Line], heading: bool) -> Iterator[Paragraph]:
    """One group of lines as a paragraph, without the lines that a transcription added: these are paragraphs by themselves."""
    whole = _added(" ".join(line.text for line in lines))
    marked = [replace(line, kind=line.kind or whole or _added(line.text, alone=True)) for line in lines]
    text = tuple(line for line in marked if not line.kind)
    if text:
        yield Paragraph(text, heading or _in_capitals(text))
    if others := tuple(line for line in marked if line.kind):
        yield Paragraph(others, False)


def _added(text: str, *, alone: bool = False) -> str:
    if not any(character.isalnum() for character in text):
        return "ornament"
    if not PAGE.sub("", text).strip():
        return "page_number"
    if alone:
        return ""
    if re.match(r"\[illustration\b", text, re.IGNORECASE) and text.endswith("]"):
        return "illustration"
    return "footnote" if FOOTNOTE.match(text) else ""


def _in_capitals(lines: Sequence[Line]) -> bool:
    text = PAGE.sub("", " ".join(line.text for line in lines))
    return len(lines) <= 3 and len(text) <= 100 and text == text.upper() and any(c.isalpha() for c in text)
