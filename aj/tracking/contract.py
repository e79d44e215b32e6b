"""What every run has to log, and what of it is missing.

Source: the project's tracking rule. The names are the rule's own, whatever a stage calls its columns.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

PARAMS = (
    "learning_rate",
    "batch_size",
    "epochs",
    "dataset_version",
    "model_base",
    "fine_tuning_method",
    "lora_r",
    "lora_alpha",
)
METRICS = ("train_loss", "val_loss")
TAGS = ("policy_id", "task", "dataset_version", "stage")
ARTIFACTS = ("model", "tokenizer", "config")


@dataclass(frozen=True)
class Found:
    """What one run has in the place that it was sent to."""

    params: Collection[str]
    curves: Mapping[str, Collection[int]]
    """Metric -> the steps (the trainer's global_step) that have a point."""
    tags: Collection[str]
    artifacts: Collection[str]
    """Folders that hold at least one file."""


def missing(found: Found) -> list[str]:
    """What the rule asks and the run has not: ``param lora_r``, ``metric val_loss``, …; empty where all is there."""
    asked = (
        ("param", PARAMS, found.params),
        ("metric", METRICS, [name for name, steps in found.curves.items() if steps]),
        ("tag", TAGS, found.tags),
        ("artifact", ARTIFACTS, found.artifacts),
    )
    return [f"{kind} {name}" for kind, names, there in asked for name in names if name not in there]
