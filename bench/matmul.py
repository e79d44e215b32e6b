"""Steps of pretraining a second: each precision of `compute.matmul` against `highest`, which is what torch does by itself.

    uv run python -m bench.matmul              # needs nothing that was trained; two minutes on two quiet cores

The same model on the same documents, precisions in turn, a few steps each round; medians of the rounds' ratios, and how far the loss is
from that of `highest` after as many steps. What is not covered: sft, dpo and grpo, whose steps are of the same multiplications.
"""

import random
import statistics
import time
from pathlib import Path

import torch

from aj import params
from aj.competencies.registry import read
from aj.params import derive
from aj.sqlenv.family import Lexicon
from aj.tiny import corpus, pretrain, tokenizer
from aj.tiny.words import Words

PRECISIONS = ("highest", "high", "medium")
ROUNDS, STEPS = 7, 6  # the first round warms up


def main() -> None:
    p = params.load()
    assert p.pretrain, "params.yaml has no section pretrain: `uv run aj use tiny`"
    torch.set_num_threads(p.compute.threads)
    words = Words(Lexicon.read(Path("data/sources/sqlenv/lexicon.yaml")), read())
    template = Path(p.base.chat_template).read_text(encoding="utf-8")
    drawn = list(corpus.documents(words, derive(p.seed, "bench"), ROUNDS * STEPS * p.pretrain.batch_size))
    bpe = tokenizer.train(
        drawn, vocab_size=p.pretrain.vocab_size, context_length=p.pretrain.context_length, chat_template=template
    )
    rows = bpe(drawn)["input_ids"]
    models = {precision: pretrain.build(p.pretrain, bpe, p.seed) for precision in PRECISIONS}
    rates: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
    for number in range(ROUNDS):
        batches = [rows[i :: ROUNDS * STEPS] for i in range(number * STEPS, (number + 1) * STEPS)]
        for precision in random.Random(number).sample(PRECISIONS, len(PRECISIONS)):
            torch.set_float32_matmul_precision(precision)
            start = time.perf_counter()
            for batch in batches:
                step(models[precision], batch, bpe.pad_token_id)
            rates[precision].append(STEPS / (time.perf_counter() - start))
    torch.set_float32_matmul_precision("highest")
    losses = {precision: step(model, rows[: p.pretrain.batch_size], bpe.pad_token_id) for precision, model in models.items()}
    for precision in PRECISIONS:
        ratio = statistics.median(a / b for a, b in zip(rates[precision][1:], rates["highest"][1:], strict=True))
        away = abs(losses[precision] - losses["highest"])
        print(
            f"{precision}: {statistics.median(rates[precision][1:]):.2f} steps/s, {ratio:.2f} times highest, loss {away:.1e} away"
        )


def step(model: "torch.nn.Module", batch: list[list[int]], pad: int) -> float:
    """Forward, backward and a plain SGD step; the loss before it."""
    inputs, labels = pretrain._tensors(batch, pad)
    loss = model(input_ids=inputs, labels=labels).loss
    loss.backward()
    with torch.no_grad():
        for weight in model.parameters():
            assert weight.grad is not None
            weight -= 0.05 * weight.grad
            weight.grad = None
    return float(loss.item())


if __name__ == "__main__":
    main()
