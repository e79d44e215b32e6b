"""asset_bundles_ci_cd: jobs, pipelines and targets as a Databricks asset bundle (databricks.yml)."""

from aj.competencies.draw import Draw, Made, Pattern, Tasks
from aj.competencies.patterns.documents import Path, Reply, as_yaml, changed, renamed, without

FORM = "reply with the YAML of a bundle"
REPLY = Reply(as_yaml, "bundle_validate_passes")


def _notebook_job(draw: Draw) -> Made:
    bundle, job, step = draw.word("schema"), draw.word("job"), draw.word("step")
    file, other = draw.words("file", 2)
    path = f"./{file}.py"
    task = {"task_key": step, "notebook_task": {"notebook_path": path}}
    gold = {"bundle": {"name": bundle}, "resources": {"jobs": {job: {"name": job, "tasks": [task]}}}}
    at: Path = ("resources", "jobs", job, "tasks", 0)
    return REPLY.made(
        {"bundle": bundle, "job": job, "task": step, "path": path},
        gold,
        REPLY.invalid("two_task_types", changed(gold, (*at, "spark_python_task"), {"python_file": path}), "task_type_ambiguous"),
        REPLY.invalid("no_task_type", without(gold, (*at, "notebook_task")), "task_type_missing"),
        REPLY.invalid("unknown_field", renamed(gold, (*at, "notebook_task", "notebook_path"), "path")),
        REPLY.invalid("no_bundle", without(gold, ("bundle",)), "bundle_missing"),
        REPLY.invalid("unknown_resource", renamed(gold, ("resources", "jobs"), "job"), "unknown_resource_type"),
        REPLY.other("other_notebook", changed(gold, (*at, "notebook_task", "notebook_path"), f"./{other}.py")),
    )


def _pipeline_bundle(draw: Draw) -> Made:
    bundle, pipeline, catalog, file = draw.word("schema"), draw.word("job"), draw.word("catalog"), draw.word("file")
    schema, other = draw.words("schema", 2)
    path = f"./{file}.py"
    body = {"name": pipeline, "catalog": catalog, "schema": schema, "libraries": [{"notebook": {"path": path}}]}
    gold = {"bundle": {"name": bundle}, "resources": {"pipelines": {pipeline: body}}}
    at: Path = ("resources", "pipelines", pipeline)
    return REPLY.made(
        {"bundle": bundle, "pipeline": pipeline, "where": f"{catalog}.{schema}", "path": path},
        gold,
        REPLY.other("nothing_to_run", without(gold, (*at, "libraries")), "missing_value"),
        REPLY.invalid("two_sources", changed(gold, (*at, "libraries", 0, "file"), {"path": path}), "library_ambiguous"),
        REPLY.invalid("conflicting_fields", changed(gold, (*at, "target"), schema)),
        REPLY.invalid("unknown_field", renamed(gold, (*at, "libraries"), "notebooks")),
        REPLY.other("other_schema", changed(gold, (*at, "schema"), other)),
    )


def _two_targets(draw: Draw) -> Made:
    bundle, name = draw.word("schema"), draw.rng.choice(["catalog", "schema", "table"])
    first, second = draw.words(name, 2)
    gold = {
        "bundle": {"name": bundle},
        "variables": {name: {"default": first}},
        "targets": {"dev": {"default": True, "mode": "development"}, "prod": {"mode": "production", "variables": {name: second}}},
    }
    prod: Path = ("targets", "prod")
    swapped = changed(changed(gold, ("variables", name, "default"), second), (*prod, "variables", name), first)
    return REPLY.made(
        {"bundle": bundle, "name": name, "first": first, "second": second},
        gold,
        REPLY.invalid("two_defaults", changed(gold, (*prod, "default"), True), "several_default_targets"),
        REPLY.invalid("bad_mode", changed(gold, (*prod, "mode"), "prod"), "bad_target_mode"),
        REPLY.invalid("undeclared_variable", without(gold, ("variables",))),
        REPLY.invalid("unknown_field", renamed(gold, (*prod, "variables"), "variable")),
        REPLY.other("swapped_values", swapped),
        REPLY.other("no_default", without(gold, ("targets", "dev", "default")), "missing_value"),
    )


TASKS: Tasks = {
    "write_bundle": {
        "notebook_job": Pattern(
            _notebook_job,
            (
                "bundle {bundle} with job {job}: task {task} runs notebook {path}",
                "write bundle {bundle}, its job {job} has one task {task} for notebook {path}",
                "notebook {path} as task {task} of job {job} in bundle {bundle}",
                "put notebook {path} into bundle {bundle}: job {job}, task {task}",
                "i need job {job} in bundle {bundle}, its task {task} is notebook {path}",
            ),
            FORM,
        ),
        "pipeline_bundle": Pattern(
            _pipeline_bundle,
            (
                "bundle {bundle} with pipeline {pipeline} that runs notebook {path} into {where}",
                "write bundle {bundle}: pipeline {pipeline} fills {where} from notebook {path}",
                "notebook {path} as pipeline {pipeline} of bundle {bundle}, tables go to {where}",
                "put pipeline {pipeline} into bundle {bundle}: notebook {path}, output in {where}",
                "i need pipeline {pipeline} for {where} in bundle {bundle}, its notebook is {path}",
            ),
            FORM,
        ),
        "two_targets": Pattern(
            _two_targets,
            (
                "bundle {bundle}, targets dev (default, development) and prod (production): {name} is {first}, in prod {second}",
                "bundle {bundle} for development in dev by default and production in prod; variable {name}: {first}, prod {second}",
                "write targets of bundle {bundle}: default dev in development mode, prod in production mode with {name} {second} instead of {first}",
                "variable {name} of bundle {bundle} is {first}, but {second} in prod: targets dev (default, development) and prod (production)",
                "two targets for bundle {bundle}, default dev for development, prod for production where {name} is {second}, else {first}",
            ),
            FORM,
        ),
    },
}
