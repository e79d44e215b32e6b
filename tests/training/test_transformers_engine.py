"""Whole conversations in one batch, against transformers' own generation of each alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aj.evaluation.transformers_engine import TransformersEngine
from aj.sqlenv.rollout import Converse
from tests.training.conftest import Small

TURNS, MOST = 4, 7
TEXTS = [
    "a",
    "same: price, cost\nsame: age,",
    "tables: herbs, ships\nquestion: how many",
    "a",
    "list: 'ada', 'ben'\nagain: 'ada'",
]


@pytest.fixture(scope="module")
def model(small: Small) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(small.folder, dtype=torch.float64)  # ties of rounding would be no fault


def transcribe(engine: Converse, small: Small) -> list[list[tuple[list[int], list[int]]]]:
    """Every conversation as (turn, what was heard after it); those of odd number hear more and talk longer."""
    told: list[list[tuple[list[int], list[int]]]] = [[] for _ in TEXTS]

    def hear(number: int, turn: list[int]) -> list[int] | None:
        heard = small.tokenizer(f"\nresult {len(told[number])}" + " and more" * 3 * (number % 2))["input_ids"]
        told[number].append((list(turn), heard))
        return heard if len(told[number]) < TURNS - (number % 2) else None

    engine([small.tokenizer(text)["input_ids"] for text in TEXTS], MOST, hear)
    return told


def alone(model: Any, small: Small) -> Converse:
    import torch

    def converse(prompts: Any, most: int, hear: Callable[[int, list[int]], list[int] | None]) -> None:
        for number, prompt in enumerate(prompts):
            context: list[int] = list(prompt)
            heard: list[int] | None = []
            while heard is not None:
                out = model.generate(
                    torch.tensor([context]), do_sample=False, max_new_tokens=most, pad_token_id=small.tokenizer.pad_token_id
                )
                turn = out[0, len(context) :].tolist()
                heard = hear(number, turn)
                context += [*turn, *(heard or ())]

    return converse


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_a_batch_of_conversations_is_what_each_would_be_alone(small: Small, model: Any, batch_size: int) -> None:
    engine = TransformersEngine(model, small.tokenizer, batch_size=batch_size)
    together = transcribe(engine.converse, small)
    assert together == transcribe(alone(model, small), small)
    assert [len(turns) for turns in together] == [TURNS - (n % 2) for n in range(len(TEXTS))]


def test_sampling_follows_torchs_seed(small: Small, model: Any) -> None:
    import torch

    engine = TransformersEngine(model, small.tokenizer, batch_size=8, temperature=1.0)
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(transcribe(engine.converse, small))
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0][0] != drawn[0][3]  # equal prompts are drawn apart


def test_drawn_tokens_have_the_probabilities_of_the_model(small: Small, model: Any) -> None:
    """The first token of 4,000 equal conversations: a chi-squared test against softmax(logits / T)."""
    import numpy as np
    import torch

    prompt = small.tokenizer(TEXTS[2])["input_ids"]
    engine = TransformersEngine(model, small.tokenizer, batch_size=500, temperature=1.5)
    first: list[int] = []
    torch.manual_seed(0)
    engine.converse([prompt] * 4000, 1, lambda number, turn: first.append(turn[0]))
    [scores] = engine.logits([prompt])
    expected = np.exp(scores[-1] / 1.5 - (scores[-1] / 1.5).max())
    expected *= len(first) / expected.sum()
    often = expected >= 5
    seen = np.bincount(first, minlength=len(expected))
    off = float(((seen - expected)[often] ** 2 / expected[often]).sum())
    assert often.sum() > 5
    assert off < often.sum() + 5 * (2 * often.sum()) ** 0.5


def test_training_mode_is_left_as_it_was(small: Small, model: Any, tmp_path: Path) -> None:
    for mode in (True, False):
        model.train(mode)
        TransformersEngine(model, small.tokenizer, batch_size=2).converse([[1, 2]], 1, lambda *_: None)
        assert model.training is mode

        def deaf(number: int, turn: list[int]) -> list[int] | None:
            raise LookupError(number)

        with pytest.raises(LookupError):
            TransformersEngine(model, small.tokenizer, batch_size=2).converse([[1, 2]], 1, deaf)
        assert model.training is mode
