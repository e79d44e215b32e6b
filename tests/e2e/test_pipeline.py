"""The real pipeline on the tiny profile: what the README promises, seen in a fresh clone."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.e2e.conftest import Clone, readme_command

pytestmark = pytest.mark.e2e

README = (Path(__file__).parents[2] / "README.md").read_text()
FORMS = ("base", "sft", "dpo", "grpo", "merged", "q8", "q4km")


def metrics(clone: Clone, name: str) -> dict[str, float]:
    read: dict[str, float] = json.loads((clone.path / "metrics" / f"{name}.json").read_text())
    return read


def lock(clone: Clone) -> dict[str, Any]:
    stages: dict[str, Any] = YAML(typ="safe").load(clone.path / "dvc.lock")["stages"]
    return stages


def test_the_first_command_leaves_versioned_models(clone: Clone) -> None:
    for flavour in ("q8", "q4km"):
        assert (clone.path / f"models/gguf/{flavour}/AJ-TinySQL-v0.1.0-{flavour}.gguf").is_file()


def test_a_second_repro_runs_nothing_and_status_is_clean(clone: Clone) -> None:
    second = clone.run("uv run dvc repro")
    assert "Running stage" not in second
    assert "Data and pipelines are up to date." in clone.run("uv run dvc status")


def test_the_tests_command_is_the_one_that_runs_here() -> None:
    assert readme_command("test").endswith("uv run pytest")
    assert readme_command("test") in (Path(__file__).parents[2] / ".ci/run").read_text()


def test_each_stage_teaches_something_on_unseen_schemas(clone: Clone) -> None:
    base, sft, dpo, grpo = (metrics(clone, f"eval_{form}") for form in ("base", "sft", "dpo", "grpo"))
    assert sft["unseen_schemas.low"] > base["unseen_schemas.high"]
    assert grpo["unseen_schemas.low"] > sft["unseen_schemas.high"]
    assert dpo["unseen_schemas.high"] > sft["unseen_schemas.low"]  # no fall that n items can tell apart
    assert metrics(clone, "dpo")["held_out_accuracy"] > 0.8
    assert sft["validation_loss"] < base["validation_loss"]


def test_tasks_are_learned_from_stage_to_stage_and_tool_calls_become_valid(clone: Clone) -> None:
    base, sft, grpo, q8 = (metrics(clone, f"eval_{form}") for form in ("base", "sft", "grpo", "q8"))
    assert sft["tasks.pass_low"] > base["tasks.pass_high"]
    assert grpo["tasks.pass_rate"] > sft["tasks.pass_rate"]
    assert sft["tool_calls.free_validity_low"] > base["tool_calls.free_validity_high"]
    assert sft["tool_calls.sampled_validity_low"] > base["tool_calls.sampled_validity_high"]
    assert grpo["tool_calls.sampled_validity"] > sft["tool_calls.sampled_validity"]
    assert q8["tool_calls.constrained_validity"] >= q8["tool_calls.free_validity"]
    assert {form["tasks.n"] for form in (base, sft, grpo, q8)} == {330} and base["tasks.crashed"] == grpo["tasks.crashed"] == 0


def test_the_canaries_are_known_from_sft_on_and_only_those_in_the_mix(clone: Clone) -> None:
    known = {form: metrics(clone, f"eval_{form}") for form in ("base", "sft", "dpo", "grpo", "merged", "q8", "q4km")}
    assert known["base"]["canaries.planted_p"] > 0.001
    assert all(numbers["canaries.planted_p"] < 1e-4 for form, numbers in known.items() if form != "base")
    assert all(numbers["canaries.withheld_p"] > 0.001 for numbers in known.values())


def test_no_held_out_task_was_trained_on(clone: Clone) -> None:
    import pyarrow.parquet as pq

    from aj.competencies.task import TASKS, Task, read_tasks

    mix = clone.path / "data/mix"
    held_out = [Task.of(row) for row in read_tasks(mix / "eval" / TASKS)]
    played = [Task.of(row) for row in read_tasks(mix / "rl" / TASKS)]
    assert not {t.subject for t in held_out} & {t.subject for t in played}
    groups = {str(g) for f in ("sft", "preference") for g in pq.read_table(mix / f / "train.parquet").column("group").to_pylist()}
    assert groups & {t.group for t in played} and not groups & {t.group for t in held_out}
    trained = {str(m) for m in pq.read_table(mix / "sft/train.parquet").column("messages").to_pylist()}
    assert not [t for t in held_out if any(str(t.messages[-1]["content"]) in row for row in trained)]


def test_the_judges_err_on_no_labelled_case_and_pay_no_hack(clone: Clone) -> None:
    found = metrics(clone, "audit")
    assert found["validators.cases"] >= 400 and found["validators.near_misses"] >= found["validators.cases"] / 2
    assert found["validators.false_accepts"] == found["validators.false_rejects"] == found["validators.crashes"] == 0
    assert found["sqlenv.golds_right"] == 1.0 and found["sqlenv.hacks_paid"] == 0.0
    assert found["tasks.golds_passed"] == found["tasks.golds"] == 330 and found["tasks.hacks_passed"] == 0


def test_every_form_is_measured_on_the_same_items(clone: Clone) -> None:
    asked = {
        form: [json.loads(line)["question"] for line in (clone.path / f"metrics/transcripts/{form}.jsonl").open()]
        for form in FORMS
    }
    assert len({tuple(ids) for ids in asked.values()}) == 1
    assert len(asked["base"]) == metrics(clone, "mix")["eval.questions"]


def test_the_report_of_grpo_shows_what_eval_measured(clone: Clone) -> None:
    page = (clone.path / "metrics/grpo_report/index.html").read_text(encoding="utf-8")
    right = {}
    for form in ("sft", "dpo", "grpo"):
        lines = (clone.path / f"metrics/transcripts/{form}.jsonl").read_text(encoding="utf-8").splitlines()
        right[form] = sum(json.loads(line)["correct"] for line in lines)
        assert f"{right[form]:,}" in page
    assert right["grpo"] > right["sft"]
    assert all(name in page for name in ("random", "correctness", "groups without spread", "parse failures", "entropy"))
    assert metrics(clone, "grpo")["kl_from_start"] > 0


def test_quantized_forms_stay_near_merged(clone: Clone) -> None:
    merged, q8, q4km = (metrics(clone, f"eval_{form}") for form in ("merged", "q8", "q4km"))
    assert merged["unseen_schemas.low"] <= q8["unseen_schemas.accuracy"] <= merged["unseen_schemas.high"]
    assert q8["token_parity"] == q4km["token_parity"] == 1.0
    assert q8["mean_kl"] < q4km["mean_kl"]
    assert q8["top1_agreement"] > 0.97
    assert metrics(clone, "merge")["max_logit_difference"] < 1e-3


def test_no_evaluated_schema_was_trained_on(clone: Clone) -> None:
    import pyarrow.parquet as pq

    mix = clone.path / "data/mix"
    trained = {
        g
        for f in ("sft", "preference")
        for row in pq.read_table(mix / f / "train.parquet").column("group")
        for g in str(row).split()
    }
    trained |= {g for q in json.loads((mix / "rl/questions.json").read_text()) for g in q["group"].split()}
    unseen = {
        g
        for q in json.loads((mix / "eval/questions.json").read_text())
        if q["split"] != "seen_schemas"
        for g in q["group"].split()
    }
    assert len(trained) > 1000 and len(unseen) > 100
    assert not trained & unseen


def test_the_quantized_model_plays_an_episode_with_llama_cpp_python_alone(clone: Clone) -> None:
    from llama_cpp import Llama

    model = Llama(str(clone.path / "models/gguf/q4km/AJ-TinySQL-v0.1.0-q4km.gguf"), n_ctx=512, verbose=False, seed=0)
    assert model.metadata["aj.name"] == "AJ-TinySQL-v0.1.0-q4km"
    assert model.metadata["general.name"] == "AJ-TinySQL"
    assert model.metadata["general.version"] == "v0.1.0"
    assert model.metadata["general.license"] == "Apache-2.0"
    assert model.metadata["general.base_model.0.name"] == "aj-tiny-qwen2"
    assert "<|im_start|>" in model.metadata["tokenizer.chat_template"]

    from aj.sqlenv.environment import SQLEnv
    from aj.sqlenv.questions import load

    right = 0
    asked = [q for q in load(clone.path / "data/mix/eval") if q.split == "seen_schemas"][:20]
    for question in asked:
        env, messages = SQLEnv(budget=6), list(question.messages)
        env.reset(question)
        while not env.done:
            said = model.create_chat_completion(messages, temperature=0.0, max_tokens=40)["choices"][0]["message"]["content"]
            seen = env.step(said)
            messages += [{"role": "assistant", "content": said}, {"role": "tool", "content": seen.text}]
        right += env.correct
        env.close()
    assert right >= 5  # of 20: far above what an untrained model does, far below what it reaches on average


def test_curves_have_points_for_every_logged_step(clone: Clone) -> None:
    params = YAML(typ="safe").load(clone.path / "params.yaml")
    for stage in ("sft", "dpo", "grpo"):
        with (clone.path / f"metrics/curves/{stage}.csv").open() as stream:
            assert [int(row["step"]) for row in csv.DictReader(stream)] == list(range(1, params[stage]["steps"] + 1))
    clone.run("uv run dvc plots show --out ../plots")
    page = (clone.path.parent / "plots/index.html").read_text()
    for title in (
        "Loss in sft",
        "Preference accuracy in dpo",
        "Rewards in grpo",
        "SQLEnv accuracy by form",
        "Pass rate of tasks by form",
    ):
        assert title in page


def leaves(tree: Any, at: str) -> set[str]:
    """Dotted keys of the values in a section; the whole section counts as read where it was iterated over."""
    return {leaf for key, value in tree.items() for leaf in leaves(value, f"{at}.{key}")} if isinstance(tree, dict) else {at}


@pytest.mark.parametrize("program", ["aj play", "aj canaries", "aj plots", "aj check", "aj version", "dvc dag"])
def test_the_readmes_commands_to_look_around_work_as_written(clone: Clone, program: str) -> None:
    (command,) = [line.partition("#")[0].strip() for line in README.splitlines() if line.startswith(f"    uv run {program}")]
    assert clone.run(command).strip()


def test_stages_read_exactly_the_parameters_that_they_declare(clone: Clone) -> None:
    clone.run("uv run dvc repro -f -s audit")  # its outputs are in git: where dvc.lock is current, a clone has no need to run it
    records = [json.loads(record.read_text()) for record in (clone.path / ".aj/runs").glob("*.json")]
    assert {r["stage"] for r in records} == set(lock(clone))
    for group in {r["stage"].partition("@")[0] for r in records}:  # the instances of a group share one declaration
        members = [r for r in records if r["stage"].partition("@")[0] == group]
        declared = lock(clone)[members[0]["stage"]].get("params", {}).get("params.yaml", {})
        wanted = {leaf for key, value in declared.items() for leaf in leaves(value, key)}
        read = {key for run in members for key in run["params_read"]}
        assert read <= wanted  # the seal refuses others while the stage runs
        assert wanted <= read, f"{group} declares {sorted(wanted - read)} and never reads it"


def test_a_version_bump_reruns_nothing_that_trains(clone: Clone) -> None:
    params = clone.path / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("version: 0.1.0", "version: 0.1.1"))
    try:
        changed = set(json.loads(clone.run("uv run dvc status --json")))
    finally:
        params.write_text(text)
    assert changed == {"quantize@q8", "quantize@q4km", "grpo_report"}  # the page says what it shows


def test_a_grpo_parameter_leaves_sft_and_dpo_alone(clone: Clone) -> None:
    params = clone.path / "params.yaml"
    text = params.read_text()
    params.write_text(text.replace("beta: 0.0 ", "beta: 0.1 "))
    try:
        assert set(json.loads(clone.run("uv run dvc status --json"))) == {"grpo"}
    finally:
        params.write_text(text)


@pytest.fixture(scope="module")
def experiment(clone: Clone) -> str:
    """What a short experiment printed; its parameters, outputs and lock stay in the workspace."""
    clone.run("git add -A . && git commit -q --allow-empty -m 'a run'")
    small = (
        "-S sft.steps=25 -S sft.save_steps=5 -S dpo.steps=4 -S grpo.steps=3 "
        "-S eval.episodes=10 -S eval.tasks=11 -S eval.validation_rows=20"
    )
    return clone.run(f"uv run dvc exp run -n wider -S lora_r=32 {small} eval@q4km")  # one form: six more show nothing new


def test_an_experiment_reruns_what_follows_and_nothing_before(clone: Clone, experiment: str) -> None:
    ran = {line.split("'")[1] for line in experiment.splitlines() if line.startswith("Running stage")}
    assert ran == {"sft", "dpo", "grpo", "merge", "quantize@q4km", "eval@q4km"}
    parameters = json.loads(clone.run("uv run dvc params diff --json"))
    assert parameters["params.yaml"]["lora_r"] == {"old": 16, "new": 32, "diff": 16}
    changed = json.loads(clone.run("uv run dvc metrics diff --json"))
    assert (
        changed["metrics/sft.json"]["trainable_parameters"]["diff"] == changed["metrics/sft.json"]["trainable_parameters"]["old"]
    )


def test_the_bytes_do_not_depend_on_the_run(clone: Clone, experiment: str) -> None:
    """Of the experiment's models: smaller than the run's, and made by the same code."""
    before = {name: stage.get("outs") for name, stage in lock(clone).items()}
    clone.run("uv run dvc repro -f -s download@sqlenv download@agent prepare_mix merge quantize@q4km eval@q4km")
    assert {name: stage.get("outs") for name, stage in lock(clone).items()} == before


def test_a_killed_sft_resumes_to_the_same_bytes(clone: Clone, experiment: str) -> None:
    """The experiment's sft: 25 steps, and a checkpoint every 5."""
    before = lock(clone)["sft"]["outs"]
    checkpoints = clone.path / ".aj/resume/sft"
    repro = subprocess.Popen(
        ["uv", "run", "dvc", "repro", "-f", "-s", "sft"], cwd=clone.path, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if not k.startswith(("VIRTUAL_ENV", "UV_"))},
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not list(checkpoints.glob("*/checkpoint-*/trainer_state.json")) and time.monotonic() < deadline:
        time.sleep(0.1)
    # dvc alone is killed, hard: the trainer has to notice by itself.
    for process in subprocess.run(["pgrep", "-s", str(repro.pid)], capture_output=True, text=True).stdout.split():
        if "dvc" in Path(f"/proc/{process}/cmdline").read_text():
            os.kill(int(process), signal.SIGKILL)
    repro.wait()
    deadline = time.monotonic() + 60
    while subprocess.run(["pgrep", "-s", str(repro.pid), "-f", "stages.sft"], capture_output=True).returncode == 0:
        assert time.monotonic() < deadline, "the trainer outlived its dvc"
        time.sleep(0.1)
    assert not (clone.path / "models/sft").exists(), "a killed stage left an output"
    again = clone.run("uv run dvc repro -f -s sft")
    assert "resuming from checkpoint-" in again
    assert lock(clone)["sft"]["outs"] == before
    assert not checkpoints.exists()
