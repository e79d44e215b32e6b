"""What a finished training stage has left, as facts: parameters of dvc.lock, curves and metrics of the workspace or a revision.

Read after the stage, so that tracking is no dependency of training: switched off, on, or broken, it changes no weights and makes
no stage stale. Parameters come from dvc.lock: params.yaml may have been edited since.
"""

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aj.errors import DataError
from aj.hashing import canonical
from aj.tracking.facts import RUN_TAG, Fact
from aj.tracking.run_files import RunFiles

BASE, BASE_PIN = "data/raw/base", "data/raw/base/base.json"
TOKENIZER = ("tokenizer", "chat_template", "special_tokens", "added_tokens", "vocab", "merges")  # how its files begin


@dataclass(frozen=True)
class Curves:
    """Where a stage's losses are, and the data that it learned from."""

    data: str
    train: str
    """The CSV with a row a step; its column ``loss`` is train_loss."""
    validation: tuple[str, str]
    """File and column (CSV, by step) or key (JSON, measured after the last step) of val_loss."""


STAGES = {
    "sft": Curves("data/mix/sft", "metrics/curves/sft.csv", ("metrics/curves/sft_validation.csv", "validation_loss")),
    "dpo": Curves("data/mix/preference", "metrics/curves/dpo.csv", ("metrics/dpo.json", "held_out_loss")),
    # A policy's surrogate loss says little; what it forgot of the conversations is measured by eval.
    "grpo": Curves("data/mix/rl", "metrics/curves/grpo.csv", ("metrics/eval_grpo.json", "validation_loss")),
}
"""Stages that train an adapter."""


def key_of(entry: Mapping[str, Any], *parts: str) -> str:
    """A name by content: 12 hex digits of the hash of these parts of a stage's entry in dvc.lock."""
    return hashlib.sha256(canonical({part: entry.get(part) for part in parts}).encode()).hexdigest()[:12]


def started_as(stage: str, entry: Mapping[str, Any]) -> str:
    """What a run is called while it runs: the stage, and all that it was started with (inputs, code, parameters)."""
    return f"{stage}-{key_of(entry, 'deps', 'params')}"


def run_name(stage: str, entry: Mapping[str, Any]) -> str:
    """What a run is called when it has ended: as it was started, and what came out."""
    return f"{started_as(stage, entry)}-{key_of(entry, 'outs')[:6]}"


def facts(stage: str, run_files: RunFiles) -> Iterator[Fact]:
    """Everything that is told of a finished stage, files aside. Raises DataError where something is missing or another's."""
    entry, curves = run_files.lock[stage], STAGES[stage]
    params = entry["params"]["params.yaml"]
    yield Fact("tag", RUN_TAG, run_name(stage, entry))
    yield from tags(stage, entry, run_files)
    adapter = json.loads(run_files.read(f"models/{stage}/adapter_config.json"))
    base = json.loads(run_files.read(BASE_PIN))
    told = {
        **dict(_leaves(params)),
        "learning_rate": params[stage]["learning_rate"],
        "batch_size": params[stage]["batch_size"],
        "epochs": float(f"{epochs(stage, params[stage], run_files):.6g}"),
        "dataset_version": dataset_version(stage, entry),
        "model_base": f"{base['id']}@{base['revision']}",
        "fine_tuning_method": ("q" if params["compute"]["quantization"] == "nf4" else "") + adapter["peft_type"].lower(),
        "lora_r": adapter["r"],
        "lora_alpha": adapter["lora_alpha"],
    }
    yield from (Fact("param", key, str(value)) for key, value in sorted(told.items()))
    for out in entry["outs"]:
        if out["path"].startswith("metrics/curves/") and out["path"].endswith(".csv"):
            yield from _curve(run_files.recorded(stage, out["path"]), out["path"], curves)
    last = json.loads(run_files.recorded(stage, f"metrics/{stage}.json"))
    yield from (Fact("metric", key, value, last["steps"]) for key, value in last.items() if key not in ("steps", "train_loss"))
    yield from _validation(stage, run_files, last["steps"])
    yield Fact("end", "status", "FINISHED")


def tags(stage: str, entry: Mapping[str, Any], run_files: RunFiles) -> Iterator[Fact]:
    """The rule's four tags. The task of a policy is the environments it plays, or the sources it learns from."""
    p = run_files.params
    shares: Mapping[str, float] = asdict(p.grpo.environments)
    if stage != "grpo":
        shares = {name: source.share for name, source in p.sources.items()}
    yield Fact("tag", "policy_id", f"AJ-{p.code}-v{p.version}-lora")
    yield Fact("tag", "task", "+".join(name for name, share in shares.items() if share > 0))
    yield Fact("tag", "dataset_version", dataset_version(stage, entry))
    yield Fact("tag", "stage", stage)


def files(stage: str, run_files: RunFiles) -> Iterator[tuple[str, str]]:
    """(place among the artifacts, path) of each file of the model, the tokenizer and the configuration."""
    yield from ((f"model/{name}", f"models/{stage}/{name}") for name in run_files.names(f"models/{stage}"))
    yield from ((f"tokenizer/{name}", f"{BASE}/{name}") for name in run_files.names(BASE) if name.startswith(TOKENIZER))
    yield from ((f"config/{name}", name) for name in ("params.yaml", "dvc.lock"))


def dataset_version(stage: str, entry: Mapping[str, Any]) -> str:
    """The data by content, as DVC addresses it in the cache and in the remote."""
    return str(next(dep["md5"] for dep in entry["deps"] if dep["path"] == STAGES[stage].data))


def epochs(stage: str, section: Mapping[str, Any], run_files: RunFiles) -> float:
    """How often the training set was gone through. With packing, which puts several rows into one, a lower bound."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = STAGES[stage].data
    if stage == "grpo":
        rows = len(json.loads(run_files.read(f"{folder}/questions.json")))
        rows += run_files.read(f"{folder}/tasks.jsonl").count(b"\n")
        return float(section["steps"] * section["questions_per_step"] / rows)
    rows = pq.read_metadata(pa.BufferReader(run_files.read(f"{folder}/train.parquet"))).num_rows
    return float(section["steps"] * section["batch_size"] * section["accumulation"] / rows)


def _curve(content: bytes, path: str, curves: Curves) -> Iterator[Fact]:
    names = {"loss": "train_loss"} if path == curves.train else {}
    if path == curves.validation[0]:
        names[curves.validation[1]] = "val_loss"
    for row in csv.DictReader(io.StringIO(content.decode())):
        if "step" not in row:
            return  # a table that is no curve
        for column, value in row.items():
            if column != "step" and value != "":
                yield Fact("metric", names.get(column, column), float(value), int(row["step"]))


def _validation(stage: str, run_files: RunFiles, step: int) -> Iterator[Fact]:
    path, key = STAGES[stage].validation
    if path.endswith(".json"):
        owner = next((name for name, e in run_files.lock.items() for out in e.get("outs", ()) if out["path"] == path), None)
        if owner is not None:  # not before eval has run; the check says that it is missing
            yield Fact("metric", "val_loss", json.loads(run_files.recorded(owner, path))[key], step)


def _leaves(tree: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{at}{key}.")
        elif isinstance(value, float) and not math.isfinite(value):
            raise DataError(f"parameter {at}{key} is {value} in dvc.lock: it must be a number.")
        else:
            yield f"{at}{key}", value
