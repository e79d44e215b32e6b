"""Rules of the tasks of a job: one type each, what that type needs, compute, keys that resolve, no cycle.

What is not covered: whether notebooks, clusters, warehouses and files exist.
"""

import re
from collections.abc import Container, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from aj.validators.definitions.fields import Report, is_reference
from aj.validators.json_values import as_list
from aj.validators.wordset import wordset

TASK_TYPES = wordset(
    """notebook_task spark_python_task python_wheel_task sql_task dbt_task pipeline_task run_job_task condition_task
    for_each_task spark_jar_task spark_submit_task clean_rooms_notebook_task dashboard_task power_bi_task
    gen_ai_compute_task dbt_cloud_task dbt_platform_task alert_task ai_runtime_task python_operator_task"""
)
REQUIRED = {
    "notebook_task": ("notebook_path",),
    "spark_python_task": ("python_file",),
    "python_wheel_task": ("package_name", "entry_point"),
    "sql_task": ("warehouse_id",),
    "dbt_task": ("commands",),
    "pipeline_task": ("pipeline_id",),
    "run_job_task": ("job_id",),
    "condition_task": ("op", "left", "right"),
    "for_each_task": ("inputs", "task"),
    "clean_rooms_notebook_task": ("clean_room_name", "notebook_name"),
}
NEEDS_COMPUTE = {"spark_python_task", "python_wheel_task", "dbt_task", "spark_jar_task", "spark_submit_task"}
COMPUTE = ("existing_cluster_id", "new_cluster", "job_cluster_key", "environment_key")
CLUSTERS = COMPUTE[:3]
SQL_KINDS = ("query", "file", "alert", "dashboard")
TASK_KEY = re.compile(r"[\w-]{1,100}")


def check_tasks(
    tasks: list[Any], jobs: list[Mapping[str, Any]], path: tuple[object, ...], report: Report, *, partial: bool, computed: bool
) -> None:
    """All tasks of a job; ``jobs``: the job and what targets add to it."""
    environments = known(jobs, "environments", "environment_key")
    clusters = known(jobs, "job_clusters", "job_cluster_key")
    siblings = known(jobs, "tasks", "task_key")
    overridden = known(jobs[1:], "tasks", "task_key") or set()
    for index, task in enumerate(tasks):
        if report.full:
            return
        here = (*path, "tasks", index)
        if isinstance(task, dict):
            lenient = partial or str(task.get("task_key")) in overridden
            _check_task(task, here, report, clusters, environments, partial=partial, lenient=lenient or computed)
            _check_depends(task, here, report, None if partial else siblings)
    _check_order(tasks, path, report)


def known(jobs: Iterable[Mapping[str, Any]], section: str, key: str) -> set[str] | None:
    """All keys of a section over these jobs; None where a reference stands for some of them."""
    found: set[str] = set()
    for job in jobs:
        items = job.get(section)
        if is_reference(items):
            return None
        for item in items if isinstance(items, list) else ():
            name = item.get(key) if isinstance(item, dict) else item
            if is_reference(name) or not isinstance(item, dict):
                return None
            if name is not None:
                found.add(str(name))
    return found


def _check_task(
    task: Mapping[str, Any],
    path: tuple[object, ...],
    report: Report,
    clusters: Container[str] | None,
    environments: Container[str] | None,
    *,
    partial: bool,
    lenient: bool,
    nested: bool = False,
) -> None:
    key = task.get("task_key")
    if key is not None and not is_reference(key) and not TASK_KEY.fullmatch(str(key)):
        report.add("bad_task_key", path, f"{str(key)[:60]!r}: letters, digits, - and _, at most 100")
    types = [name for name in TASK_TYPES & task.keys() if task[name] is not None]
    if len(types) > 1:
        report.add("task_type_ambiguous", path, f"the task has {len(types)} types ({', '.join(sorted(types))}); one is allowed")
    elif not types and not lenient and not any(name.endswith("_task") for name in task.keys() - TASK_TYPES):
        report.add("task_type_missing", path, "the task has no type: notebook_task, spark_python_task, …")
    for name in sorted(types):
        _check_type(name, task[name], (*path, name), report, partial=lenient)
    used = [name for name in CLUSTERS if task.get(name) is not None]
    if len(used) > 1 and not partial:
        report.add("compute_ambiguous", path, f"{' and '.join(used)} are both set")
    if not lenient and NEEDS_COMPUTE & set(types) and not any(task.get(name) is not None for name in (*COMPUTE, "compute")):
        report.add("missing_compute", path, f"a {types[0]} needs one of {', '.join(COMPUTE)}")
    for field, known, section in (
        ("job_cluster_key", clusters, "job_clusters"),
        ("environment_key", environments, "environments"),
    ):
        wanted = task.get(field)
        if wanted is not None and known is not None and not partial and not is_reference(wanted) and str(wanted) not in known:
            report.add(f"unresolved_{field}", path, f"{field} {str(wanted)[:60]!r} is not in {section}")
    loop = task.get("for_each_task")
    inner = loop.get("task") if isinstance(loop, dict) else None
    if loop is not None and task.get("max_retries"):
        report.add("conflicting_fields", path, "a for_each_task is not tried again: max_retries belongs to the task within")
    if isinstance(inner, dict):
        here = (*path, "for_each_task", "task")
        if nested or inner.get("for_each_task") is not None:
            report.add("for_each_nested", here, "a for_each_task may not hold another one")
            return
        if inner.get("task_key") is None and not lenient:
            report.add("task_key_missing", here, "task_key is missing")
        _check_task(inner, here, report, clusters, environments, partial=partial, lenient=lenient, nested=True)


def _check_type(name: str, body: Any, path: tuple[object, ...], report: Report, *, partial: bool) -> None:
    if not isinstance(body, dict):
        return
    if not partial:
        for field in REQUIRED.get(name, ()):
            if (
                body.get(field) is None
                or body.get(field) in ([], {})
                or (body.get(field) == "" and field not in ("left", "right"))
            ):
                report.add("missing_field", path, f"{field} is missing")
    if name == "ai_runtime_task" and body.get("code_source") is not None and body.get("code_source_path") is not None:
        report.add("conflicting_fields", path, "code_source and code_source_path cannot be set together")
    if name == "sql_task":
        kinds = [kind for kind in SQL_KINDS if body.get(kind) is not None]
        if len(kinds) > 1:
            report.add("sql_task_ambiguous", path, f"{' and '.join(kinds)} are both set; one is allowed")
        elif not kinds and not partial:
            report.add("missing_field", path, "one of query, file, alert, dashboard is missing")


def _check_depends(task: Mapping[str, Any], path: tuple[object, ...], report: Report, siblings: Container[str] | None) -> None:
    for index, other in enumerate(as_list(task.get("depends_on"))):
        name = other.get("task_key") if isinstance(other, dict) else None
        if isinstance(other, dict) and name is None:
            report.add("missing_field", (*path, "depends_on", index), "task_key is missing")
        elif name is not None and siblings is not None and not is_reference(name) and str(name) not in siblings:
            report.add("unresolved_depends_on", (*path, "depends_on", index), f"there is no task {str(name)[:60]!r} in this job")


def _check_order(tasks: list[Any], path: tuple[object, ...], report: Report) -> None:
    graph = {
        str(task.get("task_key")): {
            str(other["task_key"]) for other in as_list(task.get("depends_on")) if isinstance(other, dict) and "task_key" in other
        }
        for task in tasks
        if isinstance(task, dict)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring = " -> ".join(str(name)[:40] for name in error.args[1][:6])
        report.add("dependency_cycle", (*path, "tasks"), f"tasks wait for each other: {ring}")
