"""Direct preference optimisation through TRL's DPOTrainer: the same adapter goes on.

The reference is a frozen copy of the adapter as it came in, which TRL makes itself (adapter name ``ref``).
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.training.trainer import common_arguments

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase
    from trl import DPOTrainer

EVAL_BATCH = 64  # at most


def dataset(rows: Iterable[dict[str, Any]], *, swapped: bool = False) -> "Dataset":
    """Stored pairs in TRL's conversational form. ``swapped`` exchanges the labels: the control run of bench/."""
    from datasets import Dataset

    good, bad = ("rejected", "chosen") if swapped else ("chosen", "rejected")
    return Dataset.from_list(
        [{"prompt": json.loads(r["prompt"]), "chosen": _turn(r[good]), "rejected": _turn(r[bad])} for r in rows]
    )


def trainer(
    model: "PeftModel",
    tokenizer: "PreTrainedTokenizerBase",
    section: Any,
    compute: Any,
    *,
    train: "Dataset",
    validation: "Dataset",
    max_length: int,
    output: Path,
    seed: int,
) -> "DPOTrainer":
    """A configured trainer; ``section`` is ``params.dpo``."""
    from trl import DPOConfig, DPOTrainer

    arguments = DPOConfig(
        **common_arguments(section, compute, output=output, seed=seed),
        gradient_accumulation_steps=section.accumulation,
        lr_scheduler_type="cosine",
        beta=section.beta,
        max_length=max_length,
        per_device_eval_batch_size=_even_batch(len(validation)),
    )
    return DPOTrainer(model=model, args=arguments, train_dataset=train, eval_dataset=validation, processing_class=tokenizer)


def _turn(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _even_batch(items: int) -> int:
    # TRL averages its metrics over batches: only batches of one size give the mean over pairs.
    return max(size for size in range(1, EVAL_BATCH + 1) if items % size == 0)
