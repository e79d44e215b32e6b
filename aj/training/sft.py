"""Supervised fine-tuning through TRL's SFTTrainer: whole conversations, loss on the assistant's tokens only.

Rows are rendered and masked by aj/chat_template.py and reach the trainer as token ids and mask, so that what is trained is
exactly what the tests look at.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.chat import Conversation
from aj.chat_template import tokenise
from aj.training.trainer import common_arguments

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase
    from trl import SFTTrainer


def dataset(rows: Iterable[dict[str, Any]], tokenizer: "PreTrainedTokenizerBase") -> "Dataset":
    """Stored rows as {input_ids, assistant_masks}."""
    from datasets import Dataset

    tokens = (tokenise(tokenizer, Conversation.of(row)) for row in rows)
    return Dataset.from_list([{"input_ids": t.ids, "assistant_masks": t.learned} for t in tokens])


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
) -> "SFTTrainer":
    """A configured trainer; ``section`` is ``params.sft``."""
    from transformers import EarlyStoppingCallback
    from trl import SFTConfig, SFTTrainer

    stopping = section.patience > 0
    arguments = SFTConfig(
        **common_arguments(section, compute, output=output, seed=seed),
        gradient_accumulation_steps=section.accumulation,
        weight_decay=section.weight_decay,
        lr_scheduler_type="cosine",
        max_length=max_length,
        packing=section.packing,
        eval_strategy="steps",
        eval_steps=section.eval_steps,
        per_device_eval_batch_size=section.batch_size,
        load_best_model_at_end=stopping,
        metric_for_best_model="eval_loss" if stopping else None,
    )
    return SFTTrainer(
        model=model,
        args=arguments,
        train_dataset=train,
        eval_dataset=validation,
        processing_class=tokenizer,
        callbacks=[EarlyStoppingCallback(section.patience)] if stopping else None,
    )
