"""The validators of a lone job and a lone pipeline: labelled cases, hostile and slow texts, fuzz."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aj.validators.definitions.fields import MOST_REASONS
from aj.validators.definitions.jobs import job_definition_valid
from aj.validators.definitions.pipelines import pipeline_definition_valid
from aj.validators.definitions.tasks import NEEDS_COMPUTE, REQUIRED, TASK_TYPES
from aj.validators.score import Score
from tests.validators.labelled import in_time

CASES: list[dict[str, Any]] = yaml.load(
    (Path(__file__).parent / "cases" / "jobs.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
VALIDATORS = {"job_definition_valid": job_definition_valid, "pipeline_definition_valid": pipeline_definition_valid}


def judge(case: dict[str, Any]) -> Score:
    return VALIDATORS[case["validator"]](case["text"], case.get("context") or {})


def test_no_case_is_judged_wrongly() -> None:
    """False accepts and false rejects are both zero, and the first code is the labelled one."""
    accepts, rejects, codes = [], [], []
    for case in CASES:
        score = judge(case)
        if score.passed and not case["passes"]:
            accepts.append(case["id"])
        elif not score.passed and case["passes"]:
            rejects.append((case["id"], score.reasons[0]))
        elif not case["passes"] and score.codes[0] != case["code"]:
            codes.append((case["id"], case["code"], score.codes))
    assert (accepts, rejects, codes) == ([], [], [])


def test_the_cases_are_many_and_mostly_near_misses() -> None:
    assert len(CASES) >= 100 and len({case["id"] for case in CASES}) == len(CASES)
    assert sum(case["near_miss"] for case in CASES) >= len(CASES) / 2
    assert 0.35 <= sum(case["passes"] for case in CASES) / len(CASES) <= 0.65


def test_json_and_yaml_of_one_definition_are_judged_alike() -> None:
    for case in CASES:
        if case["text"].lstrip().startswith("{") and "dup_json" not in case["id"]:
            try:
                value = json.loads(case["text"])
            except ValueError:
                continue
            again = VALIDATORS[case["validator"]](yaml.safe_dump(value, sort_keys=False), {})
            if len({str(code) for code in judge(case).codes}) and judge(case).codes[0] != "yaml_duplicate_key":
                assert again.codes == judge(case).codes, case["id"]


BODIES: dict[str, dict[str, Any]] = {
    "notebook_task": {"notebook_path": "/a"},
    "spark_python_task": {"python_file": "/a.py"},
    "python_wheel_task": {"package_name": "a", "entry_point": "b"},
    "sql_task": {"warehouse_id": "w", "query": {"query_id": "q"}},
    "dbt_task": {"commands": ["dbt run"]},
    "pipeline_task": {"pipeline_id": "p"},
    "run_job_task": {"job_id": 1},
    "condition_task": {"op": "EQUAL_TO", "left": "a", "right": "b"},
    "for_each_task": {"inputs": "[1]", "task": {"task_key": "i", "notebook_task": {"notebook_path": "/a"}}},
    "clean_rooms_notebook_task": {"clean_room_name": "c", "notebook_name": "n"},
    "gen_ai_compute_task": {"dl_runtime_image": "i"},
    "ai_runtime_task": {"experiment": "e"},
}


@pytest.mark.parametrize("name", sorted(TASK_TYPES))
def test_every_task_type_passes_alone_and_not_with_another(name: str) -> None:
    task = {"task_key": "a", "existing_cluster_id": "c", name: BODIES.get(name, {})}
    assert job_definition_valid(json.dumps({"tasks": [task]}), {}).passed
    other = "pipeline_task" if name != "pipeline_task" else "run_job_task"
    assert "task_type_ambiguous" in job_definition_valid(json.dumps({"tasks": [task | {other: BODIES[other]}]}), {}).codes


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in REQUIRED.items() for field in fields])
def test_every_needed_field_is_missed(name: str, field: str) -> None:
    body = {key: value for key, value in BODIES[name].items() if key != field}
    score = job_definition_valid(json.dumps({"tasks": [{"task_key": "a", "existing_cluster_id": "c", name: body}]}), {})
    assert score.codes == ("missing_field",) and field in score.reasons[0].detail


@pytest.mark.parametrize("name", sorted(NEEDS_COMPUTE))
def test_what_runs_on_a_cluster_needs_one(name: str) -> None:
    assert job_definition_valid(json.dumps({"tasks": [{"task_key": "a", name: BODIES.get(name, {})}]}), {}).codes == (
        "missing_compute",
    )


HOSTILE = {
    "tasks_of_nothing": "name: x\ntasks: [" + ",".join(["{}"] * 3000) + "]",
    "tasks_of_text": "name: x\ntasks:\n" + "- a\n" * 4900,
    "tasks_by_key": "name: x\ntasks: [" + ",".join(f"{{task_key: a{i}}}" for i in range(1100)) + "]",
    "all_types": "name: x\ntasks: [" + ",".join(["{notebook_task: {}, sql_task: {}, dbt_task: {}}"] * 400) + "]",
    "loops": "name: x\ntasks: [" + "{task_key: a, for_each_task: {inputs: x, task: " * 15 + "1" + "}}" * 15 + "]",
    "deep_loops": "name: x\ntasks: [" + "{task_key: a, for_each_task: {inputs: x, task: " * 400,
    "dense": "name: x\ntasks: [{task_key: a, depends_on: [" + ",".join(["{task_key: b}"] * 1300) + "]}]",
    "cron": 'name: x\nschedule: {quartz_cron_expression: "' + "0," * 9000 + '0 0 0 ? * 1", timezone_id: UTC}',
    "zone": "name: x\nschedule: {quartz_cron_expression: 0 0 0 * * ?, timezone_id: " + "A/" * 9000 + "}",
    "mail": 'name: x\nemail_notifications: {on_start: ["' + "a" * 15000 + '@"]}',
    "mails": "name: x\nemail_notifications: {on_start: [" + ",".join(["a@"] * 3500) + "]}",
    "parameters": "name: x\nparameters: [" + ",".join(["{name: a}"] * 1900) + "]",
    "libraries": "name: x\nlibraries: [" + ",".join(["{notebook: {}, file: {}}"] * 750) + "]",
    "aliases": 'name: &n "${var.x}"\ntasks: [' + ",".join(["*n"] * 4900) + "]",
    "numbers": '{"max_concurrent_runs": ' + "9" * 4000 + ', "tasks": []}',
    "huge_number": '{"max_concurrent_runs": ' + "9" * 9000 + ', "tasks": []}',
    "infinite": "max_concurrent_runs: .inf\ntasks: []",
    "not_a_number": '{"max_concurrent_runs": NaN, "tasks": []}',
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("validator", sorted(VALIDATORS))
def test_hostile_text_is_judged_in_time(name: str, validator: str) -> None:
    score = in_time(lambda: VALIDATORS[validator](HOSTILE[name][:20_000], {}))
    assert len(score.reasons) <= MOST_REASONS


KEYS = [
    "tasks",
    "task_key",
    "depends_on",
    "for_each_task",
    "task",
    "inputs",
    "schedule",
    "quartz_cron_expression",
    "timezone_id",
    "settings",
    "libraries",
]
KEYS += [
    "job_clusters",
    "new_cluster",
    "parameters",
    "name",
    "default",
    "run_as",
    "sql_task",
    "notebook",
    "clusters",
    "notifications",
    "git_source",
    "spec",
]
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["a", "${var.x}", "{{x}}", "", "0 0 0 * * ?"]),
    st.text(max_size=8),
)
TREE = st.recursive(
    LEAF,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(KEYS), TREE, max_size=6))
def test_no_shape_of_values_crashes_them(tree: dict[str, Any]) -> None:
    for text in (yaml.safe_dump(tree), json.dumps(tree)):
        for validator in VALIDATORS.values():
            assert all(reason.code and reason.detail for reason in validator(text, {}).reasons)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_edited_case_crashes_them(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(CASES))
    text: str = case["text"]
    place = data.draw(st.integers(0, len(text)))
    piece = data.draw(st.one_of(st.text(max_size=6), st.sampled_from(['"', ",", "{", "[", "]", "}", "null", "\n- ", ": "])))
    judge(case | {"text": text[:place] + piece + text[place + data.draw(st.integers(0, 30)) :]})
