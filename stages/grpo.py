"""Group relative policy optimisation: the adapter of dpo plays SQLEnv and learns which episodes end right.

Run by `dvc repro`; by hand: `python -m stages.grpo`.
"""

from pathlib import Path

from aj.competencies.task import TASKS, Task, read_tasks
from aj.errors import DataError
from aj.evaluation.transformers_engine import TransformersEngine
from aj.params import derive
from aj.sources import base
from aj.sqlenv import questions
from aj.sqlenv.rollout import Roller
from aj.stage import Run, seal
from aj.training import grpo
from aj.training import model as models
from aj.training.divergence import from_start
from aj.training.environments import is_answered, is_played_with_tools
from aj.training.trainer import curve, train

BASE, MIX, ADAPTER = Path("data/raw/base"), Path("data/mix/rl"), Path("models/dpo")
LAST = 5  # steps that the final rewards are the mean of
PLAYED = 96  # episodes that the distance from the start is measured on
LOGGED = {f"rewards/{f.__name__}/mean": name for name, (f, _) in grpo.REWARDS.items()}
LOGGED |= {called: column for column, called in grpo.COUNTED.items()}
LOGGED |= {"loss": "loss", "reward": "reward", "entropy": "entropy", "kl": "kl"}  # kl: where beta is above 0
LOGGED |= {"episodes/groups_without_spread": "groups_without_spread", "completions/mean_length": "episode_tokens"}


def main(run: Run) -> None:
    import torch

    torch.set_num_threads(run.params.compute.threads)
    torch.set_float32_matmul_precision(run.params.compute.matmul)
    p = run.params.grpo

    # 1. Base and the adapter so far.
    tokenizer = base.load_tokenizer(BASE)
    weights = models.load_base(
        base.weights(BASE), precision=run.params.compute.precision, quantization=run.params.compute.quantization
    )
    model = models.continue_adapter(weights, ADAPTER)

    # 2. Questions, every gold checked, and tasks.
    asked = questions.load(MIX)
    tasks = [Task.of(row) for row in read_tasks(MIX / TASKS)]
    for name, held, items in (
        ("competencies", is_answered, "tasks of one reply"), ("tools", is_played_with_tools, "tasks that call tools"),
    ):  # fmt: skip
        if getattr(p.environments, name) > 0 and not any(map(held, tasks)):
            raise DataError(
                f"grpo.environments gives {name} a share, but the mix has no {items}: raise mix.rl_tasks, or set it to 0."
            )

    # 3. Train.
    trainer = grpo.trainer(
        model, tokenizer, p, run.params.compute, questions=asked, tasks=tasks, output=run.resume_dir,
        seed=derive(run.params.seed, "grpo"),
    )  # fmt: skip
    log = train(trainer, run.resume_dir)

    # 4. How far it went, on episodes of its own. Whether that was forward is measured by eval: a step's reward mostly shows
    #    which questions were drawn.
    torch.manual_seed(derive(run.params.seed, "grpo divergence"))
    roller = Roller(tokenizer, budget=p.budget, max_new_tokens=p.max_new_tokens, max_length=p.max_length)
    engine = TransformersEngine(model, tokenizer, batch_size=p.batch_size, temperature=1.0)
    distance = from_start(model, ADAPTER, roller.converse(asked[:PLAYED], engine.converse))

    # 5. Adapter, numbers, curve.
    models.save_adapter(model, run.out("models/grpo"), base.read_pin(BASE)["id"])
    points = curve(log, LOGGED, needs="reward")
    last = points[-LAST:]
    means = {f"last_{key}": sum(x[key] for x in last) / len(last) for key in last[0] if key not in ("step", "loss")}
    episodes = trainer.state.global_step * p.questions_per_step * p.group_size
    run.metrics(
        "metrics/grpo.json",
        {"steps": trainer.state.global_step, "episodes": episodes, "kl_from_start": distance, **means},
    )
    run.curve("metrics/curves/grpo.csv", points)


if __name__ == "__main__":
    seal("grpo", main)
