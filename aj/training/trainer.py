"""What the three trainers share: common arguments, resuming, and the curve of what was logged."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.errors import TrainingError

if TYPE_CHECKING:
    from transformers import Trainer


def common_arguments(section: Any, compute: Any, *, output: Path, seed: int) -> dict[str, Any]:
    """Arguments of transformers' TrainingArguments that SFT, DPO and GRPO set alike; ``compute`` is ``params.compute``."""
    import torch

    gpu = torch.cuda.is_available()
    return {
        "output_dir": str(output),
        "max_steps": section.steps,
        "per_device_train_batch_size": section.batch_size,
        "learning_rate": section.learning_rate,
        "warmup_steps": section.warmup_steps,
        "bf16": compute.precision == "bf16",
        "tf32": gpu or None,
        "use_cpu": not gpu,
        "gradient_checkpointing": compute.gradient_checkpointing,
        "max_grad_norm": 1.0,
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": section.save_steps,
        "save_total_limit": 1,
        "report_to": "none",
        "seed": seed,
        "data_seed": seed,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": gpu,
        "optim": "adamw_torch",
    }


def train(trainer: "Trainer", resume: Path) -> list[dict[str, float]]:
    """Train, from the newest whole checkpoint where there is one; returns what was logged, a dict a log event."""
    newest = newest_whole(resume)
    if newest:
        print(f"resuming from {newest.name}", flush=True)
    trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    log: list[dict[str, float]] = trainer.state.log_history
    losses = [event["loss"] for event in log if "loss" in event]
    if not losses or not all(math.isfinite(loss) for loss in losses):
        raise TrainingError(
            f"the loss is {losses[-1] if losses else 'missing'} after {len(losses)} steps: lower the learning rate."
        )
    return log


def newest_whole(folder: Path) -> Path | None:
    """The checkpoint of the highest step that was written to its end: trainer_state.json comes last."""
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json") if path.stat().st_size]
    return max(whole, key=lambda path: int(path.name.partition("-")[2]), default=None)


def curve(log: Sequence[dict[str, float]], columns: dict[str, str], *, needs: str) -> list[dict[str, float]]:
    """The log events that have ``needs`` as rows of {step, new name: value}, for a plot."""
    return [
        {"step": event["step"], **{new: event[old] for old, new in columns.items() if old in event}}
        for event in log
        if needs in event
    ]
