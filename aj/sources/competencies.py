"""The tasks of the competencies as a source: demonstrations, preference pairs, and tasks to be played.

Lands as ``rows/demonstrations.parquet``, ``pairs.parquet`` and ``tasks.jsonl``. Tasks that are demonstrated, tasks to be played in
training and held-out tasks are three sets without a common item; the held-out ones share no template group with the others.

A demonstration is right, but part of them stand in a code fence. That is how such rows come from people and models, and it is the
one thing here that reward can teach in a few minutes on two cores: the checks read a reply as what was asked for, and a fence is none.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from aj.competencies.generate import draw_tasks
from aj.competencies.registry import read
from aj.competencies.task import TASKS, Message, Task
from aj.errors import DataError
from aj.hashing import canonical
from aj.params import derive
from aj.sources import rows
from aj.sources.card import Tasks


def land(card: Tasks, out: Path, *, seed: int) -> int:
    """Generate everything into ``out``; returns the number of demonstrations, pairs and tasks together."""
    catalogue = read()
    held_out = draw_tasks(catalogue, card.held_out_tasks, seed=seed, side="held_out")
    learned = draw_tasks(catalogue, card.demonstrations + card.tasks, seed=seed, side="train")
    random.Random(derive(seed, "demonstrated tasks")).shuffle(learned)
    shown, played = learned[: card.demonstrations], learned[card.demonstrations :]
    rng, hand = (random.Random(derive(seed, purpose)) for purpose in ("pairs of tasks", "fences"))
    pairs = [*_pairs(rng, shown, card.pairs, "train"), *_pairs(rng, held_out, len(held_out), "held_out")]
    told = [*_rows(hand, shown, card.fenced, "train"), *_rows(hand, held_out, card.fenced, "held_out")]
    count = rows.write(out / "rows" / "demonstrations.parquet", told)
    count += rows.write(out / "pairs.parquet", pairs)
    items = [{**task.row(), "split": split} for split, tasks in (("train", played), ("held_out", held_out)) for task in tasks]
    (out / TASKS).write_text("".join(canonical(row) + "\n" for row in items), encoding="utf-8")
    return count + len(items)


def _rows(rng: random.Random, tasks: Sequence[Task], share: float, split: str) -> Iterator[dict[str, Any]]:
    for task in tasks:
        fenced = not task.tools and rng.random() < share
        gold = [_fenced(m) for m in task.gold] if fenced else task.gold
        yield {"messages": [*task.messages, *gold], "tools": list(task.tools), "group": task.group, "split": split}


def _fenced(message: Message) -> Message:
    return {**message, "content": f"```\n{message['content']}\n```"}


def _pairs(rng: random.Random, tasks: Sequence[Task], count: int, split: str) -> list[dict[str, Any]]:
    """``count`` pairs, the families of mistakes in turn, so that the frequent ones do not crowd out the others.

    A family of the agent's is the way in which it goes wrong; anywhere else it is the validator that refuses the answer.
    """
    families: dict[str, list[dict[str, Any]]] = {}
    for task in tasks:
        turns = [i for i, m in enumerate(task.gold) if m["role"] == "assistant"]
        for wrong in task.rejected:
            cut = turns[wrong.turn]
            chosen, rejected = task.gold[cut], wrong.reply
            family = wrong.family if task.tools else wrong.validator
            families.setdefault(family, []).append(
                {
                    "prompt": [*task.messages, *task.gold[:cut]], "chosen": chosen["content"], "rejected": rejected["content"],
                    "chosen_calls": list(chosen.get("tool_calls", [])), "rejected_calls": list(rejected.get("tool_calls", [])),
                    "tools": list(task.tools), "broken_rule": family, "group": task.group, "split": split,
                }
            )  # fmt: skip
    for pairs in families.values():
        rng.shuffle(pairs)
    found = [pair for pair in chain.from_iterable(zip_longest(*families.values())) if pair]
    if len(found) < count:
        raise DataError(f"the tasks give {len(found)} pairs for {split}, {count} are asked: ask fewer, or demonstrate more.")
    return found[:count]
