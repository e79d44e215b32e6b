"""Direct preference optimisation: the adapter of sft goes on, against a frozen copy of itself.

Run by `dvc repro`; by hand: `python -m stages.dpo`.
"""

from pathlib import Path

from aj.evaluation.statistics import wilson
from aj.params import derive
from aj.sources import base, rows
from aj.stage import Run, seal
from aj.training import dpo
from aj.training import model as models
from aj.training.trainer import curve, train

BASE, MIX, ADAPTER = Path("data/raw/base"), Path("data/mix/preference"), Path("models/sft")


def main(run: Run) -> None:
    import torch

    torch.set_num_threads(run.params.compute.threads)
    torch.set_float32_matmul_precision(run.params.compute.matmul)
    p = run.params.dpo

    # 1. Base and the adapter so far.
    tokenizer = base.load_tokenizer(BASE)
    weights = models.load_base(
        base.weights(BASE), precision=run.params.compute.precision, quantization=run.params.compute.quantization
    )
    model = models.continue_adapter(weights, ADAPTER)

    # 2. Pairs.
    training = dpo.dataset(rows.read_all(MIX / "train.parquet"), tokenizer)
    held_out = rows.read_all(MIX / "validation.parquet")
    validation = dpo.dataset(held_out, tokenizer)

    # 3. Train.
    trainer = dpo.trainer(
        model,
        tokenizer,
        p,
        run.params.compute,
        train=training,
        validation=validation,
        max_length=run.params.mix.max_length,
        output=run.resume_dir,
        seed=derive(run.params.seed, "dpo"),
    )
    log = train(trainer, run.resume_dir)
    after = trainer.evaluate()
    families = dpo.by_family(trainer, validation, [pair["broken_rule"] for pair in held_out])

    # 4. Adapter, numbers, curves. Accuracy: the share of held-out pairs whose chosen turn gained more than the rejected.
    models.save_adapter(model, run.out("models/dpo"), base.read_pin(BASE)["id"])
    accuracy = after["eval_rewards/accuracies"]
    low, high = wilson(round(accuracy * len(held_out)), len(held_out))
    run.metrics(
        "metrics/dpo.json",
        {
            "steps": trainer.state.global_step,
            "held_out_pairs": len(held_out),
            "held_out_accuracy": accuracy,
            "held_out_accuracy_low": low,
            "held_out_accuracy_high": high,
            "held_out_margin": after["eval_rewards/margins"],
            "held_out_loss": after["eval_loss"],
        },
    )
    names = {"loss": "loss", "rewards/accuracies": "accuracy", "rewards/margins": "margin"}
    run.curve("metrics/curves/dpo.csv", curve(log, names, needs="loss"))
    run.curve("metrics/curves/dpo_families.csv", families)


if __name__ == "__main__":
    seal("dpo", main)
