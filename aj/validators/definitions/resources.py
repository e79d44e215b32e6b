"""The resources of a bundle, its own and its targets': each against the fields of its type, and the rules of its kind.

What is not covered: files that a resource names; privileges and principals; values behind references.
"""

from collections.abc import Container, Iterator, Mapping
from typing import Any

from aj.validators.definitions.access import check_grants, check_permissions
from aj.validators.definitions.apps import check_app
from aj.validators.definitions.fields import Report, check_shape, is_reference, nearest, tables
from aj.validators.definitions.jobs import check_job
from aj.validators.definitions.kinds import check_kind
from aj.validators.definitions.parts import check_schedule
from aj.validators.definitions.pipelines import check_pipeline
from aj.validators.definitions.tasks import TASK_TYPES

Path = tuple[object, ...]


def targets(root: Mapping[str, Any]) -> list[tuple[Path, Mapping[str, Any]]]:
    """Each target with its path."""
    return [
        ((section, name), target)
        for section in ("targets", "environments")
        if isinstance(root.get(section), dict)
        for name, target in root[section].items()
        if isinstance(target, dict)
    ]


def all_resources(root: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Each ``resources`` mapping with its path: the bundle's own first, then the targets'."""
    if root.get("resources") is not None:
        yield ("resources",), root["resources"]
    for where, target in targets(root):
        if target.get("resources") is not None:
            yield (*where, "resources"), target["resources"]


def check_resources(root: Mapping[str, Any], elsewhere: bool, anchored: Container[int], report: Report) -> None:
    """``elsewhere``: other files or code may hold the other half of a resource. Codes: unknown_resource_type, malformed_reference,
    missing_field, and those of the kinds."""
    types = tables()[0]["Resources"]
    above = [target for _, target in targets(root)]
    computed = bool(inner(root, "bundle", "cluster_id")) or any(
        target.get("cluster_id") or target.get("compute_id") for target in above
    )
    for where, resources in all_resources(root):
        if not isinstance(resources, dict):
            check_shape(resources, "Resources", where, report)
            continue
        for kind, items in resources.items():
            if report.full:
                return
            if kind not in types:
                if id(items) not in anchored:
                    report.add("unknown_resource_type", where, f"there is no type {str(kind)[:60]!r}{nearest(str(kind), types)}")
            elif not isinstance(items, dict):
                check_shape(items, types[kind], (*where, kind), report, anchored)
            for key, item in items.items() if isinstance(items, dict) else ():
                if report.full:
                    return
                _check_resource(root, above, kind, item, (*where, kind, key), elsewhere, computed, anchored, report)


def _check_resource(
    root: Mapping[str, Any],
    above: list[Mapping[str, Any]],
    kind: str,
    item: Any,
    path: Path,
    elsewhere: bool,
    computed: bool,
    anchored: Container[int],
    report: Report,
) -> None:
    key, base = path[-1], len(path) == 3
    if "${" in str(key):
        report.add("malformed_reference", path, "the key of a resource holds no reference")
    below = None if base else inner(root, "resources", kind, key)
    if item is None and base and not elsewhere:
        report.add("wrong_type", path, "the resource is empty")
    overrides = [other for target in above if base and isinstance(other := inner(target, "resources", kind, key), dict)]
    partial = not base and (isinstance(below, dict) or elsewhere)
    if kind in tables()[0]["Resources"]:
        shape = tables()[0]["Resources"][kind][1:]
        check_shape(item, shape, path, report, anchored, whole=not partial and not overrides)
    if not isinstance(item, dict):
        return
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
    check_kind(kind, item, path, report)
    for field in tables()[2]["required"].get(kind, ()) if not partial else ():
        if item.get(field) in (None, "") and not any(other.get(field) for other in overrides):
            report.add("missing_field", path, f"{field} is missing")
    check_permissions(item.get("permissions"), tables()[2]["levels"].get(kind), (*path, "permissions"), report)
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


def inner(value: Any, *keys: object) -> Any:
    """What stands below a value at these keys, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
