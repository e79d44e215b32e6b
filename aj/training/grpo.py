"""Group relative policy optimisation through TRL's GRPOTrainer, with episodes played in SQLEnv through either front.

text: our own rollout. Prompts reach it already repeated, one episode for each received (TRL 1.16 says otherwise in a docstring).
tools: TRL's loop and its ``environment_factory``. In both only prompts arrive: each carries its question's id inside the message.
"""

import functools
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.errors import TrainingError
from aj.sqlenv import rewards
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Episode, Roller
from aj.sqlenv.tool_front import SqlTools, finish, reading_actions
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
COUNTED = {"parse_failures": "episodes/parse_failures", "actions": "episodes/actions", "answered": "episodes/answered"}
"""Means an episode that are logged, and what the log calls them."""


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
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"  # both fronts are experimental in TRL; the version is pinned
    from trl import GRPOConfig, GRPOTrainer

    if section.use_vllm:
        _vllm_can_run()
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
        reward_weights=[getattr(section.weights, name) for name in REWARDS],
        scale_rewards="batch",
        loss_type="dapo",
    )
    front = tool_calls if section.front == "tools" else text_actions
    paid = list(reward_functions or REWARDS.values())
    return GRPOTrainer(
        model=model,
        reward_funcs=[told(paid[0], section), *map(told, paid[1:])],
        args=arguments,
        train_dataset=dataset(questions),
        **front(tokenizer, section, {q.id: q for q in questions}),
    )


def text_actions(tokenizer: "PreTrainedTokenizerBase", section: Any, by_id: Mapping[str, Question]) -> dict[str, Any]:
    """Arguments of GRPOTrainer for text actions: a rollout that is batched over all running episodes."""
    from aj.evaluation.transformers_engine import TransformersEngine
    from aj.training.vllm_engine import VllmEngine

    roller = Roller(tokenizer, budget=section.budget, max_new_tokens=section.max_new_tokens, max_length=section.max_length)

    def play(prompts: list[list[dict[str, str]]], trainer: "GRPOTrainer") -> dict[str, Any]:
        asked = [by_id[p[-1]["question_id"]] for p in prompts]
        if section.use_vllm:
            return columns(roller.play(asked, VllmEngine(trainer.vllm_generation).generate))
        policy = trainer.accelerator.unwrap_model(trainer.model)
        engine = TransformersEngine(policy, tokenizer, batch_size=section.batch_size, temperature=section.temperature)
        return columns(roller.converse(asked, engine.converse))

    return {"processing_class": tokenizer, "rollout_func": play}


def tool_calls(tokenizer: "PreTrainedTokenizerBase", section: Any, by_id: Mapping[str, Question]) -> dict[str, Any]:
    """Arguments of GRPOTrainer for tool calls: the model's own spelling where TRL knows its chat template, else the text grammar."""
    from trl.chat_template_utils import add_response_schema

    try:
        reads = add_response_schema(tokenizer)
    except ValueError:
        print("grpo: TRL does not know this chat template; the text grammar is read as tool calls.", flush=True)
        reads = reading_actions(tokenizer)
    return {"processing_class": reads, "environment_factory": lambda: SqlTools(by_id, section.budget)}


def columns(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Episodes as the lists that TRL asks of a rollout, and those that the rewards read."""
    return {
        "prompt_ids": [e.prompt_ids for e in episodes],
        "completion_ids": [e.completion_ids for e in episodes],
        "logprobs": [e.logprobs for e in episodes] if any(e.logprobs for e in episodes) else None,
        "env_mask": [e.mask for e in episodes],
        **outcomes([e.env for e in episodes]),
    }


def outcomes(played: Sequence[SQLEnv]) -> dict[str, list[float]]:
    """What the rewards read and the log counts, a value an episode."""
    return {
        "correct": [float(env.correct) for env in played],
        "best_progress": [env.best_progress for env in played],
        "operational_sum": [env.operational_sum for env in played],
        "parse_failures": [float(env.parse_failures) for env in played],
        "actions": [float(len(env.history)) for env in played],
        "answered": [float(env.answered) for env in played],
    }


def told(reward: Callable[..., list[float]], section: Any = None) -> Callable[..., list[float]]:
    """A reward as TRL calls it: its columns come from the rollout, or from the environments of TRL's loop.

    With ``section`` (one of the rewards has it) the log gets means of COUNTED and the share of groups without spread.
    """

    @functools.wraps(reward)
    def paid(completions: Any, *, environments: Any = None, log_metric: Any = None, **rest: Any) -> list[float]:
        if environments is not None:
            rest |= outcomes([finish(tools, completion) for tools, completion in zip(environments, completions, strict=True)])
        if section and log_metric:
            for column, name in COUNTED.items():
                log_metric(name, sum(rest[column]) / len(rest[column]))
            log_metric("episodes/groups_without_spread", without_spread(rest, section))
        return reward(completions=completions, **rest)

    return paid


def without_spread(outcome: Mapping[str, Sequence[float]], section: Any) -> float:
    """Share of groups whose episodes all earned the same, so that nothing is learned from them.

    TRL's own figure is that of the batch where rewards are scaled by the batch's deviation.
    """
    columns = ("correct", "best_progress", "operational_sum")  # in the order of REWARDS
    weights = [getattr(section.weights, name) for name in REWARDS]
    earned: list[float] = [sum(map(operator.mul, weights, row)) for row in zip(*(outcome[c] for c in columns), strict=True)]
    groups = [earned[i : i + section.group_size] for i in range(0, len(earned), section.group_size)]
    return sum(max(g) - min(g) < 1e-9 for g in groups) / len(groups)


def _vllm_can_run() -> None:
    from importlib.util import find_spec

    import torch

    if not torch.cuda.is_available():
        raise TrainingError("grpo.use_vllm is true, but there is no GPU here: set it to false.")
    if find_spec("vllm") is None:
        raise TrainingError("grpo.use_vllm is true, but vllm is not installed: `uv pip install vllm`, or set it to false.")
