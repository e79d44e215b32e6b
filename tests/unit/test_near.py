"""Near-duplicates: planted ones are found, distinct rows stay, and the row that stands for another is one that is kept."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from aj.errors import DataError, ParamsError
from aj.mix.near import BANDS, LEADERS, SLOTS, THRESHOLD, Places, Signatures, clusters, sketch
from aj.mix.shingles import hash_words

RNG = np.random.Generator
VOCABULARY = np.array([f"{a}{b}{c}" for a in ("al", "be", "co", "du", "ev", "fi", "go") for b in "aeiou" for c in range(100)])


def zipf(rng: RNG, rows: int, words: int) -> np.ndarray:
    """Words drawn with the frequencies of natural language: the n-th most frequent is 1/n as frequent as the first."""
    shares = 1 / np.arange(1, len(VOCABULARY) + 1)
    return VOCABULARY[rng.choice(len(VOCABULARY), (rows, words), p=shares / shares.sum())]


def encoded(rows: np.ndarray) -> list[bytes]:
    return [" ".join(row).encode() for row in rows]


def stands_of(texts: Sequence[bytes], threshold: float = THRESHOLD) -> Places:
    return clusters(*sketch(hash_words(texts)), threshold)


def dropped(stands: Places) -> list[int]:
    return np.flatnonzero(stands != np.arange(len(stands))).tolist()


def altered(rng: RNG, signatures: Signatures, slots: slice) -> Signatures:
    """The same signatures with other values in some slots."""
    changed = signatures.copy()
    changed[:, slots] += rng.integers(1, 256, changed[:, slots].shape, np.uint8)
    return changed


def of(signatures: Signatures) -> Places:
    return clusters(signatures.view(np.uint32), signatures)


def estimate(one: Signatures, other: Signatures) -> np.ndarray:
    return ((one == other).mean(-1) - 1 / 256) * 256 / 255


def test_one_word_changed_in_forty_is_always_found() -> None:
    rng = np.random.default_rng(1)
    rows = zipf(rng, 2_000, 40)
    changed = rows.copy()
    changed[np.arange(2_000), rng.integers(0, 40, 2_000)] = "changed"
    assert stands_of(encoded(np.vstack([rows, changed]))).tolist() == 2 * list(range(2_000))


def test_one_word_changed_is_found_among_rows_of_one_template() -> None:
    rng = np.random.default_rng(2)
    rows = zipf(rng, 2_000, 80)
    rows[:, 10:40] = zipf(rng, 1, 30)  # J of two of them is about 0.2
    changed = rows.copy()
    changed[np.arange(2_000), rng.integers(0, 80, 2_000)] = "changed"
    assert stands_of(encoded(np.vstack([rows, changed]))).tolist() == 2 * list(range(2_000))


def test_distinct_realistic_rows_stay() -> None:
    rng = np.random.default_rng(3)
    rows = zipf(rng, 20_000, 120)
    templates = zipf(rng, 20, 50)
    fixed = rng.integers(0, 20, 20_000)
    for start in range(0, 50, 10):  # a template is five sentences of 9 words with a slot after each, then the row's own 70 words
        rows[:, start : start + 9] = templates[fixed, start : start + 9]
    lost = dropped(stands_of(encoded(rows)))
    assert len(lost) < 20, lost[:10]


def test_white_space_and_case_make_no_difference_but_other_words_do() -> None:
    text = b"Take  two spoons of dried sage,\npour hot water on it and wait for ten minutes before you drink it"
    texts = [
        text,
        text.upper().replace(b" ", b"\n\n"),
        text.replace(b"sage", b"mint"),
        b"Drink it before ten minutes have passed",
    ]
    assert stands_of(texts).tolist() == [0, 0, 2, 3]


def test_short_texts_are_duplicates_only_when_equal_and_empty_ones_never() -> None:
    texts = [b"", b"sage tea", b"  \n", b"Sage\ttea", b"sage", b"tea sage", b"", b"sage tea now please", b"sage tea now"]
    assert stands_of(texts).tolist() == [0, 1, 2, 1, 4, 5, 6, 7, 8]
    bands, signatures = sketch(hash_words(texts))
    assert not bands[[0, 2, 6]].any() and not signatures[[0, 2, 6]].any()


def test_no_rows_are_no_clusters() -> None:
    bands, signatures = sketch(hash_words([]))
    assert (bands.shape, signatures.shape, clusters(bands, signatures).shape) == ((0, BANDS), (0, SLOTS), (0,))
    assert stands_of([b"one row"]).tolist() == [0]


def test_sketches_are_pinned_and_the_same_in_another_process() -> None:
    program = (
        "import hashlib, numpy; from aj.mix.near import clusters, sketch; from aj.mix.shingles import hash_words\n"
        "texts = [' '.join(str(n * n % m) for n in range(m % 700)).encode() for m in range(1, 3000, 7)]\n"
        "bands, signatures = sketch(hash_words(texts + texts[::-1]))\n"
        "print(hashlib.sha256(bands.tobytes() + signatures.tobytes() + clusters(bands, signatures).tobytes()).hexdigest())"
    )
    printed = set()
    for seed, threads in (("0", "1"), ("1", "2")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "RAYON_NUM_THREADS": threads}
        printed.add(
            subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True).stdout
        )
    assert printed == {"5dbd2685d76f7cd6f0e7d49d0798a501c0861c938042843af8bd383cfeb73fbf\n"}, (
        "other sketches than before: rensa has another algorithm, so kept sketches are worthless"
    )
    assert hashlib.sha256(sketch(hash_words([b"a b c d e f"]))[1].tobytes()).hexdigest()[:16] == "b48c344e0c05a6c7"


def test_a_sketch_does_not_depend_on_its_batch() -> None:
    texts = encoded(zipf(np.random.default_rng(4), 600, 30))
    bands, signatures = sketch(hash_words(texts))
    assert (signatures[250:600:50] == np.vstack([sketch(hash_words([texts[i]]))[1] for i in range(250, 600, 50)])).all()
    assert (bands == signatures.view(np.uint32)).all()


def test_memory_mapped_arrays_give_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = zipf(rng, 1_000, 50)
    rows[500:] = rows[rng.integers(0, 500, 500)]
    rows[500:, :2] = zipf(rng, 500, 2)
    arrays = sketch(hash_words(encoded(rows)))
    mapped = []
    for name, array in zip(("bands", "signatures"), arrays, strict=True):
        np.save(tmp_path / f"{name}.npy", array)
        mapped.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    assert isinstance(mapped[0], np.memmap)
    stands = clusters(*mapped)
    assert len(dropped(stands)) > 400
    assert (stands == clusters(*arrays)).all() and type(stands) is np.ndarray and stands.dtype == np.int64


def test_the_first_row_stands_for_the_others_and_a_chain_does_not_drop_its_far_end() -> None:
    rng = np.random.default_rng(6)
    a = rng.integers(0, 256, (1, SLOTS), np.uint8)
    b = altered(rng, a, slice(0, 36))
    c = altered(rng, b, slice(64, 100))  # a ~ b ~ c: 0.72; a and c: 0.44
    assert of(np.vstack([a, b, c])).tolist() == [0, 0, 2]
    assert of(np.vstack([b, a, c])).tolist() == [0, 0, 0]
    assert of(np.vstack([c, a, b])).tolist() == [0, 1, 0]
    assert of(np.vstack([a, c, b])).tolist() == [0, 1, 0]


@pytest.mark.parametrize("seed", range(5))
def test_a_row_is_dropped_exactly_when_a_kept_row_before_it_agrees(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seeds = rng.integers(0, 256, (60, SLOTS), np.uint8)
    signatures = seeds[rng.integers(0, 60, 400)]
    noise = rng.random((400, SLOTS)) < rng.uniform(0.05, 0.4, (400, 1))
    signatures[noise] = rng.integers(0, 256, int(noise.sum()), np.uint8)
    bands = signatures.view(np.uint32)
    stands, kept = of(signatures), np.zeros(400, bool)
    for row in range(400):
        before = np.flatnonzero(kept[:row])
        candidate = (bands[before] == bands[row]).any(1)
        agree = before[candidate & (estimate(signatures[before], signatures[row]) >= THRESHOLD)]
        assert stands[row] == (agree[0] if len(agree) else row)
        kept[row] = not len(agree)
    assert 60 < kept.sum() < 300


def test_a_giant_bucket_of_boilerplate_hides_no_duplicate_and_drops_nothing_else() -> None:
    rng = np.random.default_rng(7)
    rows = zipf(rng, 20_000, 100)
    rows[:, :45] = zipf(rng, 1, 45)  # J of any two rows is about 0.3: some bands are all boilerplate
    rows[-500:] = rows[rng.choice(19_500, 500, replace=False)]
    rows[-500:, 70] = "changed"
    bands, signatures = sketch(hash_words(encoded(rows)))
    largest = max(np.unique(bands[:, band], return_counts=True)[1].max() for band in range(BANDS))
    assert largest > 10 * LEADERS
    assert dropped(clusters(bands, signatures)) == list(range(19_500, 20_000))


def test_in_a_giant_bucket_a_group_after_another_gives_its_first_row() -> None:
    rng = np.random.default_rng(9)
    groups = rng.integers(0, 256, (LEADERS, SLOTS), np.uint8)
    groups[:, :4] = 1, 2, 3, 4  # the one band that rows share: in all others each has a slot of its own
    signatures = np.tile(groups, (5, 1))
    signatures[:, 4::4] += np.repeat(np.arange(5, dtype=np.uint8), LEADERS)[:, None]
    assert of(signatures).tolist() == 5 * list(range(LEADERS))


def test_twenty_thousand_copies_leave_one() -> None:
    rng = np.random.default_rng(8)
    signatures = np.repeat(rng.integers(0, 256, (1, SLOTS), np.uint8), 20_000, 0)
    signatures[np.arange(20_000), rng.integers(0, SLOTS, 20_000)] = rng.integers(0, 256, 20_000)
    assert not of(signatures).any()


def test_arrays_that_do_not_fit_and_thresholds_that_say_nothing_are_refused() -> None:
    bands, signatures = sketch(hash_words([b"one row", b"two rows"]))
    with pytest.raises(DataError, match=r"band keys \(2, 32\) and signatures \(1, 128\) are not of the same rows"):
        clusters(bands, signatures[:1])
    with pytest.raises(DataError, match=r"band keys \(2, 16\)"):
        clusters(bands[:, ::2], signatures)
    for threshold in (0, 1.5, float("nan")):
        with pytest.raises(ParamsError, match="cannot be a threshold"):
            clusters(bands, signatures, threshold)
    assert clusters(bands, signatures, 1).tolist() == [0, 1]
