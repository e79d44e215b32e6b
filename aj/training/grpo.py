"""Group relative policy optimisation through TRL's GRPOTrainer, with episodes played in several environments.

text: our own rollout, in SQLEnv and in tasks that validators score (environments.py). Prompts reach it already repeated, one episode
for each received (TRL 1.16 says otherwise in a docstring). tools: TRL's loop and its ``environment_factory``, SQLEnv alone. In both
only prompts arrive: each carries its item's id inside the message.
"""

import functools
import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.competencies.reward import validators_reward
from aj.competencies.task import Task
from aj.errors import TrainingError
from aj.sqlenv import rewards
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Episode, Roller
from aj.sqlenv.tool_front import SqlTools, finish, reading_actions
from aj.training.environments import Environment, Item, deal, environments, outcomes, play
from aj.training.trainer import common_arguments

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase
    from trl import GRPOTrainer

Reward = Callable[..., list[float | None]]
REWARDS: dict[str, tuple[Reward, str]] = {
    "correctness": (rewards.correctness, "correct"),
    "progress": (rewards.progress_reward, "best_progress"),
    "operational": (rewards.operational, "operational_sum"),
    "validators": (validators_reward, "validated"),
}
"""By the name of its weight: the reward, and the column that it reads."""
COUNTED = {
    column: f"episodes/{column}"
    for column in ("parse_failures", "actions", "answered", "passed", "unsafe", "crashed")
}  # fmt: skip
"""Means an episode that are logged, and what the log calls them; over the episodes of their environment."""


def dataset(items: Iterable[Item]) -> "Dataset":
    """One row an item: its opening messages, with the item's id inside the last one."""
    from datasets import Dataset

    return Dataset.from_list([{"prompt": [*i.messages[:-1], {**i.messages[-1], "question_id": i.id}]} for i in items])


def trainer(
    model: "PeftModel",
    tokenizer: "PreTrainedTokenizerBase",
    section: Any,
    compute: Any,
    *,
    questions: Sequence[Question],
    tasks: Sequence[Task] = (),
    output: Path,
    seed: int,
    reward_functions: Sequence[Reward] | None = None,
) -> "GRPOTrainer":
    """A configured trainer; ``section`` is ``params.grpo``. ``reward_functions``: others than those of REWARDS that the environments
    have (control runs)."""
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"  # both fronts are experimental in TRL; the version is pinned
    from trl import GRPOConfig, GRPOTrainer

    if section.use_vllm:
        _vllm_can_run()
    rng = random.Random(seed)
    played = environments(rng.sample(questions, len(questions)), rng.sample(tasks, len(tasks)), tokenizer, section)
    names = [name for name, (_, column) in REWARDS.items() if any(column in e.columns for e in played)]
    episodes_per_step = section.questions_per_step * section.group_size
    vllm = {"use_vllm": True, "vllm_mode": "colocate", "vllm_max_model_length": section.max_length} if section.use_vllm else {}
    arguments = GRPOConfig(
        **common_arguments(section, compute, output=output, seed=seed),
        **vllm,
        gradient_accumulation_steps=episodes_per_step // section.batch_size,
        num_generations=section.group_size,
        lr_scheduler_type="constant_with_warmup",
        beta=section.beta,
        temperature=section.temperature,
        max_completion_length=section.max_length,
        # Of TRL's own loop; our rollout takes its limits from the section.
        max_tool_calling_iterations=section.budget,
        generation_kwargs={"max_tokens" if section.use_vllm else "max_new_tokens": section.max_new_tokens},
        reward_weights=[getattr(section.weights, name) for name in names],
        shuffle_dataset=False,  # the items are dealt out below, each step with its shares
        scale_rewards="batch",
        loss_type="dapo",
    )
    front = tool_calls if section.front == "tools" else text_actions
    paid = list(reward_functions or (REWARDS[name][0] for name in names))
    return GRPOTrainer(
        model=model,
        reward_funcs=[told(paid[0], played, section), *(told(reward, played) for reward in paid[1:])],
        args=arguments,
        train_dataset=dataset(deal(played, section.steps * section.questions_per_step)),
        **front(tokenizer, section, played),
    )


def text_actions(tokenizer: "PreTrainedTokenizerBase", section: Any, played: Sequence[Environment]) -> dict[str, Any]:
    """Arguments of GRPOTrainer for text actions: a rollout that is batched over all running episodes of an environment."""
    from aj.evaluation.transformers_engine import TransformersEngine
    from aj.training.vllm_engine import VllmEngine

    by_id = {item.id: item for environment in played for item in environment.items}

    def rollout(prompts: list[list[dict[str, str]]], trainer: "GRPOTrainer") -> dict[str, Any]:
        def rolled(roller: Roller, items: Sequence[Item]) -> list[Episode]:
            if section.use_vllm:
                return roller.play(items, VllmEngine(trainer.vllm_generation).generate)
            policy = trainer.accelerator.unwrap_model(trainer.model)
            engine = TransformersEngine(policy, tokenizer, batch_size=section.batch_size, temperature=section.temperature)
            return roller.converse(items, engine.converse)

        return columns(play(played, [by_id[p[-1]["question_id"]] for p in prompts], rolled), played)

    return {"processing_class": tokenizer, "rollout_func": rollout}


def tool_calls(tokenizer: "PreTrainedTokenizerBase", section: Any, played: Sequence[Environment]) -> dict[str, Any]:
    """Arguments of GRPOTrainer for tool calls: the model's own spelling where TRL knows its chat template, else the text grammar."""
    from trl.chat_template_utils import add_response_schema

    by_id = {question.id: question for environment in played for question in environment.items}

    try:
        reads = add_response_schema(tokenizer)
    except ValueError:
        print("grpo: TRL does not know this chat template; the text grammar is read as tool calls.", flush=True)
        reads = reading_actions(tokenizer)
    return {"processing_class": reads, "environment_factory": lambda: SqlTools(by_id, section.budget)}


def columns(episodes: Sequence[Episode], played: Sequence[Environment]) -> dict[str, Any]:
    """Episodes as the lists that TRL asks of a rollout, and those that the rewards read."""
    return {
        "prompt_ids": [e.prompt_ids for e in episodes],
        "completion_ids": [e.completion_ids for e in episodes],
        "logprobs": [e.logprobs for e in episodes] if any(e.logprobs for e in episodes) else None,
        "env_mask": [e.mask for e in episodes],
        **outcomes(played, [(e.question, e.env) for e in episodes]),
    }


def told(reward: Reward, played: Sequence[Environment], section: Any = None) -> Reward:
    """A reward as TRL calls it: its columns come from the rollout, or from the environments of TRL's loop.

    With ``section`` (one of the rewards has it) the log gets means of COUNTED and the share of groups without spread.
    """

    @functools.wraps(reward)
    def paid(completions: Any, *, environments: Any = None, log_metric: Any = None, **rest: Any) -> list[float | None]:
        if environments is not None:
            ended = (finish(tools, completion) for tools, completion in zip(environments, completions, strict=True))
            rest |= outcomes(played, [(env.question, env) for env in ended])
        if section and log_metric:
            for column, name in COUNTED.items():
                if values := [value for value in rest[column] if value is not None]:
                    log_metric(name, sum(values) / len(values))
            log_metric("episodes/groups_without_spread", without_spread(rest, section))
        return reward(completions=completions, **rest)

    return paid


def without_spread(outcome: Mapping[str, Sequence[float | None]], section: Any) -> float:
    """Share of groups whose episodes all earned the same, so that nothing is learned from them.

    TRL's own figure is that of the batch where rewards are scaled by the batch's deviation.
    """
    weighed = [(getattr(section.weights, name), outcome[column]) for name, (_, column) in REWARDS.items()]
    earned: list[float] = [sum(weight * (values[i] or 0.0) for weight, values in weighed) for i in range(len(weighed[0][1]))]
    groups = [earned[i : i + section.group_size] for i in range(0, len(earned), section.group_size)]
    return sum(max(g) - min(g) < 1e-9 for g in groups) / len(groups)


def _vllm_can_run() -> None:
    from importlib.util import find_spec

    import torch

    if not torch.cuda.is_available():
        raise TrainingError("grpo.use_vllm is true, but there is no GPU here: set it to false.")
    if find_spec("vllm") is None:
        raise TrainingError("grpo.use_vllm is true, but vllm is not installed: `uv pip install vllm`, or set it to false.")
