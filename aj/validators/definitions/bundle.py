"""A Databricks asset bundle (Declarative Automation Bundle), databricks.yml or a file that it includes: would ``bundle validate`` take it?

The rules are a pure function: YAML under caps, the documented shape, jobs and pipelines (jobs.py, pipelines.py), references, targets,
permissions, secrets in clear. As ``bundle validate --strict``, an unknown field is an error, since a field that is silently dropped is how
invented configuration looks. Context:
``included`` true: the text is a file that some bundle includes (no ``bundle`` section, its variables are declared elsewhere);
``variables``, ``resources`` (``jobs.x``): names declared in other files; ``cli`` true: where the rules find nothing and the ``databricks`` CLI
is on the PATH, it is asked too (cli.py). Each reason's detail begins with who spoke: ``rules:`` or ``databricks CLI:``.

What is not covered: files that the bundle names (they are not there); the inside of rarer resources (known by name only); the types of
values behind references; what included files declare: with an ``include`` that may hold variables, an undeclared one is let through.
"""

import re
from collections.abc import Mapping
from typing import Any

from aj.validators.definitions.access import check_grants, check_permissions, check_targets
from aj.validators.definitions.apps import check_app
from aj.validators.definitions.fields import Report, check_shape, is_reference, nearest, tables
from aj.validators.definitions.jobs import TASK_TYPES, check_job
from aj.validators.definitions.parts import check_schedule
from aj.validators.definitions.pipelines import check_pipeline
from aj.validators.definitions.references import Names, find_references
from aj.validators.documents import Document, YamlRefused, load
from aj.validators.score import Reason, Score
from aj.validators.secret.in_values import find_secrets

RESOURCE_FOLDERS = re.compile(
    r"(?:\./)?(?:[\w-]+/)?(?:resources?|jobs?|workflows?|pipelines?|dashboards?|apps?|models?|schemas?|volumes?|alerts?|clusters?)(?:/[\w*?-]+)*/[\w*?.-]+"
)
HOLDS_VARIABLES = re.compile(r"var|conf|param|common|shared|setting|env|target", re.IGNORECASE)


def bundle_validate_passes(text: str, context: Mapping[str, Any]) -> Score:
    """Whether a text is a valid bundle; reason codes in the order of the checks: text, sections, resources, targets, references, secrets."""
    try:
        document = load(text)
    except YamlRefused as refused:
        return Score.of([Reason(refused.code, f"rules: {refused.detail}")])
    report = Report()
    if isinstance(document.value, dict):
        _check(document, context, report)
    else:
        report.add("not_a_mapping", (), "a bundle is a mapping of sections")
    reasons = [Reason(reason.code, f"rules: {reason.detail}") for reason in report.reasons]
    if not reasons and context.get("cli") is True:
        from aj.validators.definitions.cli import ask

        reasons = ask(text, document.value)
    return Score.of(reasons)


def _check(document: Document, context: Mapping[str, Any], report: Report) -> None:
    root = document.value
    included = context.get("included") is True
    sections = tables()[0]["Root"]
    for key in root:
        if report.full:
            break
        if key not in sections and key not in document.sections:
            report.add("unknown_top_level_key", (), f"there is no section {str(key)[:60]!r}{nearest(str(key), sections)}")
    _check_name(root, included, report)
    for where, resources in _all_resources(root):
        for kind in resources if isinstance(resources, dict) and not report.full else ():
            if report.full:
                break
            if kind not in tables()[0]["Resources"] and id(resources[kind]) not in document.anchored:
                report.add(
                    "unknown_resource_type",
                    where,
                    f"there is no type {str(kind)[:60]!r}{nearest(str(kind), tables()[0]['Resources'])}",
                )
    _shapes(document, report)
    _check_resources(root, included, report)
    check_targets(root, _targets(root), report)
    names = _names(root, included, context)
    _check_assigned(root, names, report)
    find_references(root, (), names, report)
    find_secrets(root, (), report)


def _check_name(root: Mapping[str, Any], included: bool, report: Report) -> None:
    bundle = root.get("bundle")
    if bundle is None:
        if not included:
            report.add(
                "bundle_missing", (), "there is no bundle section" + (": a file to include?" if "resources" in root else "")
            )
    elif isinstance(bundle, dict) and not included and (not bundle.get("name") or not str(bundle["name"]).strip()):
        report.add("bundle_name_missing", ("bundle",), "the bundle has no name")


def _shapes(document: Document, report: Report) -> None:
    """Every known section against the tables; unknown sections and resource types are already reported."""
    fields = tables()[0]
    for key, value in document.value.items():
        if key in ("targets", "environments") and isinstance(value, dict):
            for name, target in value.items():
                rest = (
                    {inner: item for inner, item in target.items() if inner != "resources"}
                    if isinstance(target, dict)
                    else target
                )
                check_shape(rest, "Target", (key, name), report, document.anchored)
        elif key != "resources" and key in fields["Root"]:
            check_shape(value, fields["Root"][key], (key,), report, document.anchored)
    for where, resources in _all_resources(document.value):
        if not isinstance(resources, dict):
            check_shape(resources, "Resources", where, report)
            continue
        for kind, items in resources.items():
            if kind in fields["Resources"]:
                check_shape(items, fields["Resources"][kind], (*where, kind), report, document.anchored)


def _all_resources(root: Mapping[str, Any]) -> list[tuple[tuple[object, ...], Any]]:
    """Each ``resources`` mapping with its path: the bundle's own first, then the targets'."""
    found: list[tuple[tuple[object, ...], Any]] = (
        [(("resources",), root["resources"])] if root.get("resources") is not None else []
    )
    for where, target in _targets(root):
        if target.get("resources") is not None:
            found.append(((*where, "resources"), target["resources"]))
    return found


def _targets(root: Mapping[str, Any]) -> list[tuple[tuple[object, ...], Mapping[str, Any]]]:
    return [
        ((section, name), target)
        for section in ("targets", "environments")
        if isinstance(root.get(section), dict)
        for name, target in root[section].items()
        if isinstance(target, dict)
    ]


def _check_resources(root: Mapping[str, Any], included: bool, report: Report) -> None:
    targets = [target for _, target in _targets(root)]
    elsewhere = included or bool(root.get("include")) or _python(root)
    computed = any(target.get("cluster_id") or target.get("compute_id") for target in targets) or bool(
        _get(root, "bundle", "cluster_id")
    )
    required, levels = tables()[2]["required"], tables()[2]["levels"]
    own = root.get("resources")
    for where, resources in _all_resources(root):
        base = where == ("resources",)
        for kind, items in resources.items() if isinstance(resources, dict) else ():
            for key, item in items.items() if isinstance(items, dict) else ():
                if report.full:
                    return
                path = (*where, kind, key)
                below = None if base else _get(own, kind, key)
                if item is None and base and not elsewhere:
                    report.add("wrong_type", path, "the resource is empty")
                if not isinstance(item, dict):
                    continue
                overrides = [
                    other for target in targets if base and isinstance(other := _get(target, "resources", kind, key), dict)
                ]
                partial = not base and (isinstance(below, dict) or elsewhere)
                if kind == "jobs":
                    check_job(item, path, report, overrides=overrides, partial=partial, computed=computed)
                    if isinstance(below, dict):
                        _check_override(below, item, path, report)
                elif kind == "pipelines":
                    check_pipeline(item, path, report, partial=partial or any(overrides))
                elif kind == "apps":
                    check_app(item, path, report, partial=partial or any(overrides))
                elif kind in ("alerts", "quality_monitors"):
                    field = "quartz_cron_schedule" if kind == "alerts" else "quartz_cron_expression"
                    check_schedule(item.get("schedule"), field, (*path, "schedule"), report, partial=partial)
                for field in required.get(kind, ()) if not partial else ():
                    if item.get(field) in (None, "") and not any(other.get(field) for other in overrides):
                        report.add("missing_field", path, f"{field} is missing")
                check_permissions(item.get("permissions"), levels.get(kind), (*path, "permissions"), report)
                check_grants(item.get("grants"), (*path, "grants"), report)


def _check_override(below: Mapping[str, Any], above: Mapping[str, Any], path: tuple[object, ...], report: Report) -> None:
    """A target's tasks are merged by key: a new one must have a type, an old one must not get a second."""
    tasks = below.get("tasks")
    if not isinstance(tasks, list) or not all(
        isinstance(task, dict) and not is_reference(task.get("task_key")) for task in tasks
    ):
        return
    types = {str(task.get("task_key")): {name for name in TASK_TYPES & task.keys() if task[name] is not None} for task in tasks}
    for index, task in enumerate(above["tasks"] if isinstance(above.get("tasks"), list) else ()):
        if isinstance(task, dict):
            here, new = (*path, "tasks", index), {name for name in TASK_TYPES & task.keys() if task[name] is not None}
            old = types.get(str(task.get("task_key")), set())
            if not old and not new:
                report.add(
                    "task_type_missing", here, "no task of this key below, and none of its own type: a new task that does nothing"
                )
            elif old and len(new) == 1 and len(old | new) > 1:
                report.add(
                    "task_type_ambiguous", here, f"merged with the job below, the task is both {' and '.join(sorted(old | new))}"
                )


def _names(root: Mapping[str, Any], included: bool, context: Mapping[str, Any]) -> Names:
    include = root.get("include")
    patterns = [str(item) for item in include] if isinstance(include, list) else []
    resources: set[tuple[str, str]] | None = {
        (kind, key)
        for _, found in _all_resources(root)
        if isinstance(found, dict)
        for kind, items in found.items()
        if isinstance(items, dict)
        for key in items
    }
    variables: set[str] | None = set(root["variables"]) if isinstance(root.get("variables"), dict) else set()
    if included or patterns or _python(root):
        resources = None
    if included or any(not RESOURCE_FOLDERS.fullmatch(item) or HOLDS_VARIABLES.search(item) for item in patterns):
        variables = None
    if resources is not None:
        resources |= {(kind, key) for name in context.get("resources", ()) for kind, _, key in [str(name).partition(".")]}
    if variables is not None:
        variables |= {str(name) for name in context.get("variables", ())}
    artifacts = {
        name
        for section in [root, *(target for _, target in _targets(root))]
        if isinstance(section.get("artifacts"), dict)
        for name in section["artifacts"]
    }
    return Names(variables, resources, tables()[0]["Resources"], artifacts)


def _check_assigned(root: Mapping[str, Any], names: Names, report: Report) -> None:
    known = names.variables
    for where, target in _targets(root) if known is not None else ():
        variables = target.get("variables")
        for name in variables if isinstance(variables, dict) else ():
            if known is not None and name not in known:
                report.add(
                    "undeclared_variable",
                    (*where, "variables"),
                    f"{str(name)[:60]!r} is assigned, but not declared under variables",
                )


def _python(root: Mapping[str, Any]) -> bool:
    """Whether Python code adds resources."""
    return bool(root.get("python")) or bool(_get(root, "experimental", "python")) or bool(_get(root, "experimental", "pydabs"))


def _get(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
