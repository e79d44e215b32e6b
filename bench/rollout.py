"""Rollout tokens a second: our batched text rollout against TRL's own tool-calling loop, same model, questions and limits.

    uv run python -m bench.rollout             # needs the outputs of `dvc repro`; about two minutes on two cores

Both arms are the real trainers of the grpo stage, opened at dpo's adapter; what is timed is the generation of a step's episodes
alone, in alternation, at a fixed number of episodes. Both play the same environment; their draws differ, so tokens (that the model
wrote) are counted a second, and accuracy is printed to show that the arms do the same work.
"""

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from aj import params
from aj.params import derive
from aj.sections import Params
from aj.sqlenv import questions
from aj.training import grpo
from bench.controls import adapted

ROUNDS = 7  # the first warms up


def main() -> None:
    p = params.load()
    asked = questions.load(Path("data/mix/rl"))
    seconds: dict[str, list[float]] = {"text": [], "tools": []}
    rates: dict[str, list[float]] = {"text": [], "tools": []}
    right: dict[str, list[float]] = {"text": [], "tools": []}
    with tempfile.TemporaryDirectory() as scratch:
        arms = {front: opened(p, front, asked, Path(scratch) / front) for front in seconds}
        for number in range(ROUNDS):
            inputs = batch(grpo.dataset(asked), p.grpo, number)
            for front, trainer in arms.items():
                taken, tokens, correct = one(trainer, inputs)
                if number:
                    seconds[front].append(taken)
                    rates[front].append(tokens / taken)
                    right[front].append(correct)
    episodes = p.grpo.questions_per_step * p.grpo.group_size
    for front in seconds:
        print(
            f"{front}: {statistics.median(rates[front]):.0f} tokens/s, {episodes / statistics.median(seconds[front]):.1f} episodes/s, "
            f"right {statistics.mean(right[front]):.3f} (median of {ROUNDS - 1} rounds, {episodes} episodes each)"
        )
    print(f"ratio text / tools: {statistics.median(a / b for a, b in zip(rates['text'], rates['tools'], strict=True)):.2f}")


def opened(p: Params, front: str, asked: Any, scratch: Path) -> Any:
    """The grpo stage's trainer with a front, and a clock around its generation."""
    model, tokenizer = adapted(p, "dpo")
    trainer = grpo.trainer(
        model, tokenizer, replace(p.grpo, front=front), p.compute, questions=asked, output=scratch, seed=derive(p.seed, "bench")
    )
    generate = trainer._generate

    def timed(prompts: Any) -> Any:
        started = time.perf_counter()
        made = generate(prompts)
        trainer.taken = time.perf_counter() - started
        trainer.tokens = sum(map(sum, made[2]))  # of the mask: 1 where the model wrote
        return made

    trainer._generate = timed
    return trainer


def batch(rows: Any, section: Any, number: int) -> list[dict[str, Any]]:
    """The inputs of one step as TRL's sampler repeats them."""
    first = number * section.questions_per_step
    return [rows[i % len(rows)] for i in range(first, first + section.questions_per_step) for _ in range(section.group_size)]


def one(trainer: Any, inputs: list[dict[str, Any]]) -> tuple[float, int, float]:
    """(seconds, tokens that the model wrote, share of right answers) of one batch of episodes."""
    trainer.model.train()
    trainer._generate_and_score_completions([dict(row) for row in inputs])
    return trainer.taken, trainer.tokens, trainer._metrics["train"]["rewards/correctness/mean"][-1]


if __name__ == "__main__":
    main()
