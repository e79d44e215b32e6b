"""Pretraining of the tiny base: a Qwen2 decoder, one document a row, Muon on the matrices.

Muon (Jordan et al., 2024; ``torch.optim.Muon``) reaches at these few steps what AdamW does not: SQL exact match 0.44
against 0.12 in the prototype. Learning rate: warm-up, constant, linear decay over the last 40 % (Hu et al., 2024, WSD).
"""

import random
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from aj.sections import Pretrain

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen2ForCausalLM

IGNORED = -100  # label of a position that is not learned
WARMUP_STEPS, DECAY_SHARE, FINAL_RATE = 40, 0.4, 0.05
BUCKET = 8  # batches sorted by length together, so that a batch is padded little
MUON_RATE = 5.0  # Muon's rate as a multiple of AdamW's
LOG_EVERY = 20
VOCAB_MULTIPLE = 64


def build(shape: Pretrain, tokenizer: "PreTrainedTokenizerFast", seed: int) -> "Qwen2ForCausalLM":
    """A freshly initialised model; tied embeddings, float32."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer) + -len(tokenizer) % VOCAB_MULTIPLE,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.layers,
        intermediate_size=shape.intermediate_size,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.context_length,
        tie_word_embeddings=True,
        initializer_range=0.02,
        rope_theta=10_000.0,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config)


def train(
    model: "Qwen2ForCausalLM",
    rows: Sequence[Sequence[int]],
    shape: Pretrain,
    *,
    pad: int,
    seed: int,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> list[dict[str, float]]:
    """Train on token rows, ``batch_size`` a step; returns the curve as {step, loss} every 20 steps (nats a token)."""
    import torch

    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=shape.learning_rate * MUON_RATE, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=shape.learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    top_rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    batches = _batches(rows, shape.batch_size, random.Random(seed))
    model.train()
    curve, recent = [], []
    for step in progress(range(min(shape.steps, len(batches)))):
        for optimizer, rate in zip(optimizers, top_rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * _schedule(step, shape.steps)
        inputs, labels = _tensors(batches[step], pad)
        loss = model(input_ids=inputs, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        recent.append(loss.item())
        if (step + 1) % LOG_EVERY == 0:
            curve.append({"step": step + 1, "loss": sum(recent) / len(recent)})
            recent = []
    return curve


def _batches(rows: Sequence[Sequence[int]], size: int, rng: random.Random) -> list[list[Sequence[int]]]:
    batches: list[list[Sequence[int]]] = []
    for start in range(0, len(rows), size * BUCKET):
        window = sorted(rows[start : start + size * BUCKET], key=len)
        bucket = [list(window[i : i + size]) for i in range(0, len(window), size)]
        rng.shuffle(bucket)
        batches += bucket
    return batches


def _tensors(batch: Sequence[Sequence[int]], pad: int) -> "tuple[torch.Tensor, torch.Tensor]":
    """(rows, longest + 1) ids and labels; a row starts with ``pad`` as its beginning-of-document token."""
    import torch

    width = max(map(len, batch)) + 1
    inputs = torch.full((len(batch), width), pad)
    labels = torch.full((len(batch), width), IGNORED)
    for i, row in enumerate(batch):
        inputs[i, 1 : 1 + len(row)] = torch.tensor(row)
        labels[i, : 1 + len(row)] = inputs[i, : 1 + len(row)]
    return inputs, labels


def _schedule(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARMUP_STEPS)
    start = steps * (1 - DECAY_SHARE)
    return warm if step < start else warm * max(FINAL_RATE, (steps - step) / (steps * DECAY_SHARE))
