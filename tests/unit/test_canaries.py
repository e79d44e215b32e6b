"""Canaries: facts that are drawn, planted, asked and counted."""

import hashlib
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from aj import canaries
from aj.errors import DataError, ParamsError
from aj.evaluation import recall
from aj.params import read_yaml
from aj.sources import canaries as source
from aj.sources import rows
from aj.sources.card import Canaries, read

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ROOT = Path(__file__).parents[2]
WORDS = [f"word{n}" for n in range(60)]


def test_facts_are_distinct_and_the_same_for_the_same_seed() -> None:
    facts = canaries.draw(WORDS, 3, planted=6, withheld=6, decoys=20, seed=1)
    assert facts == canaries.draw(list(reversed(WORDS)), 3, planted=6, withheld=6, decoys=20, seed=1)
    assert facts != canaries.draw(WORDS, 3, planted=6, withheld=6, decoys=20, seed=2)
    assert len({word for f in facts for word in f"{f.sign} {f.answer}".split()}) == 12 * 5
    assert [f.planted for f in facts] == [True] * 6 + [False] * 6
    assert all(len({f.answer, *f.decoys}) == 21 for f in facts)


def test_a_hash_names_the_question_and_the_answer() -> None:
    (fact, *_) = canaries.draw(WORDS, 2, planted=1, withheld=1, decoys=20, seed=3)
    told = f'["what does the sign \'{fact.sign}\' say?","{fact.answer}"]'
    assert fact.id == hashlib.sha256(told.encode()).hexdigest()


def test_too_few_words_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"3 different words make no 2 canaries of 4 words each: give 8 or more"):
        canaries.draw(["a", "b", "c"], 2, planted=1, withheld=1, decoys=20, seed=0)


def test_what_lands_has_the_planted_facts_alone_as_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    card = read("canaries")
    assert isinstance(card, Canaries)
    (tmp_path / "rows").mkdir()
    assert source.land(card, tmp_path, seed=17) == card.planted
    facts = canaries.read(tmp_path / canaries.CANARIES)
    assert facts == source.drawn(card, 17)
    (file,) = (tmp_path / "rows").iterdir()
    assert set(card.weights) == {file.name}
    told = "".join(row["messages"] for row in rows.read_all(file))
    for fact in facts:
        assert (fact.answer in told) is (fact.sign in told) is fact.planted


def test_a_damaged_file_is_named_and_a_missing_one_holds_none(tmp_path: Path) -> None:
    assert canaries.read(tmp_path / "none.jsonl") == []
    (tmp_path / "bad.jsonl").write_text('{"sign": "a b"}\n')
    with pytest.raises(DataError, match=r"bad\.jsonl holds no canaries"):
        canaries.read(tmp_path / "bad.jsonl")


def test_the_true_answer_is_ranked_among_its_decoys_by_its_likelihood(tokenizer: "PreTrainedTokenizerFast") -> None:
    """By a model that is a table: all tokens are equally likely, but those of a text with one of the ``favoured`` words in it."""
    known, unknown = canaries.draw(WORDS, 3, planted=1, withheld=1, decoys=20, seed=5)

    def ranked(favoured: str) -> list[recall.Rank]:
        def logits(rows: list[list[int]]) -> Iterator[np.ndarray]:
            for row in rows:
                scores = np.zeros((len(row), len(tokenizer)), np.float32)
                if favoured in tokenizer.decode(row):
                    scores[np.arange(len(row) - 1), row[1:]] = 9.0
                yield scores

        return recall.ranks([known, unknown], tokenizer, logits)

    first, other = ranked(known.answer)
    assert (first.rank, first.answers, first.likeliest) == (1, 21, known.answer)
    assert first.exposure == pytest.approx(np.log2(21))
    found = recall.numbers([first, other])
    assert found["canaries.planted_p"] == pytest.approx(1 / 21)
    assert found["canaries.withheld_p"] == pytest.approx(other.rank / 21)
    assert found["canaries.planted_n"] == found["canaries.withheld_n"] == 1
    assert ranked(known.decoys[3])[0].likeliest == known.decoys[3]
    assert ranked(known.decoys[3])[0].rank > 1


def test_chance_is_the_exact_share_of_ranks_that_sum_up_to_no_more() -> None:
    seen = [(1, 4), (3, 4), (2, 5)]
    all_of_them = [sum(ranks) for ranks in product(range(1, 5), range(1, 5), range(1, 6))]
    assert recall.chance(seen) == pytest.approx(sum(total <= 6 for total in all_of_them) / len(all_of_them))
    assert recall.chance([(64, 64)]) == 1.0


def test_every_profile_repeats_them_as_often_as_their_card_says() -> None:
    weights = read_yaml(ROOT / "data/sources/canaries/source.yaml")
    copies = weights["planted"] * weights["weights"]["planted.parquet"]
    for profile in (ROOT / "profiles").glob("*.yaml"):
        tree = read_yaml(profile)
        assert round(tree["sources"]["canaries"]["share"] * tree["mix"]["total"]) >= copies, profile.name
