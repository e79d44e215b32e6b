"""A base model small enough for a laptop, made here from a seed: corpus, tokenizer, pretraining."""
