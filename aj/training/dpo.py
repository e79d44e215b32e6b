"""Direct preference optimisation through TRL's DPOTrainer: the same adapter goes on.

The reference is a frozen copy of the adapter as it came in, which TRL makes itself (adapter name ``ref``). Pairs are rendered by
aj/chat_template.py and reach the trainer as token ids: nested columns would grow ``null`` keys in the arguments of tool calls.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.chat import Conversation
from aj.chat_template import render
from aj.errors import TrainingError
from aj.evaluation.statistics import wilson
from aj.mix.pair import turn
from aj.training.trainer import common_arguments

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase
    from trl import DPOTrainer

EVAL_BATCH = 64  # at most


def dataset(rows: Iterable[dict[str, Any]], tokenizer: "PreTrainedTokenizerBase", *, swapped: bool = False) -> "Dataset":
    """Stored pairs as {prompt_ids, chosen_ids, rejected_ids}. ``swapped`` exchanges the labels: the control run of bench/."""
    from datasets import Dataset

    good, bad = ("rejected", "chosen") if swapped else ("chosen", "rejected")
    found = []
    for row in rows:
        prompt, tools = json.loads(row["prompt"]), tuple(json.loads(row["tools"]))
        asked = render(tokenizer, Conversation(tuple(prompt), tools), generate=True)
        said = [render(tokenizer, Conversation((*prompt, turn(row, side)), tools)) for side in (good, bad)]
        if not all(text.startswith(asked) for text in said):
            raise TrainingError(f"the chat template renders the prompt {asked[-80:]!r} otherwise before an answer: use another.")
        texts = [asked, *(text[len(asked) :].removesuffix("\n") for text in said)]  # learned up to the end of turn
        ids = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts)
        found.append(dict(zip(("prompt_ids", "chosen_ids", "rejected_ids"), ids, strict=True)))
    return Dataset.from_list(found)


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

    class Tokenised(DPOTrainer):  # type: ignore[misc, unused-ignore]
        """TRL 1.16 tokenises whatever it is given, and has no switch for pairs that are token ids already."""

        def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
            return dataset

    arguments = DPOConfig(
        **common_arguments(section, compute, output=output, seed=seed),
        gradient_accumulation_steps=section.accumulation,
        lr_scheduler_type="cosine",
        beta=section.beta,
        max_length=max_length,
        per_device_eval_batch_size=_even_batch(len(validation)),
    )
    return Tokenised(model=model, args=arguments, train_dataset=train, eval_dataset=validation, processing_class=tokenizer)


def by_family(trainer: "DPOTrainer", held_out: "Dataset", families: Sequence[str]) -> list[dict[str, Any]]:
    """What the trainer measures on the held-out pairs of each family of mistakes: one row a family, with its number of pairs."""
    found = []
    for family in sorted(set(families)):
        own = held_out.select([i for i, name in enumerate(families) if name == family])
        trainer.args.per_device_eval_batch_size = _even_batch(len(own))
        measured = trainer.evaluate(own)
        accuracy, margin = measured["eval_rewards/accuracies"], measured["eval_rewards/margins"]
        low, high = wilson(round(accuracy * len(own)), len(own))
        found.append({"family": family, "n": len(own), "accuracy": accuracy, "low": low, "high": high, "margin": margin})
    return found


def _even_batch(items: int) -> int:
    # TRL averages its metrics over batches: only batches of one size give the mean over pairs.
    return max(size for size in range(1, EVAL_BATCH + 1) if items % size == 0)
