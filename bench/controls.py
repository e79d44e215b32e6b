"""Control runs: the gain should come from the labels and the rewards, so without their meaning it should not appear.

    uv run python -m bench.controls            # needs the outputs of `dvc repro`; about twenty minutes on two cores

Swapped labels: DPO with chosen and rejected exchanged. Shuffled rewards: GRPO whose every reward is handed to another
episode of the batch. Learning rate 0: GRPO that may not learn. All start where the real stage starts and are measured on the same
held-out items, sampled and greedily; beside them stands GRPO through the other front.

Shuffled rewards have no direction, but they have a size: the policy does a random walk, and here one action's probability,
DESCRIBE first, carries most of what there is to gain. The walk grows with the learning rate and with the square root of the
steps, learning with both: at 2e-4 three seeds of three walked as far as the reward leads (negated rewards of one seed walked the other
way), at 1e-4 and 5e-5 none does. So the learning rate is small, and the sampled accuracy, which moves as the probability does, is
shown beside the greedy one, which jumps when the probability passes one half.
"""

import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from aj import params
from aj.evaluation import suites
from aj.evaluation.statistics import wilson
from aj.evaluation.transformers_engine import TransformersEngine
from aj.params import derive
from aj.sections import Params
from aj.sources import base, rows
from aj.sqlenv import questions
from aj.sqlenv.rollout import Roller
from aj.training import dpo, grpo, trainer
from aj.training import model as models
from aj.training.environments import SQL_COLUMNS

SHUFFLES = (1, 2, 3)
BASE, PAIRS, ASKED, HELD_OUT = Path("data/raw/base"), Path("data/mix/preference"), Path("data/mix/rl"), Path("data/mix/eval")


def preference_accuracy(*, swapped: bool, steps: int) -> float:
    """Held-out preference accuracy after DPO on labels as they are, or exchanged."""
    p = params.load()
    model, tokenizer = adapted(p, "sft")
    held_out = dpo.dataset(rows.read_all(PAIRS / "validation.parquet"), tokenizer)
    training = dpo.dataset(rows.read_all(PAIRS / "train.parquet"), tokenizer, swapped=swapped)
    with tempfile.TemporaryDirectory() as scratch:
        run = dpo.trainer(
            model,
            tokenizer,
            replace(p.dpo, steps=steps),
            p.compute,
            train=training,
            validation=held_out,
            max_length=p.mix.max_length,
            output=Path(scratch),
            seed=derive(p.seed, "dpo"),
        )
        trainer.train(run, Path(scratch))
        return float(run.evaluate()["eval_rewards/accuracies"])


def shuffled_grpo(*, seed: int, steps: int) -> tuple[Any, Any]:
    """(model, tokenizer) after GRPO from dpo's adapter, each reward handed to another episode of its batch."""
    rewards = [
        shuffle(reward, derive(seed, reward.__name__)) for reward, column in grpo.REWARDS.values() if column in SQL_COLUMNS
    ]
    return another_grpo(reward_functions=rewards, steps=steps)


def another_grpo(*, reward_functions: list[Callable[..., list[float]]] | None = None, **changes: Any) -> tuple[Any, Any]:
    """(model, tokenizer) after GRPO from dpo's adapter with ``changes`` of the parameters."""
    p = params.load()
    model, tokenizer = adapted(p, "dpo")
    with tempfile.TemporaryDirectory() as scratch:
        run = grpo.trainer(
            model,
            tokenizer,
            replace(p.grpo, **changes),
            p.compute,
            questions=questions.load(ASKED),
            output=Path(scratch),
            seed=derive(p.seed, "grpo"),
            reward_functions=reward_functions,
        )
        trainer.train(run, Path(scratch))
    return model, tokenizer


def episode_accuracy(model: Any, tokenizer: Any, *, temperature: float) -> tuple[int, int]:
    """(right, played) on unseen schemas, the questions of eval."""
    import torch

    p = params.load()
    torch.manual_seed(derive(p.seed, "eval"))
    asked = [q for q in suites.first_of_each_split(questions.load(HELD_OUT), p.eval.episodes) if q.split == suites.HEADLINE]
    roller = Roller(tokenizer, budget=p.eval.budget, max_new_tokens=p.eval.max_new_tokens, max_length=p.eval.max_length)
    engine = TransformersEngine(model, tokenizer, batch_size=p.eval.batch_size, temperature=temperature)
    played = roller.converse(asked, engine.converse)
    return sum(e.env.correct for e in played), len(played)


def shuffle(reward: Callable[..., list[float]], seed: int) -> Callable[..., list[float]]:
    """A reward that pays each episode what another one of the batch earned; another permutation at every call."""
    chance = random.Random(seed)

    def shuffled(*args: Any, **columns: Any) -> list[float]:
        values = reward(*args, **columns)
        chance.shuffle(values)
        return values

    shuffled.__name__ = reward.__name__
    return shuffled


def adapted(p: Params, stage: str) -> tuple[Any, Any]:
    """The base with a stage's adapter, trainable, and the tokenizer."""
    import torch

    torch.set_num_threads(p.compute.threads)
    weights = models.load_base(base.weights(BASE), precision=p.compute.precision, quantization=p.compute.quantization)
    return models.continue_adapter(weights, Path("models") / stage), base.load_tokenizer(BASE)


def main() -> None:
    p = params.load()
    for swapped in (False, True):
        accuracy = preference_accuracy(swapped=swapped, steps=p.dpo.steps)
        print(f"dpo, labels {'swapped' if swapped else 'as they are'}: held-out pair accuracy {accuracy:.3f}", flush=True)
    for stage in ("dpo", "grpo"):
        report(f"{stage}, as it is", *adapted(p, stage))
    report("grpo, learning rate 0", *another_grpo(learning_rate=0.0))
    report("grpo through tool calls", *another_grpo(front="tools"))
    for seed in SHUFFLES:
        report(f"grpo, rewards shuffled (seed {seed})", *shuffled_grpo(seed=seed, steps=p.grpo.steps))


def report(name: str, model: Any, tokenizer: Any) -> None:
    """Print accuracy on unseen schemas, sampled and greedy, with intervals."""
    for temperature, manner in ((1.0, "sampled"), (0.0, "greedy")):
        right, n = episode_accuracy(model, tokenizer, temperature=temperature)
        low, high = wilson(right, n)
        print(f"{name}: unseen schemas, {manner}: {right / n:.3f} [{low:.3f}, {high:.3f}] n={n}", flush=True)


if __name__ == "__main__":
    main()
