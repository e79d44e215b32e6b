"""lakeflow_jobs: the tasks of a job, their order, and when it runs."""

from aj.competencies.draw import Draw, Made, Pattern, Tasks
from aj.competencies.patterns.documents import Reply, Value, as_yaml, changed, renamed, without

FORM = "reply with the YAML of a job"
DAYS = {"day": "* * ?", "monday": "? * MON", "friday": "? * FRI", "sunday": "? * SUN"}
MINUTES = (0, 10, 15, 20, 30, 40, 45, 50)
REPLY = Reply(as_yaml, "job_definition_valid")


def _task(key: str, path: str, *before: str) -> Value:
    waits = {"depends_on": [{"task_key": other} for other in before]} if before else {}
    return {"task_key": key, **waits, "notebook_task": {"notebook_path": path}}


def _chain(folder: str, steps: list[str]) -> list[Value]:
    """One task a step, each after the one before it."""
    return [_task(step, f"{folder}/{step}", *steps[max(0, n - 1) : n]) for n, step in enumerate(steps)]


def _single_task(draw: Draw) -> Made:
    job, step, schema = draw.word("job"), draw.word("step"), draw.word("schema")
    file, other = draw.words("file", 2)
    path = f"/{schema}/{file}"
    gold = {"name": job, "tasks": [_task(step, path)]}
    return REPLY.made(
        {"job": job, "task": step, "path": path},
        gold,
        REPLY.invalid("two_task_types", changed(gold, ("tasks", 0, "run_job_task"), {"job_id": 1}), "task_type_ambiguous"),
        REPLY.invalid("no_task_type", without(gold, ("tasks", 0, "notebook_task")), "task_type_missing"),
        REPLY.invalid("unknown_field", renamed(gold, ("tasks", 0, "notebook_task", "notebook_path"), "notebook")),
        REPLY.invalid("tasks_no_list", changed(gold, ("tasks",), gold["tasks"][0]), "wrong_type"),
        REPLY.other("other_notebook", changed(gold, ("tasks", 0, "notebook_task", "notebook_path"), f"/{schema}/{other}")),
    )


def _in_order(draw: Draw) -> Made:
    job, folder = draw.word("job"), f"/{draw.word('schema')}"
    *steps, other = draw.words("step", draw.number(3, 4))
    gold = {"name": job, "tasks": _chain(folder, steps)}
    waits = [{"task_key": steps[-1]}]
    return REPLY.made(
        {"job": job, "folder": folder, "steps": " then ".join(steps)},
        gold,
        REPLY.invalid(
            "unknown_dependency", changed(gold, ("tasks", 1, "depends_on", 0, "task_key"), other), "unresolved_depends_on"
        ),
        REPLY.invalid("cycle", changed(gold, ("tasks", 0, "depends_on"), waits), "dependency_cycle"),
        REPLY.invalid("one_key_twice", changed(gold, ("tasks", 1, "task_key"), steps[0]), "duplicate_task_key"),
        REPLY.invalid("dependency_no_list", changed(gold, ("tasks", 1, "depends_on"), steps[0]), "wrong_type"),
        REPLY.other("turned_order", {"name": job, "tasks": _chain(folder, steps[::-1])}, "missing_value"),
        REPLY.other("no_order", without(gold, ("tasks", 1, "depends_on")), "missing_value"),
    )


def _on_schedule(draw: Draw) -> Made:
    job, step, path, zone = draw.word("job"), draw.word("step"), f"/{draw.word('schema')}", draw.word("zone")
    hour, minute, day = draw.number(0, 23), draw.rng.choice(MINUTES), draw.word("weekday")
    schedule = {"quartz_cron_expression": f"0 {minute} {hour} {DAYS[day]}", "timezone_id": zone}
    gold = {"name": job, "schedule": schedule, "tasks": [_task(step, f"{path}/{step}")]}
    cron = ("schedule", "quartz_cron_expression")
    return REPLY.made(
        {"job": job, "task": step, "path": f"{path}/{step}", "time": f"every {day} at {hour}:{minute:02}", "zone": zone},
        gold,
        REPLY.invalid("unix_cron", changed(gold, cron, f"{minute} {hour} * * *"), "bad_cron"),
        REPLY.invalid("two_days", changed(gold, cron, f"0 {minute} {hour} * * *"), "bad_cron"),
        REPLY.invalid("no_timezone", without(gold, ("schedule", "timezone_id")), "missing_timezone"),
        REPLY.invalid("unknown_field", renamed(gold, cron, "cron")),
        REPLY.other("other_hour", changed(gold, cron, f"0 {minute} {(hour + 12) % 24} {DAYS[day]}")),
    )


TASKS: Tasks = {
    "define_job": {
        "single_task": Pattern(
            _single_task,
            (
                "job {job} with one task {task} that runs notebook {path}",
                "run notebook {path} as task {task} of job {job}",
                "define job {job}: its only task {task} is notebook {path}",
                "notebook {path} becomes task {task} in a job named {job}",
                "i need a job {job}, task {task}, notebook {path}",
            ),
            FORM,
        ),
        "in_order": Pattern(
            _in_order,
            (
                "job {job}: {steps}, each task runs the notebook of its name in {folder}",
                "run notebooks of {folder} in order as job {job}: {steps}",
                "define job {job} from folder {folder}, one task a notebook: {steps}",
                "in {folder} are notebooks, job {job} must run {steps}",
                "{steps}: make tasks of these notebooks of {folder}, one after another, in job {job}",
            ),
            FORM,
        ),
        "on_schedule": Pattern(
            _on_schedule,
            (
                "job {job} {time} {zone}: task {task} runs notebook {path}",
                "run notebook {path} {time}, zone {zone}, as task {task} of job {job}",
                "define job {job} with task {task}, notebook {path}, {time} in {zone}",
                "{time}, time of {zone}: job {job}, task {task}, notebook {path}",
                "schedule notebook {path} as job {job}, task {task}, {time} ({zone})",
            ),
            FORM,
        ),
    },
}
