"""GRPO really trains, through both fronts; what may not learn does not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aj.competencies.generate import draw_tasks
from aj.competencies.registry import read
from aj.competencies.task import Task
from aj.errors import ParamsError, TrainingError
from aj.sections import Environments, Weights
from aj.sqlenv.questions import Question, load
from aj.sqlenv.rollout import Roller
from aj.training import grpo, trainer
from aj.training import model as models
from aj.training.divergence import from_start
from aj.training.environments import deal, environments
from tests.training.conftest import Small

STEPS = 2
SHORT = {
    "steps": STEPS,
    "warmup_steps": 0,
    "questions_per_step": 2,
    "group_size": 4,
    "batch_size": 4,
    "max_new_tokens": 12,
    "budget": 3,
}
PAID = Weights(
    correctness=1.0, progress=0.1, operational=5.0, validators=1.0
)  # a base of 60 steps answers nothing: what runs is all that pays


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> list[Question]:
    from aj.sources import card as cards
    from aj.sources import sqlenv

    card = cards.read("sqlenv")
    few = replace(card, demonstrations=1, held_out_demonstrations=1, pairs=1, held_out_pairs=1, questions={"train": 6})
    out = tmp_path_factory.mktemp("landed")
    (out / "rows").mkdir()
    sqlenv.land(few, "sqlenv", out, seed=3, system="")
    return load(out)


@pytest.fixture(scope="module")
def start(small: Small, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter to go on with: a fresh one that is not zero."""
    import torch

    model = models.add_adapter(models.load_base(small.folder, precision="fp32"), r=4, alpha=8, dropout=0.0, seed=1)
    torch.manual_seed(2)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            weight.data.normal_(0, 0.02)
    folder = tmp_path_factory.mktemp("start")
    models.save_adapter(model, folder, "small")
    return folder


def trained(
    small: Small, asked: Sequence[Question], start: Path, out: Path, *, tasks: Sequence[Task] = (), **changes: Any
) -> tuple[Any, list[dict[str, float]]]:
    model = models.continue_adapter(models.load_base(small.folder, precision="fp32"), start)
    section = replace(small.params.grpo, **{**SHORT, "weights": PAID, **changes})
    run = grpo.trainer(
        model, small.tokenizer, section, small.params.compute, questions=asked, tasks=tasks, output=out, seed=7
    )  # fmt: skip
    return model, trainer.train(run, out)


def adapter(model: Any) -> dict[str, Any]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters() if "lora_" in name}


@pytest.mark.parametrize("front", ["text", "tools"])
def test_both_fronts_train_on_the_cpu(small: Small, asked: list[Question], start: Path, tmp_path: Path, front: str) -> None:
    model, log = trained(small, asked, start, tmp_path / "o", front=front, learning_rate=1e-3)
    before = adapter(models.continue_adapter(models.load_base(small.folder, precision="fp32"), start))
    assert any(not weight.equal(before[name]) for name, weight in adapter(model).items())
    steps = [event for event in log if "reward" in event]
    assert len(steps) == STEPS
    for event in steps:
        assert event["reward"] == pytest.approx(
            5 * event["rewards/operational/mean"] + 0.1 * event["rewards/progress_reward/mean"], abs=1e-4
        )
        assert 0 < event["episodes/actions"] <= SHORT["budget"]
        assert event["episodes/parse_failures"] <= event["episodes/actions"]
        assert 0 <= event["episodes/groups_without_spread"] <= 1


def test_two_environments_are_played_in_one_run_each_paid_by_its_own_rewards(
    small: Small, asked: list[Question], start: Path, tmp_path: Path
) -> None:
    tasks = draw_tasks(read(), 11, seed=5, side="train")
    shares = Environments(sqlenv=0.5, competencies=0.5, tools=0)
    _, log = trained(small, asked, start, tmp_path / "o", tasks=tasks, environments=shares, task_tokens=8, learning_rate=1e-3)
    steps = [event for event in log if "reward" in event]
    assert len(steps) == STEPS
    for event in steps:  # half of the episodes are each environment's; the means of one leave the other's out
        of_sqlenv = 5 * event["rewards/operational/mean"] + 0.1 * event["rewards/progress_reward/mean"]
        assert event["reward"] == pytest.approx((of_sqlenv + event["rewards/validators_reward/mean"]) / 2, abs=1e-4)
        assert 0 < event["episodes/actions"] <= SHORT["budget"]
        assert event["episodes/passed"] == event["episodes/crashed"] == 0


def test_tasks_with_tools_are_an_environment_of_their_own(small: Small, asked: list[Question]) -> None:
    tasks = draw_tasks(read(), 44, seed=5, side="train")
    section = replace(small.params.grpo, environments=Environments(sqlenv=0.5, competencies=0.375, tools=0.125))
    played = environments(asked, tasks, small.tokenizer, section)
    dealt = list(deal(played, 16))
    called = [isinstance(item, Task) and bool(item.tools) for item in dealt]
    assert [len(e.items) for e in played] == [len(asked), 40, 4]
    assert sum(isinstance(item, Question) for item in dealt) == 8 and sum(called) == 2
    assert all(sum(e.holds(item) for e in played) == 1 for item in dealt)


def test_a_weight_for_a_validator_that_does_not_exist_is_refused(
    small: Small, asked: list[Question], start: Path, tmp_path: Path
) -> None:
    with pytest.raises(ParamsError, match="validator 'answer_task' does not exist: did you mean 'answers_task'"):
        trained(small, asked, start, tmp_path / "o", validators={"answer_task": 2.0})


def test_a_learning_rate_of_0_changes_no_bit(small: Small, asked: list[Question], start: Path, tmp_path: Path) -> None:
    model, _ = trained(small, asked, start, tmp_path / "o", learning_rate=0.0)
    before = adapter(models.continue_adapter(models.load_base(small.folder, precision="fp32"), start))
    assert all(weight.equal(before[name]) for name, weight in adapter(model).items())


def test_the_distance_from_the_start_is_0_there_and_grows(small: Small, asked: list[Question], start: Path) -> None:
    from aj.evaluation.transformers_engine import TransformersEngine

    model = models.continue_adapter(models.load_base(small.folder, precision="fp32"), start)
    roller = Roller(small.tokenizer, budget=3, max_new_tokens=12, max_length=320)
    played = roller.converse(asked, TransformersEngine(model, small.tokenizer, batch_size=4, temperature=1.0).converse)
    distances = []
    for scale in (0.0, 0.01, 0.05):
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.data += scale
        kept = adapter(model)
        distances.append(from_start(model, start, played))
        assert all(weight.equal(kept[name]) for name, weight in adapter(model).items())  # looked at, not touched
    assert distances[0] == pytest.approx(0, abs=1e-6)
    assert 1e-6 < distances[1] < distances[2]


def test_vllm_without_a_gpu_gives_one_sentence(small: Small, asked: list[Question], start: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(TrainingError, match="use_vllm is true, but there is no GPU here: set it to false"):
        trained(small, asked, start, tmp_path / "o", use_vllm=True)
