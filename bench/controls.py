"""Control runs: the gain must come from the labels and the rewards, so without their meaning it must not appear.

    uv run python -m bench.controls            # needs the outputs of `dvc repro`; about six minutes on two cores

Swapped labels: DPO with chosen and rejected exchanged. Shuffled rewards: GRPO whose every reward is handed to another
episode of the batch. Both start where the real stage starts and are measured on the same held-out items.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aj import params
from aj.evaluation import suites
from aj.evaluation.statistics import wilson
from aj.evaluation.transformers_engine import TransformersEngine
from aj.params import derive
from aj.sources import base, rows
from aj.sqlenv import questions
from aj.sqlenv.rollout import Roller
from aj.training import dpo, grpo, trainer
from aj.training import model as models

BASE, PAIRS, ASKED, HELD_OUT = Path("data/raw/base"), Path("data/mix/preference"), Path("data/mix/rl"), Path("data/mix/eval")


def preference_accuracy(*, swapped: bool, steps: int) -> float:
    """Held-out preference accuracy after DPO on labels as they are, or exchanged."""
    p = params.load()
    model, tokenizer = adapted(p, "sft")
    held_out = dpo.dataset(rows.read_all(PAIRS / "validation.parquet"))
    training = dpo.dataset(rows.read_all(PAIRS / "train.parquet"), swapped=swapped)
    with tempfile.TemporaryDirectory() as scratch:
        run = dpo.trainer(
            model,
            tokenizer,
            with_steps(p.dpo, steps),
            p.compute,
            train=training,
            validation=held_out,
            max_length=p.mix.max_length,
            output=Path(scratch),
            seed=derive(p.seed, "dpo"),
        )
        trainer.train(run, Path(scratch))
        return float(run.evaluate()["eval_rewards/accuracies"])


def episode_accuracy(*, shuffled: bool, steps: int) -> tuple[int, int]:
    """(right, played) on unseen schemas, greedily, after GRPO with rewards as they are, or shuffled in their batch."""
    p = params.load()
    model, tokenizer = adapted(p, "dpo")
    rewards = [shuffle(f, derive(p.seed, "shuffle")) if shuffled else f for f in grpo.REWARDS.values()]
    with tempfile.TemporaryDirectory() as scratch:
        run = grpo.trainer(
            model,
            tokenizer,
            with_steps(p.grpo, steps),
            p.compute,
            questions=questions.load(ASKED),
            output=Path(scratch),
            seed=derive(p.seed, "grpo"),
            reward_functions=rewards,
        )
        trainer.train(run, Path(scratch))
    asked = [q for q in suites.first_of_each_split(questions.load(HELD_OUT), p.eval.episodes) if q.split == "unseen_schemas"]
    roller = Roller(tokenizer, budget=p.eval.budget, max_new_tokens=p.eval.max_new_tokens, max_length=p.eval.max_length)
    played = roller.play(asked, TransformersEngine(model, tokenizer, batch_size=p.eval.batch_size).generate)
    return sum(e.env.correct for e in played), len(played)


def shuffle(reward: Callable[..., list[float]], seed: int) -> Callable[..., list[float]]:
    """A reward that pays each episode what another one of the batch earned."""

    def shuffled(*args: Any, **columns: Any) -> list[float]:
        values = reward(*args, **columns)
        random.Random(seed).shuffle(values)
        return values

    shuffled.__name__ = reward.__name__
    return shuffled


def adapted(p: params.Params, stage: str) -> tuple[Any, Any]:
    """The base with a stage's adapter, trainable, and the tokenizer."""
    import torch

    torch.set_num_threads(p.compute.threads)
    weights = models.load_base(base.weights(BASE), precision=p.compute.precision, quantization=p.compute.quantization)
    return models.continue_adapter(weights, Path("models") / stage), base.load_tokenizer(BASE)


def with_steps(section: Any, steps: int) -> Any:
    """A parameter section with another number of steps."""
    import dataclasses

    return dataclasses.replace(section, steps=steps)


def main() -> None:
    p = params.load()
    for swapped in (False, True):
        accuracy = preference_accuracy(swapped=swapped, steps=p.dpo.steps)
        print(f"dpo, labels {'swapped' if swapped else 'as they are'}: held-out pair accuracy {accuracy:.3f}", flush=True)
    for shuffled in (False, True):
        right, n = episode_accuracy(shuffled=shuffled, steps=p.grpo.steps)
        low, high = wilson(right, n)
        kind = "shuffled" if shuffled else "as they are"
        print(f"grpo, rewards {kind}: unseen schemas {right / n:.3f} [{low:.3f}, {high:.3f}] n={n}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
