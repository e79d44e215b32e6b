"""Decontamination: rows of training that contain what evaluation asks, found by two signals.

``13-gram``: 13 words of an evaluation item stand in one turn of the row (Brown et al., 2020, appendix C), whatever their case
and white space; an item text of 8 to 12 words must stand there whole. ``sql``: a query of the row is the item's gold SQL but
for its literals (canonical_sql.py). Each hit says its words and its item; what is done about it stands in overlap.py.

A turn is a message's content or one text in the arguments of a tool call. No stretch of words runs over the end of a turn,
in rows or in items: an item that a row splits between two turns is found where one of them has 13 words of it.

What is not covered: paraphrases and translations; item texts of fewer than 8 words, which ordinary language has too (counted);
SQL in running prose or in a shell command.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aj.errors import DataError
from aj.mix.canonical_sql import canonical_sql, sql_of, turns_of
from aj.mix.shingles import Hashes, Places, Words, hash_words, shingle_text, shingles

WORDS, SHORTEST = 13, 8
SIGNALS = ("13-gram", "sql")


@dataclass(frozen=True)
class EvalItem:
    """What evaluation asks: its texts (question, reference answer), each compared by itself, and its gold SQL."""

    id: str
    texts: tuple[str, ...]
    sql: str | None = None


@dataclass(frozen=True)
class Candidate:
    """A row that may leak. ``text`` holds every turn of ``messages``, a line each (Conversation.text)."""

    id: str
    source: str
    text: bytes
    messages: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, order=True)
class Hit:
    """What a row and an evaluation item have in common."""

    row_id: str
    source: str
    signal: str
    """One of SIGNALS."""
    matched: str
    """The whole stretch of words, as the row writes them; or the SQL, literals masked."""
    eval_id: str
    others: int = 0
    """Further items that have the same SQL, or some of the same words."""


@dataclass(frozen=True)
class Grams:
    """Different hashes, sorted, and the numbers of the items that have each: ``items[starts[i]:starts[i + 1]]``."""

    hashes: Hashes
    starts: Places
    items: Places


@dataclass(frozen=True)
class Index:
    """All evaluation items, ready to be looked up; some 50 bytes a word, so that it can travel to every worker."""

    ids: tuple[str, ...]
    grams: Mapping[int, Grams]
    """By length in words, 8 to 13."""
    seed: int
    """The smallest of these lengths; 0 where there is none."""
    seeds: Hashes
    """Sorted hashes of all ``seed``-grams of the texts: a row without one of them has no words in common."""
    sieve: NDArray[np.bool_]
    """Whether a seed begins with these bits: most hashes of a row need no search."""
    sql: Mapping[str, tuple[int, ...]]
    """Canonical SQL -> numbers of items."""
    items_too_short: int
    """Items whose texts all have fewer than 8 words."""
    sql_unreadable: int
    """Items whose gold SQL cannot be parsed."""
    items_unwatched: int
    """Items that neither signal can find."""

    @classmethod
    def build(cls, items: Sequence[EvalItem]) -> "Index":
        """Index items, in their order. Raises DataError where two have the same id."""
        ids = tuple(item.id for item in items)
        if len(set(ids)) < len(ids):
            raise DataError(
                f"evaluation item {Counter(ids).most_common(1)[0][0]!r} stands twice: give each item an id of its own."
            )
        texts = [text.encode() for item in items for text in item.texts]
        owners = np.repeat(np.arange(len(items)), [len(item.texts) for item in items])
        sizes = np.minimum(np.diff(hash_words(texts).starts), WORDS)
        grams = {n: _grams(texts, owners, sizes == n, n) for n in range(SHORTEST, WORDS + 1) if n in sizes}
        seed = min(grams, default=0)
        long = [text for text, size in zip(texts, sizes, strict=True) if size >= SHORTEST]
        seeds = np.unique(shingles(hash_words(long), seed)[0]) if seed else np.empty(0, np.uint64)
        bits = max((16 * len(seeds)).bit_length(), 10)
        sieve = np.zeros(1 << bits, bool)
        sieve[_head(seeds, bits)] = True
        forms = [canonical_sql(item.sql) if item.sql else None for item in items]
        sql: dict[str, tuple[int, ...]] = {}
        for number, form in enumerate(forms):
            if form:
                sql[form] = (*sql.get(form, ()), number)
        by_words = set(owners[sizes >= SHORTEST].tolist())
        too_short = sum(bool(item.texts) and i not in by_words for i, item in enumerate(items))
        unreadable = sum(bool(item.sql) and not form for item, form in zip(items, forms, strict=True))
        unwatched = sum(i not in by_words and not form for i, form in enumerate(forms))
        return cls(ids, grams, seed, seeds, sieve, sql, too_short, unreadable, unwatched)

    def name(self, items: Sequence[int]) -> tuple[str, int]:
        """(id of the item that is there most often, how many others there are)."""
        often = Counter(items)
        return self.ids[min(often, key=lambda item: (-often[item], item))], len(often) - 1


def find(rows: Sequence[Candidate], index: Index, words: Words | None = None) -> list[Hit]:
    """All hits, row after row, those of a row sorted, each stretch of words once. ``words``: of the rows' texts, if known already.

    A hit names one item, the one with most of the words, and counts the others. The hits of a row are not limited in number:
    one left out could be the one that the allow-list does not cover.
    """
    common = _words_in_common(rows, hash_words([row.text for row in rows]) if words is None else words, index)
    hits: list[Hit] = []
    for number, row in enumerate(rows):
        own = {Hit(row.id, row.source, "13-gram", *found) for found in common.get(number, ())}
        if index.sql and b"select" in row.text.lower():
            forms = filter(None, map(canonical_sql, sql_of(row.messages)))
            own |= {Hit(row.id, row.source, "sql", form, *index.name(index.sql[form])) for form in forms if form in index.sql}
        hits += sorted(own)
    return hits


def _grams(texts: Sequence[bytes], owners: Places, chosen: NDArray[np.bool_], words: int) -> Grams:
    hashes, offsets = shingles(hash_words([text for text, use in zip(texts, chosen, strict=True) if use]), words)
    items = np.repeat(owners[chosen], np.diff(offsets))
    order = np.lexsort((items, hashes))
    hashes, items = hashes[order], items[order]
    new = (np.diff(hashes, prepend=hashes[0] + np.uint64(1)) > 0) | (np.diff(items, prepend=-1) != 0)
    hashes, starts = np.unique(hashes[new], return_index=True)
    return Grams(hashes, np.append(starts, np.count_nonzero(new)), items[new])


def _words_in_common(rows: Sequence[Candidate], words: Words, index: Index) -> dict[int, list[tuple[str, str, int]]]:
    """Number of a row -> its stretches of words in common, as (words, eval id, number of other items)."""
    turns = [(number, turn.encode()) for number in _suspects(words, index) for turn in turns_of(rows[number].messages)]
    spoken_words = hash_words([turn for _, turn in turns])
    found: dict[int, list[tuple[str, str, int]]] = {}
    for size, grams in index.grams.items() if turns else ():
        hashes, offsets = shingles(spoken_words, size)
        at, places = _search(grams.hashes, hashes)
        spoken = np.searchsorted(offsets, at, side="right") - 1  # the turn each stands in
        breaks = np.flatnonzero((np.diff(at, prepend=-2) != 1) | (np.diff(spoken, prepend=-1) != 0)).tolist()
        for start, stop in zip(breaks, [*breaks[1:], len(at)], strict=False):
            number, turn = turns[spoken[start]]
            text = shingle_text(turn, int(at[start] - offsets[spoken[start]]), size + stop - start - 1)
            items = [item for p in places[start:stop] for item in grams.items[grams.starts[p] : grams.starts[p + 1]].tolist()]
            found.setdefault(number, []).append((text, *index.name(items)))
    return found


def _suspects(words: Words, index: Index) -> list[int]:
    """Numbers of the rows with a seed in them: one pass over all text, where each length would want its own."""
    found: list[int] = []
    for first, some in words.slices() if index.seed else ():
        hashes, offsets = shingles(some, index.seed)
        passed = np.flatnonzero(index.sieve.take(_head(hashes, len(index.sieve).bit_length() - 1)))
        at = passed[_search(index.seeds, hashes[passed])[0]]
        found += (first + np.unique(np.searchsorted(offsets, at, side="right") - 1)).tolist()
    return found


def _head(hashes: Hashes, bits: int) -> Places:
    return (hashes >> np.uint64(64 - bits)).astype(np.int64)


def _search(known: Hashes, hashes: Hashes) -> tuple[Places, Places]:
    """(places in ``hashes`` of those that are known, their places in ``known``)."""
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    at = np.flatnonzero(known[places] == hashes)
    return at, places[at]
