"""Hashes of all k-word shingles of many texts at once: what near-duplicate and leak detection compare.

A word is a run of bytes other than white space, so that ``a  b``, ``a\\nb`` and ``A b`` have one shingle. Two rolling polynomial
hashes (Karp & Rabin 1987) mod 2^64 are computed as prefix sums in numpy: bytes -> words, words -> shingles; the
finalizer of splitmix64 (Steele et al. 2014) then makes every bit good. The constants are fixed: a shingle has the same hash
wherever it stands, in any batch, process and version.

What is not covered: languages written without spaces (a Chinese sentence is one word), punctuation (part of its
word), case outside ASCII, Unicode normalisation; the hashes do not resist somebody who makes collisions on purpose.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aj.errors import DataError

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

BLOCK = 1 << 16  # bytes hashed at once: the prefix sums (8 bytes a byte) stay in the processor's cache
SLICE = 256  # texts hashed at once: their words stay in the cache, too
BYTE_BASE, WORD_BASE = 0xD1342543DE82EF95, 0xAF251AF3B0F025B5  # odd, so that they have an inverse mod 2^64
# White space beyond ASCII as three bytes of UTF-8, the third 0 where there are two.
WIDE_SPACES = [0xC28500, 0xC2A000, 0xE19A80, *range(0xE28080, 0xE2808B), 0xE280A8, 0xE280A9, 0xE280AF, 0xE2819F, 0xE38080]


@dataclass(frozen=True)
class Words:
    """The words of n texts, hashed: those of text i are ``hashes[starts[i]:starts[i + 1]]``."""

    hashes: Hashes
    starts: Places

    def only(self, chosen: NDArray[np.bool_]) -> "Words":
        """The words of the texts that are chosen, (n,)."""
        counts = np.diff(self.starts)
        return Words(self.hashes[np.repeat(chosen, counts)], np.append(0, np.cumsum(counts[chosen])))

    def slices(self) -> Iterator[tuple[int, "Words"]]:
        """The words of SLICE texts at a time, and the number of the first: what is made of them stays in the cache."""
        for first in range(0, len(self.starts) - 1, SLICE):
            starts = self.starts[first : first + SLICE + 1]
            yield first, Words(self.hashes[starts[0] : starts[-1]], starts - starts[0])


def hash_words(texts: Sequence[bytes]) -> Words:
    """Hash every word of UTF-8 texts.

    White space is what Unicode calls so and the ASCII bytes below the space; its length and kind do not count. ASCII letters
    are folded to one case, other letters are compared byte by byte (É is not é).
    """
    found, starts = [np.empty(0, np.uint64)], np.zeros(len(texts) + 1, np.int64)
    for low in range(0, len(texts), SLICE):
        some = texts[low : low + SLICE]
        buffer = b" ".join(some)
        begins, ends = _words(buffer)
        found.append(_word_hashes(np.frombuffer(buffer, np.uint8), begins, ends))
        lasts = np.cumsum(np.fromiter(map(len, some), np.int64, len(some)) + 1)  # each text's end, with its separator
        starts[low + 1 : low + 1 + len(some)] = starts[low] + np.searchsorted(begins, lasts)
    return Words(np.concatenate(found), starts)


def shingles(words: Words, size: int) -> tuple[Hashes, Places]:
    """Hashes of all shingles of ``size`` consecutive words, text after text.

    Returns (hashes, offsets): those of text i are ``hashes[offsets[i]:offsets[i + 1]]``, in reading order and with their
    repetitions; uint64 of any length, int64 of length n + 1. A text of k words has k - size + 1 shingles; with fewer than
    ``size`` words it has one, the whole text; with none it has none. Raises DataError where size < 1.
    """
    if size < 1:
        raise DataError(f"a shingle of {size} words cannot be hashed: ask for at least 1 word.")
    first, count = words.starts[:-1], np.diff(words.starts)
    offsets = np.zeros(len(words.starts), np.int64)
    np.cumsum(np.where(count < size, np.minimum(count, 1), count - size + 1), out=offsets[1:])
    windows, inside = _windows(words.hashes, size), np.ones(len(words.hashes), bool)
    short = (count > 0) & (count < size)
    windows[first[short]] = 0
    for place in range(size - 1):
        has = short & (place < count)
        windows[first[has]] += words.hashes[first[has] + place] * _powers(WORD_BASE, BLOCK + size)[0][place]
        inside[(first + count - 1 - place)[place < count]] = False  # a window from here would leave its text
    inside[first[short]] = True
    return _mix(windows[inside]), offsets


def shingle_text(text: bytes, index: int, words: int) -> str:
    """The words of shingle ``index`` of one text, as written there, joined by single spaces.

    ``index`` counts from 0 as in the text's slice of ``shingles``. Raises DataError where there is none.
    """
    starts, ends = _words(text)
    shingles = max(len(starts) - words + 1, min(len(starts), 1))
    if words < 1 or not 0 <= index < shingles:
        raise DataError(f"shingle {index} of {words} words is not in a text that has {shingles}: ask for one from 0 up.")
    places = zip(starts[index : index + words].tolist(), ends[index : index + words].tolist(), strict=True)
    return " ".join(text[start:end].decode(errors="replace") for start, end in places)


def _words(buffer: bytes) -> tuple[Places, Places]:
    """Where each word starts and ends, in bytes."""
    raw = np.frombuffer(b" %b   " % buffer, np.uint8)
    inside = raw > 0x20
    if not buffer.isascii():
        lead = np.flatnonzero((raw == 0xC2) | (raw - np.uint8(0xE1) < 3))
        two, code = raw[lead] == 0xC2, raw[lead].astype(np.int32) << 16 | raw[lead + 1].astype(np.int32) << 8
        wide = np.isin(code | np.where(two, 0, raw[lead + 2]), WIDE_SPACES)
        inside[lead[wide]] = inside[lead[wide] + 1] = inside[lead[wide & ~two] + 2] = False
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    return edges[::2], edges[1::2]


def _word_hashes(buffer: NDArray[np.uint8], starts: Places, ends: Places) -> Hashes:
    """sum(TABLE[byte] * BYTE_BASE^i) over each word, i counted from its start; then mixed."""
    hashes = np.empty(len(starts), np.uint64)
    powers, inverse = _powers(BYTE_BASE, BLOCK)
    done = 0
    while done < len(starts):
        origin = starts[done]
        until = max(int(np.searchsorted(ends, origin + BLOCK, side="right")), done + 1)
        size = int(ends[until - 1] - origin)
        if size > BLOCK:
            hashes[done] = _long_word_hash(buffer[origin : origin + size])
            done = until
            continue
        sums = np.zeros(size + 1, np.uint64)
        np.cumsum(TABLE.take(buffer[origin : origin + size]) * powers[:size], out=sums[1:])
        begin = starts[done:until] - origin
        hashes[done:until] = (sums.take(ends[done:until] - origin) - sums.take(begin)) * inverse.take(begin)
        done = until
    return _mix(hashes)


def _long_word_hash(word: NDArray[np.uint8]) -> int:
    """The same sum over one word of more than a block (base64, say), in pieces."""
    total, powers = 0, _powers(BYTE_BASE, BLOCK)[0]
    for start in range(0, len(word), BLOCK):
        piece = TABLE.take(word[start : start + BLOCK])
        total += int((piece * powers[: len(piece)]).sum()) * pow(BYTE_BASE, start, 1 << 64)
    return total % (1 << 64)


def _windows(hashes: Hashes, words: int) -> Hashes:
    """sum(hashes[i + j] * WORD_BASE^j) for j < words, for every i; words beyond the last count as 0."""
    powers, inverse = _powers(WORD_BASE, BLOCK + words)
    windows = np.empty(len(hashes), np.uint64)
    for start in range(0, len(hashes), BLOCK):
        part = hashes[start : start + BLOCK + words - 1]
        size = min(BLOCK, len(hashes) - start)
        sums = np.zeros(size + words, np.uint64)
        np.cumsum(part * powers[: len(part)], out=sums[1 : len(part) + 1])
        sums[len(part) + 1 :] = sums[len(part)]
        windows[start : start + size] = (sums[words:] - sums[:-words]) * inverse[:size]
    return windows


@lru_cache(maxsize=8)
def _powers(base: int, size: int) -> tuple[Hashes, Hashes]:
    """base^0 … base^(size - 1) and their inverses, mod 2^64."""
    both = []
    for factor in (base, pow(base, -1, 1 << 64)):
        powers = np.full(size, factor, np.uint64)
        powers[0] = 1
        both.append(np.cumprod(powers, dtype=np.uint64))
    return both[0], both[1]


def _mix(hashes: Hashes) -> Hashes:
    """The finalizer of splitmix64, in place: a bijection in which each input bit changes each output bit half the time."""
    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return hashes


# A random 64-bit number a byte; capitals share that of their small letter.
TABLE = _mix(np.arange(1, 257, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
TABLE[ord("A") : ord("Z") + 1] = TABLE[ord("a") : ord("z") + 1]
