"""Public-domain herbals in the manner of Culpeper's: a heading a herb, below it sections on looks, place, time and virtues.

Each section becomes one question with the book's own words as the answer; a row says its book, file, entry, section and
lines. Every line of a book is used or left for a named reason, and the account says how many of each (entries.py).
The herb's name is the group, so that one herb never stands on both sides of the split, whichever book it is in.
What is not covered: whether the book is right; the questions name it, so that nothing is learned as said by anyone else.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aj.errors import DataError
from aj.sources import book, rows
from aj.sources.card import Herbal, beside
from aj.sources.entries import MARKERS, Entry, Section, split

QUESTIONS = {
    "description": ("what does {herb} look like?", "how is {herb} described?", "how do I know {herb} when I see it?"),
    "place": ("where does {herb} grow?", "in what places is {herb} found?", "where should I look for {herb}?"),
    "time": ("at what time of the year does {herb} flower or seed?", "what is the time of {herb}?", "when is {herb} in season?"),
    "virtues": ("what are the virtues of {herb}?", "what is {herb} used for?", "what is {herb} said to be good for?"),
}


def land(card: Herbal, name: str, out: Path) -> tuple[int, dict[str, int]]:
    """Write ``out/rows/FILE.parquet`` for every book; returns the number of rows, and an account: entries found, and of each
    file the lines ``read``, ``used`` and ``left.REASON`` (read = used + left).

    Raises DataError for a pattern without a file, a file that cannot be read and one without an entry. None of them leaves a
    file under ``out``.
    """
    account: dict[str, int] = {}
    found: dict[str, list[dict[str, Any]]] = {}
    for file, path in beside(name, card.paths, book.SUFFIXES).items():
        paragraphs = book.read(path)
        entries, fate = split(paragraphs, {**MARKERS, **card.markers})
        found[file] = list(_rows(card, file, entries, book.words(paragraphs)))
        lines, used = sum(len(p.lines) for p in paragraphs), fate.pop("used", 0)
        if lines != used + fate.total():
            raise DataError(
                f"source {name!r}: {file!r} has {lines} lines, {used} used and {fate.total()} left: report this book."
            )
        reasons = {f"left.{reason}": count for reason, count in sorted(fate.items())}
        counts = {"entries": len(entries), "read": lines, "used": used, **reasons}
        print(f"{name}: {file}: {len(found[file])} rows; {', '.join(f'{key} {count}' for key, count in counts.items())}")
        if not found[file]:
            raise DataError(
                f"source {name!r}: {file!r} has no entry ({', '.join(f'{r} {n}' for r, n in reasons.items())}): an entry is "
                "a heading in capitals or a tag h1 to h6 with a section such as Place below it; mend the file, or write the "
                "words of its sections into markers."
            )
        account |= {f"{key}.{file}": count for key, count in counts.items()}
    for file, records in found.items():
        rows.write(out / "rows" / f"{file}.parquet", records)
    return sum(map(len, found.values())), account


def _rows(card: Herbal, file: str, entries: Iterable[Entry], known: frozenset[str]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        for topic, questions in QUESTIONS.items():
            sections = [section for section in entry.sections if section.topic == topic]
            paragraphs = [book.prose(texts, known) for section in sections for texts in section.paragraphs]
            answer = "\n\n".join(filter(None, paragraphs))
            if not answer:
                continue
            chance = int(hashlib.sha256(f"{card.id}:{entry.name}:{topic}".encode()).hexdigest()[:8], 16)
            question = f"According to {card.title}, {questions[chance % len(questions)].format(herb=entry.name)}"
            yield {
                "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}],
                "tools": [], "group": _group(entry.name), "book": card.id, "file": file, "entry": entry.name, "section": topic,
                "lines": _places(sections, "number"), "elements": _places(sections, "element"),
            }  # fmt: skip


def _places(sections: Sequence[Section], unit: str) -> str:
    ends = [(getattr(s.lines[0], unit), getattr(s.lines[-1], unit)) for s in sections]
    return ",".join(f"{first}-{last}" for first, last in ends if first is not None)


def _group(name: str) -> str:
    """One word for a herb, without its other names: the mix takes every word of a group for a group."""
    main = re.split(r"[,;(]|\bor\b", name.casefold())[0]
    return "herb:" + "-".join(re.findall(r"\w+", re.sub(r"['’]", "", main)) or ["unnamed"])
