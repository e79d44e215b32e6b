"""No text crashes a validator, and the same text always has the same score: texts cut, joined, doubled and damaged out of the labelled ones."""

import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.validators.registry import LONGEST, names, validate
from tests.validators.edits import edited
from tests.validators.labelled import labelled

SIGNS = st.sampled_from(["", "\n", " ", "'", '"', "`", "\\", "$(", "${", "}", "]", "[" * 60, ")", ",", ";", ": ", "- ", "&a ", "*a", "<<", "\0", "\ue000", "\ud800", "é", "\u2028", "１"])  # fmt: skip


def fragments(name: str) -> list[str]:
    """Pieces of the cases of a validator: whole texts, lines, and words with what follows them."""
    texts = [case["text"] for case in labelled()[name]]
    lines = {line for text in texts for line in text.splitlines(keepends=True)}
    words = {word for text in texts for word in re.findall(r"\w+\W*|\W+", text[:2_000])}
    return sorted({*texts, *lines, *words} - {""})


def damaged(pieces: list[tuple[str, str, int, int, int]]) -> str:
    """Fragments one after the other, each cut, doubled, and with a sign put in."""
    return "".join(
        (text[: at % (len(text) + 1)] + sign + text[(at + cut) % (len(text) + 1) :]) * times
        for text, sign, at, cut, times in pieces
    )


def texts(name: str) -> st.SearchStrategy[str]:
    piece = st.tuples(
        st.sampled_from(fragments(name)), SIGNS, st.integers(0, 2_000), st.integers(0, 9), st.sampled_from([1, 1, 1, 2, 40])
    )
    return st.lists(piece, min_size=1, max_size=8).map(damaged) | st.text(max_size=80)


@pytest.mark.parametrize("name", names())
def test_no_text_crashes_a_validator_and_its_score_is_always_the_same(name: str) -> None:
    contexts: list[dict[str, Any]] = [{}, *(case["context"] for case in labelled()[name] if case.get("context"))]

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(texts(name), st.sampled_from(contexts))
    def check(text: str, context: dict[str, Any]) -> None:
        score = validate(name, text[:LONGEST], context)
        assert not score.crashed, score.reasons
        assert score == validate(name, text[:LONGEST], context)

    check()


@pytest.mark.parametrize("name", names())
def test_a_few_words_or_lines_changed_crash_no_validator(name: str) -> None:
    chance, cases = random.Random(name), labelled()[name]
    for _ in range(400):
        case, other = chance.choice(cases), chance.choice(cases)
        text = edited(chance, case["text"], other["text"])[:LONGEST]
        score = validate(name, text, case.get("context"))
        assert not score.crashed, (text, score.reasons)
