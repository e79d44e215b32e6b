"""Supervised fine-tuning: a fresh LoRA adapter learns the assistant's turns of whole conversations.

Run by `dvc repro`; by hand: `python -m stages.sft`.
"""

from pathlib import Path

from aj.params import derive
from aj.sources import base, rows
from aj.stage import Run, seal
from aj.training import model as models
from aj.training import sft
from aj.training.trainer import curve, train

BASE, MIX = Path("data/raw/base"), Path("data/mix/sft")


def main(run: Run) -> None:
    import torch

    torch.set_num_threads(run.params.compute.threads)
    torch.set_float32_matmul_precision(run.params.compute.matmul)
    p, seed = run.params.sft, derive(run.params.seed, "sft")

    # 1. Base and a fresh adapter.
    tokenizer = base.load_tokenizer(BASE)
    model = models.add_adapter(
        models.load_base(
            base.weights(BASE), precision=run.params.compute.precision, quantization=run.params.compute.quantization
        ),
        r=run.params.lora_r,
        alpha=run.params.lora_alpha,
        dropout=run.params.lora_dropout,
        seed=derive(run.params.seed, "lora"),
    )

    # 2. Conversations as tokens, with what is learned.
    training = sft.dataset(rows.read_all(MIX / "train.parquet"), tokenizer)
    validation = sft.dataset(rows.read_all(MIX / "validation.parquet"), tokenizer)

    # 3. Train.
    trainer = sft.trainer(
        model,
        tokenizer,
        p,
        run.params.compute,
        train=training,
        validation=validation,
        max_length=run.params.mix.max_length,
        output=run.resume_dir,
        seed=seed,
    )
    log = train(trainer, run.resume_dir)
    after = trainer.evaluate()

    # 4. Adapter, numbers, curves.
    models.save_adapter(model, run.out("models/sft"), base.read_pin(BASE)["id"])
    run.metrics(
        "metrics/sft.json",
        {
            "steps": trainer.state.global_step,
            "trainable_parameters": models.trainable(model),
            "train_loss": [e["loss"] for e in log if "loss" in e][-1],
            "validation_loss": after["eval_loss"],
            "validation_token_accuracy": after["eval_mean_token_accuracy"],
        },
    )
    run.curve("metrics/curves/sft.csv", curve(log, {"loss": "loss", "learning_rate": "learning_rate"}, needs="loss"))
    run.curve("metrics/curves/sft_validation.csv", curve(log, {"eval_loss": "validation_loss"}, needs="eval_loss"))


if __name__ == "__main__":
    seal("sft", main)
