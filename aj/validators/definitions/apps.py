"""Rules of a Databricks app in a bundle: where its code is, and what it may use, one kind a resource.

Source: docs.databricks.com/dev-tools/bundles/resources (app) and databricks-sdk's ``apps.AppResource``.
What is not covered: whether the folder, the warehouse, the secret … exist; the app's own app.yaml.
"""

from typing import Any

from aj.validators.definitions.fields import Report, is_reference
from aj.validators.json_values import as_list

CODE = ("source_code_path", "git_source", "git_repository")
REQUIRED = {
    "app": (),
    "database": ("instance_name", "database_name", "permission"),
    "experiment": ("experiment_id", "permission"),
    "genie_space": ("name", "space_id", "permission"),
    "job": ("id", "permission"),
    "postgres": (),
    "secret": ("scope", "key", "permission"),
    "serving_endpoint": ("name", "permission"),
    "sql_warehouse": ("id", "permission"),
    "uc_securable": ("securable_full_name", "securable_type", "permission"),
}
"""Kinds of resource, and the fields that each needs."""


def check_app(app: dict[str, Any], path: tuple[object, ...], report: Report, *, partial: bool) -> None:
    """missing_field, app_resource_ambiguous, duplicate_app_resource; ``partial``: the other half stands elsewhere."""
    if not partial and not any(app.get(name) for name in CODE):
        report.add("missing_field", path, f"one of {', '.join(CODE)} is missing: nobody knows where the app's code is")
    seen: set[str] = set()
    for index, item in enumerate(as_list(app.get("resources"))):
        if not isinstance(item, dict) or "<<" in item or report.full:
            continue
        here = (*path, "resources", index)
        name = item.get("name")
        if name in (None, ""):
            report.add("missing_field", here, "name is missing")
        elif str(name) in seen and not is_reference(name):
            report.add("duplicate_app_resource", here, f"the name {str(name)[:60]!r} is used twice")
        seen.add(str(name))
        kinds = [kind for kind in REQUIRED if item.get(kind) is not None]
        if len(kinds) > 1:
            report.add("app_resource_ambiguous", here, f"{' and '.join(kinds)} in one resource; one is allowed")
        elif not kinds:
            report.add("missing_field", here, f"one of {', '.join(REQUIRED)} is missing")
        for kind in kinds:
            body = item[kind]
            for field in REQUIRED[kind] if isinstance(body, dict) else ():
                if body.get(field) in (None, ""):
                    report.add("missing_field", (*here, kind), f"{field} is missing")
