"""Near-duplicate rows: MinHash sketches, banded LSH, candidates verified by their estimated Jaccard similarity.

The similarity J of two texts is the Jaccard index of their sets of 5-word shingles (Broder 1997). A sketch is 128 MinHashes
by Fast Similarity Sketching (Dahlgaard, Knudsen & Thorup 2017; rensa's RMinHash, version 2), 8 bits kept of each (b-bit
minwise hashing, Li & König 2010): 128 bytes a row. Four neighbouring slots, read as one uint32, are a band's key. Rows
that share the key of a band are candidates; those with enough equal slots are near-duplicates:

    J                                      0.2   0.3   0.4   0.5    0.6   0.7     0.75      0.8
    candidate: 1 - (1 - J^4)^32            0.05  0.23  0.56  0.87   0.99  0.9998  1 - 5e-6  1 - 5e-8
    candidate and estimated >= THRESHOLD   0     0     2e-6  0.013  0.53  0.994   1 - 7e-5  1 - 1e-7

The last row is the binomial case, texts of thousands of words. Short texts are told apart more sharply, since their few
shingles seldom share a slot: one word of 40 changed is J = 0.756 and has a standard error of 0.029, not 0.038.

What is not covered: paraphrases; a text within a longer one (J is small); two short texts that differ in the one word that
matters ("… the capital of France", "… of Chad", from 8 words on): sketch a question together with its answer.
"""

import numpy as np
from numpy.typing import NDArray

from aj.errors import DataError, ParamsError
from aj.mix.shingles import Places, Words, shingles

Bands = NDArray[np.uint32]
Signatures = NDArray[np.uint8]
Pairs = NDArray[np.uint64]  # the later row << 32 | the earlier row: sorted, all pairs of a later row stand together

WORDS = 5  # a shingle
BANDS, SLOTS = 32, 128
THRESHOLD = 0.6  # of the estimate: 0.75 must be found, 0.4 must not
LEADERS = 32  # rows of a bucket that are compared with the others
SEED = 1
LOW = np.uint64(0xFFFFFFFF)


def sketch(words: Words) -> tuple[Bands, Signatures]:
    """Band keys (n, BANDS) uint32 and signatures (n, SLOTS) uint8 of n texts.

    The keys are a view of the signatures: ``signatures.view(numpy.uint32)`` brings them back, so that 128 bytes a row need be
    kept. A text without a word has zeros in both. Equal on every machine, for the pinned version of rensa.
    """
    from rensa import RMinHash  # type: ignore[import, unused-ignore]

    signatures = np.zeros((len(words.starts) - 1, SLOTS), np.uint8)
    for first, some in words.slices():  # for so few rensa starts no threads
        hashes, offsets = shingles(some, WORDS)
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets.astype(np.uint64), SLOTS, SEED)
        slots = np.array(matrix.to_rows(), np.uint32)
        slots *= np.uint32(0x9E3779B1)  # so that the 8 bits kept depend on all
        slots[np.diff(offsets) == 0] = 0
        signatures[first : first + len(slots)] = slots >> 24
    return signatures.view(np.uint32), signatures


def clusters(bands: Bands, signatures: Signatures, threshold: float = THRESHOLD) -> Places:
    """For each row the row that stands for it, (n,) int64: itself where it is kept, else the first kept near-duplicate.

    Rows stand in order of priority. A row is dropped only where its own sketch and that of an earlier row *which is kept*
    agree to ``threshold`` (estimated Jaccard similarity): of a chain A ~ B ~ C with A unlike C, A and C stay. Connected
    components would drop C for the sake of B, which is dropped itself, and in templated data such chains run far.
    Of two rows that share a bucket of at most LEADERS + 1 rows never both stay when they agree. In a larger bucket
    (boilerplate) only its first LEADERS rows, less those that agree with one before them, are compared with the
    others: a pair missed there is found in other bands, whose keys come from what the two have of their own.

    Rows without a word stand for themselves. Both arrays may be memory-mapped; they are read band by band. Memory: about 30
    bytes a row and 16 a near-duplicate pair. Time: 32 sorts and at most 32 * LEADERS comparisons a row. Raises
    DataError where the shapes do not fit (n < 2^32), ParamsError where threshold is not in (0, 1].
    """
    rows = len(bands)
    if bands.shape != (rows, BANDS) or signatures.shape != (rows, SLOTS) or rows >> 32:
        raise DataError(
            f"band keys {bands.shape} and signatures {signatures.shape} are not of the same rows: give (n, {BANDS}) and (n, {SLOTS})."
        )
    if not 0 < threshold <= 1:
        raise ParamsError(f"a similarity of {threshold!r} cannot be a threshold: give one above 0, at most 1.")
    # Of the slots that differ, 1 in 256 agrees in its 8 bits by chance.
    least = int(np.ceil(SLOTS * (threshold + (1 - threshold) / 256) - 1e-9))
    bands, signatures, pairs = np.asarray(bands), np.asarray(signatures), np.empty(0, np.uint64)
    for band in range(BANDS):
        pairs = np.concatenate([pairs, *_pairs(bands[:, band], signatures, least)])
        pairs.sort()
        pairs = pairs[np.diff(pairs, prepend=LOW) > 0]  # once each; np.unique is slower. LOW: row 0 is nobody's later row
    return _first_kept(rows, pairs)


def _pairs(keys: NDArray[np.uint32], signatures: Signatures, least: int) -> list[Pairs]:
    """Verified pairs among rows with the same key: in each round the first row of every bucket against the rest of it."""
    order = keys.astype(np.uint64) << np.uint64(32)
    order |= np.arange(len(keys), dtype=np.uint64)
    order.sort()  # by key, then by row: values, since sorting them is several times faster than argsort
    shared = np.zeros(len(order) + 1, bool)  # with the row before
    shared[1:-1] = ((order[1:] ^ order[:-1]) <= LOW) & (order[1:] > LOW)  # key 0: no word
    order = order[shared[:-1] | shared[1:]]
    first = ~shared[:-1][shared[:-1] | shared[1:]]
    bucket = np.cumsum(first) - 1
    small = (np.bincount(bucket) <= LEADERS + 1)[bucket]
    found: list[Pairs] = []
    for _ in range(LEADERS):
        rest = ~first
        if not rest.any():
            break
        leader = order[first][np.cumsum(first) - 1][rest] & LOW
        order, bucket, small = order[rest], bucket[rest], small[rest]
        alike = _alike(signatures, leader, order & LOW, least)
        found.append((order[alike] & LOW) << np.uint64(32) | leader[alike])
        stay = small | ~alike
        order, bucket, small = order[stay], bucket[stay], small[stay]
        first = np.diff(bucket, prepend=-1) > 0
    return found


def _alike(signatures: Signatures, one: Pairs, other: Pairs, least: int) -> NDArray[np.bool_]:
    """Whether at least ``least`` slots of each pair of rows are equal."""
    alike = np.empty(len(one), bool)
    for start in range(0, len(one), 4096):
        part = slice(start, start + 4096)
        alike[part] = np.count_nonzero(signatures[one[part]] == signatures[other[part]], axis=1) >= least
    return alike


def _first_kept(rows: int, pairs: Pairs) -> Places:
    """Drop each row that has a pair with an earlier row that is kept. A loop over pairs, not rows: each needs the one before."""
    stands = np.arange(rows)
    kept = bytearray(b"\1") * rows
    for start in range(0, len(pairs), 1 << 20):
        part = pairs[start : start + (1 << 20)]
        for later, earlier in zip((part >> np.uint64(32)).tolist(), (part & LOW).tolist(), strict=True):
            if kept[later] and kept[earlier]:
                kept[later] = 0
                stands[later] = earlier
    return stands
