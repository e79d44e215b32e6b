"""Group relative policy optimisation through TRL's GRPOTrainer, with episodes played in SQLEnv.

Prompts reach the rollout already repeated, one episode for each received (TRL 1.16 says otherwise in a docstring), and
only prompts arrive: each carries its question's id inside the message.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.sqlenv import rewards
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Episode, Roller
from aj.training.trainer import common_arguments

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase
    from trl import GRPOTrainer

REWARDS: dict[str, Callable[..., list[float]]] = {
    "correctness": rewards.correctness,
    "progress": rewards.progress_reward,
    "operational": rewards.operational,
}


def dataset(questions: Sequence[Question]) -> "Dataset":
    """One row a question: its opening messages, with the question's id inside the last one."""
    from datasets import Dataset

    return Dataset.from_list([{"prompt": [*q.messages[:-1], {**q.messages[-1], "question_id": q.id}]} for q in questions])


def trainer(
    model: "PeftModel",
    tokenizer: "PreTrainedTokenizerBase",
    section: Any,
    compute: Any,
    *,
    questions: Sequence[Question],
    output: Path,
    seed: int,
    reward_functions: Sequence[Callable[..., list[float]]] | None = None,
) -> "GRPOTrainer":
    """A configured trainer; ``section`` is ``params.grpo``. ``reward_functions``: others than REWARDS (control runs)."""
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"  # rollout_func is experimental; the version is pinned
    from trl import GRPOConfig, GRPOTrainer

    from aj.evaluation.transformers_engine import TransformersEngine

    episodes_per_step = section.questions_per_step * section.group_size
    roller = Roller(tokenizer, budget=section.budget, max_new_tokens=section.max_new_tokens, max_length=section.max_length)
    by_id = {q.id: q for q in questions}

    def play(prompts: list[list[dict[str, str]]], trainer: "GRPOTrainer") -> dict[str, Any]:
        policy = trainer.accelerator.unwrap_model(trainer.model)
        engine = TransformersEngine(policy, tokenizer, batch_size=section.batch_size, temperature=section.temperature)
        return columns(roller.play([by_id[p[-1]["question_id"]] for p in prompts], engine.generate))

    arguments = GRPOConfig(
        **common_arguments(section, compute, output=output, seed=seed),
        gradient_accumulation_steps=episodes_per_step // section.batch_size,
        num_generations=section.group_size,
        lr_scheduler_type="constant_with_warmup",
        beta=section.beta,
        temperature=section.temperature,
        max_completion_length=section.max_length,
        reward_weights=[getattr(section.weights, name) for name in REWARDS],
        scale_rewards="batch",
        loss_type="dapo",
    )
    return GRPOTrainer(
        model=model,
        reward_funcs=list(reward_functions or REWARDS.values()),
        args=arguments,
        train_dataset=dataset(questions),
        processing_class=tokenizer,
        rollout_func=play,
    )


def columns(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Episodes as the lists that TRL asks of a rollout, and those that the rewards read."""
    return {
        "prompt_ids": [e.prompt_ids for e in episodes],
        "completion_ids": [e.completion_ids for e in episodes],
        "logprobs": None,
        "env_mask": [e.mask for e in episodes],
        "correct": [float(e.env.correct) for e in episodes],
        "best_progress": [e.env.best_progress for e in episodes],
        "operational_sum": [e.env.operational_sum for e in episodes],
        "parse_failures": [e.env.parse_failures for e in episodes],
    }
