"""Rollouts by the vLLM instance that TRL keeps in the trainer's process (``vllm_mode="colocate"``) and syncs with the weights.

What is not covered: nobody has run this on a machine of this project's; tests/gpu does where a GPU and vllm are.
"""

from collections.abc import Sequence
from typing import Any

from aj.sqlenv.rollout import Drawn


class VllmEngine:
    """Sampling of token ids, with the log-probability of each, which TRL needs to correct for vLLM's other kernels."""

    def __init__(self, generation: Any) -> None:
        self.generation = generation
        """trl.generation.vllm_generation.VLLMGeneration; temperature and length of a turn are set there, by GRPOConfig."""

    def generate(self, contexts: Sequence[Sequence[int]], max_new_tokens: int) -> list[Drawn]:
        """New ids of each context, in order. Raises ValueError where vLLM was set to another length of a turn."""
        configured = self.generation.generation_kwargs.get("max_tokens")
        if configured != max_new_tokens:
            raise ValueError(f"a turn has {max_new_tokens} tokens here, {configured} in vLLM")
        _, ids, logprobs, _ = self.generation.generate(prompts=[list(c) for c in contexts], images=None, num_generations=1)
        return [Drawn(turn, [drawn[0] for drawn in scores]) for turn, scores in zip(ids, logprobs, strict=True)]
