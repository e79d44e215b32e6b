"""References of a bundle, ``${var.x}``, ``${bundle.target}``, ``${workspace.…}``, ``${resources.jobs.x.id}``: do they resolve?

As the Databricks CLI reads them: no spaces inside, letters, digits, - and _ between dots; ``$${x}`` is no reference. Other ``${…}`` (shell variables such as
``${PWD}`` or ``${HOST:-x}``) are left alone in commands, descriptions and queries, and are unknown_reference elsewhere.

What is not covered: whether a field exists of a resource that does; references to variables that have no value in some target
(``--var`` or the environment may give one); what an included file declares, unless the context says so.
"""

import re
from collections.abc import Container
from typing import Any

from aj.validators.definitions.fields import Report
from aj.validators.wordset import wordset

FOUND = re.compile(r"\$\{([^{}\n]{0,300})(\}?)")
WELL_FORMED = re.compile(r"[A-Za-z][\w-]*(?:\[\d+\])?(?:\.[A-Za-z_][\w-]*(?:\[\d+\])*)*")
REST = re.compile(r"[\w.\[\]-]{0,100}\}")  # of a reference, behind the one that it holds
CURLY = re.compile(r"\{\{\s{0,5}(var|bundle|resources)\.")
OURS = ("var", "variables", "bundle", "workspace", "resources", "artifacts", "variable", "vars", "env", "targets", "target")
BUNDLE = wordset("""name target environment git uuid mode cluster_id compute_id databricks_cli_version deployment engine""")
WORKSPACE = wordset(
    """host profile root_path file_path artifact_path state_path resource_path current_user account_id workspace_id"""
)
WORKSPACE |= {"auth_type", "client_id", "azure_client_id", "azure_environment", "azure_tenant_id", "azure_workspace_resource_id"}
USER = wordset(
    """userName short_name domain_friendly_name displayName id name emails groups externalId active roles entitlements"""
)
SHELL = wordset(
    """description command build content query_text custom_description custom_summary comment commands build_command"""
)


class Names:
    """What a bundle declares: variables and resources; None where an included file may declare more."""

    def __init__(
        self,
        variables: Container[str] | None,
        resources: Container[tuple[str, str]] | None,
        types: Container[str],
        artifacts: Container[str],
    ) -> None:
        self.variables = variables
        self.resources = resources
        self.types = types
        self.artifacts = artifacts


def find_references(value: Any, path: tuple[object, ...], names: Names, report: Report, shell: bool = False) -> None:
    """Report undeclared_variable, unresolved_resource, unknown_reference and malformed_reference for every text below a value."""
    if report.full:
        return
    if isinstance(value, dict):
        for key, item in value.items():
            find_references(item, (*path, key), names, report, shell or key in SHELL)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            find_references(item, (*path, index), names, report, shell)
    elif isinstance(value, str) and ("${" in value or "{{" in value):
        _find_in_text(value, path, names, report, shell)
        if not shell and CURLY.search(value):
            report.add("malformed_reference", path, "bundles write ${var.x}; {{…}} is for values of the run")


def _find_in_text(value: str, path: tuple[object, ...], names: Names, report: Report, shell: bool) -> None:
    """All references of one text; of those that hold others, ``${var.a_${bundle.target}}``, the innermost are checked."""
    place, open_ones = 0, 0
    while found := FOUND.search(value, place):
        if found.start() and value[found.start() - 1] == "$":
            place = found.start() + 2  # $${x} is the text ${x}
            continue
        place = found.end()
        if not found[2] and found[1].endswith("$") and value.startswith("{", place):
            place, open_ones = place - 1, open_ones + 1
            continue
        _check(found[1], bool(found[2]), path, names, report, shell)
        while open_ones and (rest := REST.match(value, place)):
            place, open_ones = rest.end(), open_ones - 1
    if open_ones and not shell:
        report.add("malformed_reference", path, "a reference that holds another has no closing brace")


def _check(inner: str, closed: bool, path: tuple[object, ...], names: Names, report: Report, shell: bool) -> None:
    shown = "${" + inner[:80] + "}"
    first = re.split(r"[.\[]", inner.strip(), maxsplit=1)[0]
    if not closed or not WELL_FORMED.fullmatch(inner):
        if first in OURS[:6] and "." in inner:
            report.add(
                "malformed_reference", path, f"{shown} is not read as a reference" + ("" if closed else " (no closing brace)")
            )
        elif not shell and not re.match(r"[A-Za-z_]\w*:?[-=?+#%/^,]|[#!]", inner):
            report.add("unknown_reference", path, f"{shown} does not resolve")
        return
    parts = [part.partition("[")[0] for part in inner.split(".")]
    if first == "var":
        if len(parts) < 2:
            report.add("malformed_reference", path, f"{shown} names no variable")
        elif names.variables is not None and parts[1] not in names.variables:
            report.add("undeclared_variable", path, f"{shown}: the variable {parts[1]!r} is not declared under variables")
    elif first == "resources":
        _check_resource(parts, shown, path, names, report)
    elif first in ("bundle", "workspace"):
        known = BUNDLE if first == "bundle" else WORKSPACE
        if len(parts) < 2 or parts[1] not in known or (parts[1] == "current_user" and (len(parts) < 3 or parts[2] not in USER)):
            report.add("unknown_reference", path, f"{shown}: {first} has no such field")
    elif first == "artifacts":
        if len(parts) < 3 or parts[1] not in names.artifacts:
            report.add("unknown_reference", path, f"{shown}: there is no such artifact")
    elif first == "variables":
        if len(parts) != 3 or (names.variables is not None and parts[1] not in names.variables):
            report.add("unknown_reference", path, f"{shown}: write ${{var.x}}")
    elif not shell or first in OURS:
        report.add(
            "unknown_reference", path, f"{shown} does not resolve: var, bundle, workspace, resources and artifacts are known"
        )


def _check_resource(parts: list[str], shown: str, path: tuple[object, ...], names: Names, report: Report) -> None:
    if len(parts) < 4:
        report.add("unknown_reference", path, f"{shown}: resources.TYPE.KEY.FIELD is expected")
    elif parts[1] not in names.types:
        report.add("unresolved_resource", path, f"{shown}: {parts[1]!r} is no type of resource")
    elif names.resources is not None and (parts[1], parts[2]) not in names.resources:
        report.add("unresolved_resource", path, f"{shown}: there is no {parts[1]} {parts[2]!r} in this bundle")
