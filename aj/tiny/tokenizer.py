"""A byte-level BPE tokenizer trained on the corpus, in Qwen2's form, so that llama.cpp knows its pre-tokenizer."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

# Qwen2's pre-tokenizer (its tokenizer.json): one digit a token, words with their leading space.
PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"


def train(texts: Iterable[str], *, vocab_size: int, context_length: int, chat_template: str) -> "PreTrainedTokenizerFast":
    """Train on texts. The result has at most ``vocab_size`` tokens (fewer when the corpus runs out of merges)."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    model = Tokenizer(models.BPE())
    model.normalizer = normalizers.NFC()
    model.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    model.decoder = decoders.ByteLevel()
    model.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=[END_OF_TEXT, START, END],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=model,
        eos_token=END,
        pad_token=END_OF_TEXT,
        padding_side="left",
        model_max_length=context_length,
    )
    tokenizer.chat_template = chat_template
    return tokenizer
