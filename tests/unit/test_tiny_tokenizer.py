"""The tiny tokenizer."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.tiny import corpus
from aj.tiny import tokenizer as bpe
from aj.tiny.words import Words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


def test_it_says_when_a_turn_ends_and_what_it_pads_with(tokenizer: "PreTrainedTokenizerFast") -> None:
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.padding_side) == ("<|im_end|>", "<|endoftext|>", "left")
    assert tokenizer.model_max_length == 512
    assert len(tokenizer) <= 1024


def test_digits_are_tokens_of_their_own_and_words_carry_their_space(tokenizer: "PreTrainedTokenizerFast") -> None:
    assert tokenizer.tokenize("1234") == ["1", "2", "3", "4"]
    assert tokenizer.tokenize(" price") == ["Ġprice"]


@pytest.mark.parametrize("text", ["naïve ☕ 𝄞 日本", "a\n\n  b\t", "'it''s'", "🙂"])
def test_any_text_survives(tokenizer: "PreTrainedTokenizerFast", text: str) -> None:
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_training_and_saving_give_the_same_tokenizer(words: Words, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    made = [
        bpe.train(corpus.documents(words, 5, 60), vocab_size=400, context_length=64, chat_template="{{ messages[0].content }}")
        for _ in range(2)
    ]
    assert made[0].get_vocab() == made[1].get_vocab()
    assert len(made[0]) == 400
    made[0].save_pretrained(tmp_path)
    read = AutoTokenizer.from_pretrained(tmp_path)
    assert read.get_vocab() == made[0].get_vocab()
    assert read.chat_template == "{{ messages[0].content }}"
    text = "how many herbs have color 'red'? 12<|im_end|>"
    assert read(text)["input_ids"] == made[0](text)["input_ids"]


@settings(deadline=None, max_examples=40)
@given(text=st.text(st.characters(codec="ascii"), max_size=30))
def test_ascii_round_trips_to_the_byte(tokenizer: "PreTrainedTokenizerFast", text: str) -> None:
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text
