"""SFT for real, on a small base: plain, quantized, resumed; and what is learned."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from aj.errors import TrainingError
from aj.hashing import canonical
from aj.training import model as models
from aj.training import sft
from aj.training.trainer import newest_whole, train
from tests.training.conftest import Small


def rows(count: int = 64) -> list[dict[str, Any]]:
    """Stored conversations: a question, a query, its result, an answer."""
    made = []
    for i in range(count):
        said = [
            ("user", f"tables: herbs, teas\nquestion: count all herbs {i}"),
            ("assistant", "QUERY: SELECT COUNT( * ) FROM herbs"),
        ]
        said += [("tool", str(i)), ("assistant", f"ANSWER: {i}")]
        made.append({"messages": canonical([{"role": r, "content": c} for r, c in said]), "tools": "[]"})
    return made


class Killed(Exception):
    """Stands for the moment a process dies."""


def trained(
    small: Small, output: Path, *, quantization: str = "none", die_at: int = 0, **changes: Any
) -> tuple[Any, list[dict[str, float]]]:
    """A model after SFT, and its log."""
    base = models.load_base(small.folder, precision="fp32", quantization=quantization)
    model = models.add_adapter(base, r=8, alpha=16, dropout=0.0, seed=5)
    data = sft.dataset(rows(), small.tokenizer)
    section = dataclasses.replace(small.params.sft, **changes)
    trainer = sft.trainer(
        model, small.tokenizer, section, small.params.compute, train=data, validation=data, max_length=320, output=output, seed=7
    )
    from transformers import TrainerCallback

    class Die(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if die_at and state.global_step == die_at:
                raise Killed

    trainer.add_callback(Die())
    output.mkdir(exist_ok=True)
    return model, train(trainer, output)


def adapter(model: Any) -> dict[str, Any]:
    return {n: p.detach().clone() for n, p in model.named_parameters() if "lora_" in n}


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(bool((a[n] == b[n]).all()) for n in a)


def losses(log: list[dict[str, float]]) -> list[float]:
    return [event["loss"] for event in log if "loss" in event]


def test_the_loss_falls_and_only_the_adapter_is_trained(small: Small, tmp_path: Path) -> None:
    model, log = trained(small, tmp_path / "o")
    assert losses(log)[-1] < losses(log)[0]
    assert models.trainable(model) == sum(p.numel() for n, p in model.named_parameters() if "lora_" in n)
    assert len([n for n in adapter(model) if "lora_A" in n]) == 7 * small.params.pretrain.layers  # type: ignore[union-attr]


def test_qlora_in_nf4_trains_on_the_cpu(small: Small, tmp_path: Path) -> None:
    model, log = trained(small, tmp_path / "o", quantization="nf4")
    assert model.base_model.model.is_loaded_in_4bit
    kinds = {type(m).__name__ for m in model.modules()}
    assert "Linear4bit" in kinds
    assert losses(log)[-1] < losses(log)[0]


def test_the_same_seed_gives_the_same_adapter_and_another_seed_another(small: Small, tmp_path: Path) -> None:
    first, second = (adapter(trained(small, tmp_path / name)[0]) for name in ("a", "b"))
    assert same(first, second)
    untrained = models.load_base(small.folder, precision="fp32")
    assert not same(first, adapter(models.add_adapter(untrained, r=8, alpha=16, dropout=0.0, seed=6)))


def test_resuming_from_a_checkpoint_gives_the_bytes_of_an_uninterrupted_run(small: Small, tmp_path: Path) -> None:
    whole, _ = trained(small, tmp_path / "whole", save_steps=2)
    with pytest.raises(Killed):
        trained(small, tmp_path / "cut", save_steps=2, die_at=5)
    half_written = tmp_path / "cut/checkpoint-5"
    half_written.mkdir()
    (half_written / "adapter_model.safetensors").write_bytes(b"half")
    newest = newest_whole(tmp_path / "cut")
    assert newest and newest.name == "checkpoint-4"
    resumed, log = trained(small, tmp_path / "cut", save_steps=2)
    assert len(losses(log)) == 6
    assert same(adapter(whole), adapter(resumed))


def test_packing_keeps_every_learned_token(small: Small, tmp_path: Path) -> None:
    _, log = trained(small, tmp_path / "o", packing=True)
    assert losses(log)[-1] < losses(log)[0]


def test_a_diverged_run_is_an_error(small: Small, tmp_path: Path) -> None:
    model, _ = trained(small, tmp_path / "o")
    next(p for n, p in model.named_parameters() if "lora_B" in n).data.fill_(float("nan"))
    with pytest.raises(TrainingError, match="not finite"):
        models.save_adapter(model, tmp_path / "adapter", "small")


def test_a_saved_adapter_names_no_path_of_this_machine(small: Small, tmp_path: Path) -> None:
    model, _ = trained(small, tmp_path / "o")
    models.save_adapter(model, tmp_path / "adapter", "small")
    text = "".join(p.read_text() for p in (tmp_path / "adapter").glob("*.json"))
    assert str(tmp_path) not in text and str(small.folder) not in text
    again = models.continue_adapter(models.load_base(small.folder, precision="fp32"), tmp_path / "adapter")
    assert same(adapter(model), adapter(again))


def test_what_is_learned_is_the_assistants_text_alone(small: Small) -> None:
    row = sft.dataset(rows(1), small.tokenizer)[0]
    learned = [i for i, m in zip(row["input_ids"], row["assistant_masks"], strict=True) if m]
    assert small.tokenizer.decode(learned) == "QUERY: SELECT COUNT( * ) FROM herbs<|im_end|>ANSWER: 0<|im_end|>"
