"""params.yaml, typed: one frozen dataclass a section, every cross-field check before any work starts.

YAML 1.2 (``1e-4`` is a number, ``1.10`` must be quoted to stay text). An unknown key is an error that names
the nearest known one; a wrong type is an error that names the key and the value seen. All problems of a file
are reported together, one sentence each.
"""

import dataclasses
import difflib
import hashlib
import json
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from aj.errors import ParamsError
from aj.version import Version

STRICT = ConfigDict(strict=True, allow_inf_nan=False)
COMMIT = re.compile(r"[0-9a-f]{40}")
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
    """What every form of the model is measured on, greedily."""

    episodes: Count
    """Most questions a split; a split with fewer uses all it has."""
    tasks: Count
    """Most tasks, spread over the competencies."""
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


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check a parameter file.

    Raises ParamsError listing every problem found, one sentence each.
    """
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise ParamsError(f"{path} holds no mapping of keys: start from one with `aj use tiny`.")
    problems = list(_unknown_keys(Params, tree))
    try:
        # Through JSON: pydantic's strict mode takes a mapping for a dataclass only there.
        params = TypeAdapter(Params).validate_json(json.dumps(tree, default=str))
        problems += _cross_checks(params)
    except ValidationError as error:
        # Beside an unknown key, a missing one is most often the same mistake seen from the other side.
        problems += [_sentence(e) for e in error.errors() if not problems or e["type"] != "missing"]
    if problems:
        raise ParamsError("\n".join(f"{path}: {problem}" for problem in problems))
    return params


def read_yaml(path: Path) -> Any:
    """Plain Python values of a YAML 1.2 file: the one loader of the project; ParamsError when it cannot be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist: create it, or write params.yaml with `aj use tiny`.") from None
    except YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}; mend that line.") from None


def derive(seed: int, purpose: str) -> int:
    """A 31-bit seed of its own for each purpose, so that two uses of chance never share a stream."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{purpose}".encode()).digest()[:4], "big") >> 1


def as_dict(section: Any) -> Any:
    """A section as plain nested dicts (for manifests and reports)."""
    return dataclasses.asdict(section) if dataclasses.is_dataclass(section) else section  # type: ignore[arg-type]


def _unknown_keys(kind: Any, tree: Mapping[str, Any], at: str = "") -> Iterator[str]:
    known = typing.get_type_hints(kind)
    for key, value in tree.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.4)
            hint = f"did you mean {at + near[0]!r}?" if near else f"known keys: {', '.join(known)}."
            yield f"unknown key {at + str(key)!r} (value {value!r}): {hint}"
            continue
        inner = known[key]
        options = [o for o in (inner, *typing.get_args(inner)) if dataclasses.is_dataclass(o)]
        if typing.get_origin(inner) is dict and isinstance(value, dict):
            for name, entry in value.items():
                if isinstance(entry, dict):
                    yield from _unknown_keys(options[0], entry, f"{at}{key}.{name}.")
        elif options and isinstance(value, dict):
            yield from _unknown_keys(options[0], value, f"{at}{key}.")


def _sentence(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{key} is missing: add it (see profiles/tiny.yaml for a complete file)."
    want = error["msg"].removeprefix("Input should be ")
    return f"{key} is {error['input']!r}: it must be {want}."


def _cross_checks(p: Params) -> Iterator[str]:
    try:
        Version.of(p.code, p.version, "lora")
    except ParamsError as error:
        yield str(error)
    if p.base.origin == "pretrain":
        if p.pretrain is None:
            yield "base.origin is 'pretrain' but section pretrain is empty: fill it, or set base.origin to 'hub'."
        else:
            yield from _pretrain_checks(p.pretrain, p)
    elif "/" not in p.base.id:
        yield f"base.id is {p.base.id!r}: a hub base is written owner/name."
    elif not COMMIT.fullmatch(p.base.revision):
        yield f"base.revision is {p.base.revision!r}: write the full commit hash, because a branch moves."
    if not p.sources:
        yield "sources is empty: name at least one folder of data/sources/."
    total = sum(source.share for source in p.sources.values())
    if p.sources and abs(total - 1) > 1e-6:
        yield f"the shares of sources add up to {total:g}: make them add up to 1."
    if p.sft.eval_steps > p.sft.steps:
        yield f"sft.eval_steps is {p.sft.eval_steps}, more than sft.steps = {p.sft.steps}: lower it."
    for name, section in (("dpo", p.dpo), ("grpo", p.grpo)):
        if section.warmup_steps >= section.steps:
            yield f"{name}.warmup_steps is {section.warmup_steps} of {section.steps} steps: lower it."
    episodes = p.grpo.questions_per_step * p.grpo.group_size
    if episodes % p.grpo.batch_size:
        yield f"grpo.batch_size is {p.grpo.batch_size}: it must divide questions_per_step * group_size = {episodes}."
    if p.eval.max_length < p.mix.max_length:
        yield f"eval.max_length is {p.eval.max_length}, shorter than mix.max_length = {p.mix.max_length}: raise it."
    shares = p.grpo.environments
    if abs(shares.sqlenv + shares.competencies - 1) > 1e-6:
        yield f"the shares of grpo.environments add up to {shares.sqlenv + shares.competencies:g}: make them add up to 1."
    if p.grpo.front == "tools" and shares.competencies > 0:
        yield f"grpo.front 'tools' plays SQLEnv alone, grpo.environments.competencies is {shares.competencies:g}: set it to 0."
    if p.grpo.weights.correctness == 0:
        yield "grpo.weights.correctness is 0: without it shaping alone would be learned; set it above 0."


def _pretrain_checks(t: Pretrain, p: Params) -> Iterator[str]:
    for key, size in (("hidden_size", t.hidden_size), ("intermediate_size", t.intermediate_size)):
        if size % 256:
            yield f"pretrain.{key} is {size}: k-quants need rows in multiples of 256."
    if t.hidden_size % t.heads or t.heads % t.kv_heads:
        yield (
            f"pretrain.heads is {t.heads} with kv_heads {t.kv_heads} and hidden_size {t.hidden_size}: "
            "heads must divide hidden_size, and kv_heads must divide heads."
        )
    for key, length in (
        ("mix.max_length", p.mix.max_length),
        ("grpo.max_length", p.grpo.max_length),
        ("eval.max_length", p.eval.max_length),
    ):
        if length > t.context_length:
            yield f"{key} is {length}, longer than pretrain.context_length = {t.context_length}: lower it."
