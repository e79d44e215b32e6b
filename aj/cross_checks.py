"""What must hold between parameters, and what a type cannot say of one."""

import re
from collections.abc import Iterator

from aj.errors import ParamsError
from aj.sections import Params, Pretrain
from aj.version import Version

COMMIT = re.compile(r"[0-9a-f]{40}")


def cross_checks(p: Params) -> Iterator[str]:
    """One sentence a problem that no single value shows."""
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
    if abs((whole := shares.sqlenv + shares.competencies + shares.tools) - 1) > 1e-6:
        yield f"the shares of grpo.environments add up to {whole:g}: make them add up to 1."
    if p.grpo.front == "tools" and shares.sqlenv < 1:
        yield f"grpo.front 'tools' plays SQLEnv alone, grpo.environments.sqlenv is {shares.sqlenv:g}: set it to 1 and the others to 0."
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
