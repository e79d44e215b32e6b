"""Rules of a Databricks job: one task type a task, keys that resolve, no cycle, schedules that can run. Shared with bundles.

``job_definition_valid`` reads a lone job as JSON or YAML in the spelling of the Jobs API 2.1 and 2.2: the payload of jobs/create, jobs/reset
(``new_settings``), runs/submit, or the answer of jobs/get (``settings``). ``check_job`` is what bundle.py calls for every job.
Sources: docs.databricks.com/api/workspace/jobs and the checks of the Databricks CLI (``bundle validate``).

What is not covered: whether notebooks, clusters, warehouses and users exist; limits of a workspace; the deprecated Jobs API 2.0 shape.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aj.validators.definitions.fields import Report, check_shape
from aj.validators.definitions.parts import check_emails, check_run_as, check_schedule
from aj.validators.definitions.tasks import check_tasks
from aj.validators.documents import YamlRefused, load
from aj.validators.json_values import as_list
from aj.validators.score import Reason, Score
from aj.validators.secret.in_values import find_secrets

TRIGGERS = ("schedule", "continuous", "trigger")


def job_definition_valid(text: str, context: Mapping[str, Any]) -> Score:
    """Whether a text is one valid job definition; reasons as in ``check_job`` and documents, and not_a_mapping, not_a_job."""
    try:
        value = load(text).value
    except YamlRefused as refused:
        return Score.of([Reason(refused.code, refused.detail)])
    if not isinstance(value, dict):
        return Score.of([Reason("not_a_mapping", "a job definition is a mapping")])
    if "resources" in value or "bundle" in value:
        return Score.of([Reason("not_a_job", "this is a bundle, not the definition of one job")])
    path: tuple[object, ...] = ()
    for wrapper in ("settings", "new_settings"):
        if isinstance(value.get(wrapper), dict):
            value, path = value[wrapper], (wrapper,)
            break
    report = Report()
    if not value.get("tasks") and not any(key.lower() in ("task", "job_tasks", "jobtasks") for key in value):
        report.add("tasks_missing", path, "the job has no tasks")
    check_shape(value, "api.Run" if "run_name" in value else "api.Job", path, report, whole=True)
    check_job(value, path, report)
    find_secrets(value, path, report)
    return Score.of(report.reasons)


def check_job(
    job: Any,
    path: tuple[object, ...],
    report: Report,
    *,
    overrides: Iterable[Mapping[str, Any]] = (),
    partial: bool = False,
    computed: bool = False,
) -> None:
    """All rules but the shape. ``overrides``: what targets add to this job; ``partial``: the job's other half is elsewhere
    (a target's override, a job that an included file completes), so nothing is required and nothing has to resolve;
    ``computed``: the target gives every task its cluster."""
    if not isinstance(job, dict):
        return
    more = [other for other in overrides if isinstance(other, dict)]
    tasks = job.get("tasks")
    _check_keys(job, path, report)
    if isinstance(tasks, list):
        check_tasks(tasks, [job, *more], path, report, partial=partial, computed=computed)
    _check_start(job, path, report, partial)
    _check_emails(job, path, report)
    check_run_as(job.get("run_as"), (*path, "run_as"), report)
    _check_git(job.get("git_source"), (*path, "git_source"), report)


def _check_keys(job: Mapping[str, Any], path: tuple[object, ...], report: Report) -> None:
    for section, key, code in (
        ("tasks", "task_key", "duplicate_task_key"),
        ("job_clusters", "job_cluster_key", "duplicate_job_cluster_key"),
        ("environments", "environment_key", "duplicate_environment_key"),
        ("parameters", "name", "duplicate_parameter"),
    ):
        seen: set[str] = set()
        items = job.get(section)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if report.full:
                return
            name = item.get(key) if isinstance(item, dict) else None
            if name is None or isinstance(name, dict | list):
                if isinstance(item, dict) and "<<" not in item and section != "parameters":
                    report.add(
                        "task_key_missing" if section == "tasks" else "missing_field",
                        (*path, section, index),
                        f"{key} is missing",
                    )
            elif str(name) in seen:
                report.add(code, (*path, section, index), f"{key} {str(name)[:60]!r} is used twice")
            seen.add(str(name))


def _check_start(job: Mapping[str, Any], path: tuple[object, ...], report: Report, partial: bool) -> None:
    ways = [name for name in TRIGGERS if job.get(name) is not None]
    if len(ways) > 1:
        report.add("conflicting_fields", path, f"{' and '.join(ways)} cannot be set together")
    check_schedule(job.get("schedule"), "quartz_cron_expression", (*path, "schedule"), report, partial=partial)


def _check_emails(job: Mapping[str, Any], path: tuple[object, ...], report: Report) -> None:
    for owner, here in [
        (job, path),
        *((task, (*path, "tasks", index)) for index, task in enumerate(as_list(job.get("tasks"))) if isinstance(task, dict)),
    ]:
        notes = owner.get("email_notifications") if isinstance(owner, dict) else None
        for name, items in notes.items() if isinstance(notes, dict) else ():
            check_emails(items, (*here, "email_notifications", name), report)


def _check_git(git: Any, path: tuple[object, ...], report: Report) -> None:
    if isinstance(git, dict):
        named = [name for name in ("git_branch", "git_tag", "git_commit") if git.get(name)]
        if len(named) > 1:
            report.add("conflicting_fields", path, f"{' and '.join(named)} cannot be set together")
