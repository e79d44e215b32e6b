"""Entries of a herbal, found by their structure: a heading, below it at least one known section before the next heading.

Sections are those of Culpeper's book and Gerard's: Descript., Place., Time., Government and virtues., and their spellings.
What is not covered: what a book says of names, kinds and dangers (counted as other_section).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from aj.sources import book
from aj.sources.book import Line, Paragraph

MARKERS = {
    "descript": "description", "description": "description", "place": "place", "places": "place", "time": "time", "season": "time",
    "government and virtues": "virtues", "government and vertues": "virtues", "government and use": "virtues",
    "government": "virtues", "virtues": "virtues", "vertues": "virtues", "virtue": "virtues", "uses": "virtues", "use": "virtues",
}  # fmt: skip
SMALL = {"and", "for", "in", "of", "or", "the", "with"}
HERB_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


@dataclass
class Section:
    """What a book says of one thing about one herb: texts of lines by paragraph, and the lines they come from."""

    topic: str
    """description, place, time, virtues; "" for any other."""
    lines: list[Line]
    paragraphs: list[list[str]] = field(default_factory=lambda: [[]])


@dataclass
class Entry:
    """A heading with everything up to the next one."""

    name: str
    heading: tuple[Line, ...]
    before: list[Line] = field(default_factory=list)
    """Lines before the first section."""
    sections: list[Section] = field(default_factory=list)


class Grammar:
    """How sections open: ``_Place._]``, ``_Place._`` or ``Place.]`` wherever they stand at a line's start, those in italics also
    within a line; ``Place.``, ``Place:`` and ``_Place_`` only where a paragraph starts. The first letter is a capital."""

    def __init__(self, markers: Mapping[str, str]) -> None:
        self.topics = {marker.casefold(): topic for marker, topic in markers.items()}
        names = "|".join(re.escape(name).replace(r"\ ", r"\s+") for name in sorted(self.topics, key=len, reverse=True))
        name, rest = rf"((?:the\s+)?(?:{names}))", r"[\s.:—-]*"
        styled = rf"_{name}\s*(?:[.:,]_[.:,]?\s*\]?|_[.:,]?\s*\]){rest}"
        self.within = re.compile(styled, re.IGNORECASE)
        self.line = re.compile(rf"{name}\s*[.:,]?\s*\]{rest}", re.IGNORECASE)
        self.paragraph = re.compile(rf"¶?\s*(?:_{name}_[.:]?(?=\s|$)|{name}[.:](?=\s|[—-]|$)){rest}", re.IGNORECASE)
        self.alone = re.compile(rf"[_¶\s]*{name}[\s.:_\]]*", re.IGNORECASE)
        self.other = re.compile(rf"(?:_[A-Z][^_\]]{{1,40}}_?[.:,]?_?\s*\]|[A-Z][\w ]{{1,40}}\.\s?\]){rest}")

    def cut(self, text: str, *, first: bool) -> Iterator[tuple[str | None, str]]:
        """(topic, text) for each stretch of a line: None goes on with what was open, "" is a section of another kind."""
        cuts = [(found, self._topic(found)) for found in self.within.finditer(text) if self._topic(found)]
        if not cuts or cuts[0][0].start():
            opens = self.line.match(text) or (self.paragraph.match(text) if first else None)
            other = self.other.match(text)
            if opens and self._topic(opens):
                cuts.insert(0, (opens, self._topic(opens)))
            elif other:
                cuts.insert(0, (other, ""))
        ends = [found.start() for found, _ in cuts] + [len(text)]
        if text[: ends[0]].strip():
            yield None, text[: ends[0]]
        for (found, topic), end in zip(cuts, ends[1:], strict=True):
            yield topic, text[found.end() : end]

    def heading(self, text: str) -> str:
        """The topic of a heading that names a section instead of a herb, or ""."""
        found = self.alone.fullmatch(text)
        return self._topic(found) if found else ""

    def _topic(self, found: re.Match[str]) -> str:
        name = next(group for group in found.groups() if group)
        return self.topics[" ".join(name.casefold().removeprefix("the ").split())] if name[0].isupper() else ""


def split(paragraphs: Iterable[Paragraph], markers: Mapping[str, str]) -> tuple[list[Entry], Counter[str]]:
    """Entries of a book, and what became of its lines: how many are ``used``, how many are left for each reason.

    ``markers``: words that open a section -> description, place, time or virtues.
    """
    grammar = Grammar(markers)
    entries: list[Entry] = []
    fate: Counter[str] = Counter()
    entry: Entry | None = None
    for paragraph in paragraphs:
        text = " ".join(line.text for line in paragraph.lines)
        if paragraph.lines[0].kind:
            fate.update(line.kind for line in paragraph.lines)
        elif paragraph.heading and not (entry and grammar.heading(text)):
            _close(entry, entries, fate)
            entry = Entry(_name(paragraph), paragraph.lines)
        elif entry is None:
            fate["front_matter"] += len(paragraph.lines)
        elif paragraph.heading:
            entry.sections.append(Section(grammar.heading(text), list(paragraph.lines)))
        else:
            _add(entry, paragraph, grammar)
    _close(entry, entries, fate)
    return entries, fate


def _add(entry: Entry, paragraph: Paragraph, grammar: Grammar) -> None:
    if entry.sections:
        entry.sections[-1].paragraphs.append([])
    for number, line in enumerate(paragraph.lines):
        for topic, text in grammar.cut(line.text, first=number == 0):
            if topic is not None:
                entry.sections.append(Section(topic, []))
            if entry.sections:
                entry.sections[-1].paragraphs[-1].append(text)
                entry.sections[-1].lines.append(line)
            else:
                entry.before.append(line)


def _close(entry: Entry | None, entries: list[Entry], fate: Counter[str]) -> None:
    """Count what an entry holds: each line once, as used where a section of the four uses any of it."""
    if entry is None:
        return
    filled = [s for s in entry.sections if s.topic and any(book.prose(texts, frozenset()) for texts in s.paragraphs)]
    reasons = {id(line): "before_first_section" for line in (*entry.heading, *entry.before)}
    for section in entry.sections:
        reasons |= {id(line): "empty_section" if section.topic else "other_section" for line in section.lines}
    if filled:
        reasons |= {id(line): "used" for lines in (entry.heading, *(s.lines for s in filled)) for line in lines}
        entries.append(Entry(entry.name, entry.heading, entry.before, filled))
    else:
        reasons = dict.fromkeys(reasons, "heading_without_section" if entries else "front_matter")
    fate.update(reasons.values())


def _name(paragraph: Paragraph) -> str:
    text = book.prose([line.text for line in paragraph.lines], frozenset()).strip(" .:;,*_=")
    if text != text.upper():
        return text
    return HERB_WORD.sub(lambda m: m[0].lower() if m[0].lower() in SMALL and m.start() else m[0].capitalize(), text)
