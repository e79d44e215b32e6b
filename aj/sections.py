"""The sections of params.yaml as types: one frozen dataclass a section, strict about the kind of every value."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

STRICT = ConfigDict(strict=True, allow_inf_nan=False)
Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, config=STRICT)
class Base:
    """The model that everything starts from."""

    origin: Literal["pretrain", "hub"]
    """``pretrain``: made here from the seed; ``hub``: fetched by id and revision, safetensors only."""
    id: str
    """Name of the base: a hub repository (``owner/name``) or the name given to the one made here."""
    revision: str
    """A full commit hash for a hub base (a branch moves); free text for one made here."""
    licence: str
    """SPDX identifier; travels into the GGUF's metadata."""
    chat_template: str
    """``tokenizer`` (the base's own) or the path of a Jinja file in this repository."""


@dataclass(frozen=True, config=STRICT)
class Compute:
    """How the base is held while it is trained; the same for sft, dpo and grpo."""

    threads: Count
    """CPU threads; a parameter because it may change the order of float sums."""
    precision: Literal["fp32", "bf16"]
    matmul: Literal["highest", "high", "medium"]
    """``torch.set_float32_matmul_precision`` while the base is pretrained and the adapter trained; merge and eval are exact."""
    quantization: Literal["none", "nf4"]
    """``nf4``: QLoRA (Dettmers et al., 2023)."""
    gradient_checkpointing: bool


@dataclass(frozen=True, config=STRICT)
class Pretrain:
    """Shape and training of a base that is made here. Hidden and intermediate size: multiples of 256 (k-quants)."""

    vocab_size: Count
    hidden_size: Count
    intermediate_size: Count
    layers: Count
    heads: Count
    kv_heads: Count
    context_length: Count
    """Positions the model can see, in tokens."""
    documents: Count
    """Documents that the tokenizer is trained on."""
    steps: Count
    batch_size: Count
    """Documents a step."""
    learning_rate: Positive


@dataclass(frozen=True, config=STRICT)
class Source:
    """A folder of data/sources/ and its part in the mix."""

    share: Share
    """Part of ``mix.total`` asked from this source; shares add up to 1. 0: only its preference pairs and questions are used."""


@dataclass(frozen=True, config=STRICT)
class Mix:
    """How rows become training sets."""

    total: Count
    """Rows of the SFT training set asked for."""
    validation: Share
    """Part of the groups (by hash) held out from every training set."""
    shortage: Literal["cap", "repeat", "fail"]
    """When a source has fewer rows than asked: take what there is, repeat up to ``repeat_max``, or stop."""
    repeat_max: Count
    max_broken: Share
    """Largest part of a source's rows that may be dropped as broken; above it the stage fails."""
    max_length: Count
    """Longest conversation in tokens; longer ones are dropped and counted."""
    near_duplicates: Share
    """Estimated Jaccard similarity of word shingles from which two texts count as one; 0 compares exactly only."""
    max_leaks: Share
    """Largest part of a source's rows that may be dropped because evaluation asks them; above it the stage fails."""
    preference_pairs: Count
    """Pairs in the DPO training set."""
    rl_questions: Count
    """Questions of SQLEnv in the GRPO training set."""
    rl_tasks: Index
    """Tasks of the competencies in the GRPO training set."""


@dataclass(frozen=True, config=STRICT)
class Sft:
    """Supervised fine-tuning: LoRA on the assistant's tokens of whole conversations."""

    steps: Count
    batch_size: Count
    accumulation: Count
    learning_rate: Positive
    warmup_steps: Index
    weight_decay: NonNegative
    packing: bool
    eval_steps: Count
    """Steps between two measurements of the validation loss."""
    save_steps: Count
    """Steps between two checkpoints; a killed run resumes from the newest."""
    patience: Index
    """Evaluations without improvement before training stops early; 0 never stops."""


@dataclass(frozen=True, config=STRICT)
class Dpo:
    """Direct preference optimisation (Rafailov et al., 2023); the reference is a frozen copy of the adapter."""

    steps: Count
    batch_size: Count
    accumulation: Count
    learning_rate: Positive
    warmup_steps: Index
    beta: Positive
    save_steps: Count


@dataclass(frozen=True, config=STRICT)
class Weights:
    """Weight of each reward in the sum that GRPO maximises."""

    correctness: NonNegative
    progress: NonNegative
    operational: NonNegative
    validators: NonNegative


@dataclass(frozen=True, config=STRICT)
class Environments:
    """Share of each environment in the questions of a step; they add up to 1."""

    sqlenv: Share
    competencies: Share
    """Tasks of the competencies that are answered in one reply."""
    tools: Share
    """Tasks in which the six tools are called: few among all tasks, and what an agent lives by."""


@dataclass(frozen=True, config=STRICT)
class Grpo:
    """Group relative policy optimisation (Shao et al., 2024) on SQLEnv and on tasks that validators score."""

    front: Literal["text", "tools"]
    """How the model acts: text actions in our own batched rollout, or tool calls in TRL's loop."""
    use_vllm: bool
    """Rollouts by vLLM in the trainer's process; wants a GPU and vllm installed."""
    steps: Count
    questions_per_step: Count
    group_size: Annotated[int, Field(ge=2)]
    """Episodes of one question that are compared with each other."""
    batch_size: Count
    """Episodes a backward pass; it divides questions_per_step * group_size."""
    learning_rate: NonNegative
    """0 learns nothing: the control run."""
    warmup_steps: Index
    beta: NonNegative
    """Weight of the KL penalty; 0 spares the reference copy."""
    temperature: Positive
    budget: Count
    """Actions an episode may take in training."""
    max_new_tokens: Count
    """Longest single action, in tokens."""
    task_tokens: Count
    """Longest turn in a task, in tokens."""
    max_length: Count
    """Longest whole episode, in tokens."""
    environments: Environments
    weights: Weights
    validators: dict[str, Positive]
    """Weight of a validator in a task's reward; 1 where none is written. policy_safety has none: it caps the whole."""
    save_steps: Count


@dataclass(frozen=True, config=STRICT)
class Merge:
    """Adapter into base."""

    shard_megabytes: Count
    tolerance: Positive
    """Largest difference of a logit between base + adapter and merged; above it the stage fails."""


@dataclass(frozen=True, config=STRICT)
class Eval:
    """What every form of the model is measured on, greedily, and in places sampled."""

    episodes: Count
    """Most questions a split; a split with fewer uses all it has."""
    tasks: Count
    """Most tasks, spread over the competencies."""
    call_draws: Count
    """First replies sampled at temperature 1 for each task that begins with a tool call."""
    budget: Count
    max_new_tokens: Count
    """Longest action in SQLEnv, in tokens."""
    task_tokens: Count
    """Longest turn in a task, in tokens."""
    max_length: Count
    batch_size: Count
    """Episodes decoded together."""
    validation_rows: Count


@dataclass(frozen=True, config=STRICT)
class Params:
    """The whole of params.yaml."""

    code: str
    version: str
    seed: Index
    system: str
    """System message that opens every SQLEnv episode; empty for a model that learns the protocol by heart."""
    lora_r: Count
    lora_alpha: Count
    lora_dropout: Share
    compute: Compute
    base: Base
    pretrain: Pretrain | None
    sources: dict[str, Source]
    mix: Mix
    sft: Sft
    dpo: Dpo
    grpo: Grpo
    merge: Merge
    eval: Eval
