"""Targets of a bundle and who may do what: modes, the default, identities, permissions, grants.

What is not covered: whether principals exist; whether privileges fit the securable (sql/grants.py does that for SQL).
"""

from collections.abc import Mapping
from typing import Any

from aj.validators.definitions.fields import Report, is_reference, tables
from aj.validators.definitions.parts import check_run_as
from aj.validators.json_values import as_map
from aj.validators.wordset import wordset

MODES = ("development", "production")
AUTHENTICATION = wordset(
    """host profile account_id auth_type client_id azure_client_id azure_environment azure_login_app_id azure_tenant_id
    google_service_account"""
)
PRINCIPALS = ("user_name", "group_name", "service_principal_name")


def check_targets(root: Mapping[str, Any], targets: list[tuple[tuple[object, ...], Mapping[str, Any]]], report: Report) -> None:
    """At most one default, known modes, one identity: several_default_targets, bad_target_mode, reference_in_login, bad_run_as,
    bad_permission."""
    defaults = [str(where[1]) for where, target in targets if target.get("default") in (True, "true", "True")]
    if len(defaults) > 1:
        report.add("several_default_targets", ("targets",), f"{' and '.join(defaults[:5])} are all default; one may be")
    levels = tables()[2]["levels"][""]
    for where, section in [((), root), *targets]:
        mode = section.get("mode") if where else None
        if mode is not None and not is_reference(mode) and mode not in MODES:
            report.add("bad_target_mode", where, f"mode {str(mode)[:60]!r} is not one of {', '.join(MODES)}")
        workspace = as_map(section.get("workspace"))
        for field in sorted(AUTHENTICATION & workspace.keys()):
            if isinstance(workspace[field], str) and "${" in workspace[field]:
                report.add("reference_in_login", (*where, "workspace", field), "who logs in where is read before references are")
        check_run_as(section.get("run_as"), (*where, "run_as"), report)
        check_permissions(section.get("permissions"), levels, (*where, "permissions"), report)


def check_permissions(permissions: Any, levels: list[str] | None, path: tuple[object, ...], report: Report) -> None:
    """A level that this kind of resource knows and exactly one principal: bad_permission."""
    for index, item in enumerate(permissions if isinstance(permissions, list) else ()):
        if not isinstance(item, dict):
            continue
        level = item.get("level")
        if level is None or (levels and not is_reference(level) and level not in levels):
            report.add(
                "bad_permission", (*path, index), f"level {str(level)[:60]!r} is not one of {', '.join(levels or ['CAN_MANAGE'])}"
            )
        elif sum(item.get(name) not in (None, "", [], {}) for name in PRINCIPALS) != 1:
            report.add("bad_permission", (*path, index), f"exactly one of {', '.join(PRINCIPALS)} is needed")


def check_grants(grants: Any, path: tuple[object, ...], report: Report) -> None:
    """A principal and privileges, as the CLI asks for: missing_field."""
    for index, item in enumerate(grants if isinstance(grants, list) else ()):
        for field in ("principal", "privileges") if isinstance(item, dict) else ():
            if not item.get(field):
                report.add("missing_field", (*path, index), f"{field} is missing")
