"""Shingle hashes: equal exactly where the words are, wherever they stand."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.errors import DataError
from aj.mix.shingles import BLOCK, hash_words, shingle_text, shingles

TEXT = st.text(alphabet="abAB1éÉ中ß.’“\u0301\t\n \u00a0\u0085\u2003\u202f\u3000\u1680\u2028\x1f", max_size=30)


def words_of(text: str) -> list[str]:
    """What a word is, said in another way: split at white space, A to Z folded."""
    return [re.sub("[A-Z]", lambda letter: letter[0].lower(), word) for word in re.split(r"[\s\x00-\x1f]+", text) if word]


def shingles_of(text: str, words: int) -> list[tuple[str, ...]]:
    found = words_of(text)
    return [tuple(found[i : i + words]) for i in range(max(len(found) - words + 1, min(len(found), 1)))]


def hashes_of(text: str, words: int) -> list[int]:
    hashes, offsets = shingles(hash_words([text.encode()]), words)
    assert offsets.tolist() == [0, len(hashes)]
    values: list[int] = hashes.tolist()
    return values


@settings(deadline=None, max_examples=200)
@given(st.lists(TEXT, max_size=6), st.integers(1, 5))
def test_hashes_are_equal_exactly_where_the_words_are(texts: list[str], words: int) -> None:
    hashes, offsets = shingles(hash_words([text.encode() for text in texts]), words)
    assert (hashes.dtype, offsets.dtype, offsets[0], offsets[-1]) == (np.uint64, np.int64, 0, len(hashes))
    expected = [shingles_of(text, words) for text in texts]
    assert np.diff(offsets).tolist() == [len(shingles) for shingles in expected]
    flat = [shingle for shingles in expected for shingle in shingles]
    assert len(set(zip(flat, hashes.tolist(), strict=True))) == len(set(flat)) == len(set(hashes.tolist()))
    for i, text in enumerate(texts):
        assert hashes_of(text, words) == hashes[offsets[i] : offsets[i + 1]].tolist()


@settings(deadline=None, max_examples=100)
@given(TEXT, st.integers(1, 5))
def test_the_text_of_a_shingle_is_its_words_as_written(text: str, words: int) -> None:
    for index, shingle in enumerate(shingles_of(text, words)):
        written = shingle_text(text.encode(), index, words)
        assert tuple(words_of(written)) == shingle
        assert written.split(" ") == [word for word in re.split(r"[\s\x00-\x1f]+", text) if word][index : index + words]


def test_hashes_are_pinned() -> None:
    assert hashes_of("The quick\u00a0brown\n fox jumps", 3) == [9639371450625328643, 4827317587101354130, 13844092459566530074]
    assert hashes_of("Überall Kräuter", 5) == [3901712092029409923]


def test_a_shingle_hashes_alike_at_any_place_of_a_batch_of_many_blocks() -> None:
    numbers = [str(n) for n in range(140_000)]  # words, too, are hashed in blocks
    whole = hashes_of(" ".join(numbers), 5)
    assert len(whole) == len(set(whole)) == len(numbers) - 4
    for start in (0, 9_999, 13_107, BLOCK - 5, 2 * BLOCK - 4, 139_990):
        assert hashes_of(" ".join(numbers[start : start + 10]), 5) == whole[start : start + 6]
    texts = [" ".join(numbers[i : i + 7]).encode() for i in range(0, 140_000, 7)]
    hashes, offsets = shingles(hash_words(texts), 5)
    assert all(hashes[offsets[i]] == whole[7 * i] for i in range(len(texts) - 1))


def test_a_word_longer_than_a_block_is_one_word() -> None:
    long = "".join(chr(97 + i * i % 26) for i in range(3 * BLOCK + 5))
    before, after = hashes_of(f"{long} then tea", 1), hashes_of(f"some tea {long.upper()} then", 1)
    assert before[:2] == after[2:] and before[2] == after[1]
    exact = [hashes_of(long[:size], 1)[0] for size in range(BLOCK - 2, BLOCK + 3)]
    glued = hashes_of(" ".join(long[:size] for size in range(BLOCK - 2, BLOCK + 3)), 1)
    assert exact == glued and len(set(exact)) == 5
    assert before[0] not in (hashes_of("b" + long[1:], 1)[0], hashes_of(long[:-1] + "#", 1)[0], hashes_of(long[:-1], 1)[0])
    a, b = "a" * BLOCK, "b" * BLOCK
    assert hashes_of(a + b, 1) != hashes_of(b + a, 1)


def test_every_bit_of_a_hash_is_good() -> None:
    hashes = np.array(hashes_of(" ".join(str(n) for n in range(100_004)), 5), np.uint64)
    ones = np.unpackbits(hashes.view(np.uint8)).reshape(-1, 64).mean(0)
    assert abs(ones - 0.5).max() < 0.01  # 6 standard errors
    for shift in (0, 24, 56):
        counts = np.bincount((hashes >> np.uint64(shift) & np.uint64(255)).astype(int), minlength=256)
        assert ((counts - counts.mean()) ** 2 / counts.mean()).sum() < 380  # chi square, 255 degrees: 1 in a million


def test_order_of_words_and_letters_counts() -> None:
    texts = ["a b c d", "b a c d", "d c b a", "ab c d e", "ba c d e", "a bc d e", "abc d e f", "a a b b", "b b a a", "a b a b"]
    assert len({hashes_of(text, 4)[0] for text in texts}) == len(texts)


def test_short_and_empty_texts() -> None:
    hashes, offsets = shingles(hash_words([b"", b"one two", b" \n\t", "\u3000".encode(), b"one  TWO", b"one two three", b""]), 3)
    assert offsets.tolist() == [0, 0, 1, 1, 1, 2, 3, 3]
    assert hashes[0] == hashes[1] != hashes[2]
    assert [len(part) for part in shingles(hash_words([]), 3)] == [0, 1]


def test_bytes_that_are_not_utf8_are_letters_like_others() -> None:
    offsets = shingles(hash_words([b"a \xe2\x80", b"\x83 b \xc2", b"\xa0c"]), 1)[1]
    assert offsets.tolist() == [0, 2, 5, 6]
    assert shingle_text(b"a \xe2\x80", 1, 1) == "\ufffd"


def test_a_shingle_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match="a shingle of 0 words cannot be hashed"):
        shingles(hash_words([b"a"]), 0)
    with pytest.raises(DataError, match="shingle 2 of 3 words is not in a text that has 2"):
        shingle_text(b"a b c d", 2, 3)
    with pytest.raises(DataError, match="shingle 0 of 3 words is not in a text that has 0"):
        shingle_text(b"", 0, 3)
