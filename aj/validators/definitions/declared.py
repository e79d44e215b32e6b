"""What a bundle declares and what its other files may declare: variables, resources, artifacts; and variables that need themselves.

What is not covered: the files themselves: with an ``include`` that may hold variables, an undeclared one is let through.
"""

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from aj.validators.definitions.fields import Report, tables
from aj.validators.definitions.references import FOUND, Names
from aj.validators.definitions.resources import all_resources, inner, targets

RESOURCE_FOLDERS = re.compile(
    r"(?:\./)?(?:[\w-]+/)?(?:resources?|jobs?|workflows?|pipelines?|dashboards?|apps?|models?|schemas?|volumes?|alerts?|clusters?)(?:/[\w*?-]+)*/[\w*?.-]+"
)
HOLDS_VARIABLES = re.compile(r"var|conf|param|common|shared|setting|env|target", re.IGNORECASE)
Path = tuple[str, ...]
"""A variable, and the keys in its default down to a text."""


def names_of(root: Mapping[str, Any], included: bool, context: Mapping[str, Any]) -> Names:
    """The names that references may use; None where files that are not here may declare more."""
    include = root.get("include")
    patterns = [str(item) for item in include] if isinstance(include, list) else []
    resources: set[tuple[str, str]] | None = {
        (kind, key)
        for _, found in all_resources(root)
        if isinstance(found, dict)
        for kind, items in found.items()
        if isinstance(items, dict)
        for key in items
    }
    variables: set[str] | None = set(root["variables"]) if isinstance(root.get("variables"), dict) else set()
    if included or patterns or adds_python(root):
        resources = None
    if included or any(not RESOURCE_FOLDERS.fullmatch(item) or HOLDS_VARIABLES.search(item) for item in patterns):
        variables = None
    if resources is not None:
        resources |= {(kind, key) for name in context.get("resources", ()) for kind, _, key in [str(name).partition(".")]}
    if variables is not None:
        variables |= {str(name) for name in context.get("variables", ())}
    artifacts = {
        name
        for section in [root, *(target for _, target in targets(root))]
        if isinstance(section.get("artifacts"), dict)
        for name in section["artifacts"]
    }
    return Names(variables, resources, tables()[0]["Resources"], artifacts)


def check_assigned(root: Mapping[str, Any], names: Names, report: Report) -> None:
    """Values that targets give to variables nobody declares: undeclared_variable."""
    known = names.variables
    for where, target in targets(root) if known is not None else ():
        variables = target.get("variables")
        for name in variables if isinstance(variables, dict) else ():
            if known is not None and name not in known:
                report.add(
                    "undeclared_variable",
                    (*where, "variables"),
                    f"{str(name)[:60]!r} is assigned, but not declared under variables",
                )


def adds_python(root: Mapping[str, Any]) -> bool:
    """Whether Python code adds resources."""
    return bool(root.get("python")) or bool(inner(root, "experimental", "python")) or bool(inner(root, "experimental", "pydabs"))


def check_variables(root: Mapping[str, Any], report: Report) -> None:
    """Variables that have no value: bad_lookup (not exactly one thing is looked up), variable_cycle (defaults that need each other)."""
    variables = root.get("variables")
    for name, variable in variables.items() if isinstance(variables, dict) else ():
        lookup = variable.get("lookup") if isinstance(variable, dict) else None
        if isinstance(lookup, dict) and sum(value not in (None, "") for value in lookup.values()) != 1:
            report.add("bad_lookup", ("variables", name, "lookup"), "exactly one thing is looked up")
    leaves = {
        path: [tuple(re.split(r"[.\[]", found[1])[1:]) for found in FOUND.finditer(text) if found[1][:4] == "var."]
        for name, variable in (variables.items() if isinstance(variables, dict) else ())
        if isinstance(variable, dict)
        for path, text in _leaves(variable.get("default"), (str(name),))
    }
    needs: dict[Path, set[Path]] = {}
    for leaf, refs in leaves.items():
        for depth in range(1, len(leaf)):  # what refers to a table needs all that is in it
            needs.setdefault(leaf[:depth], set()).add(leaf[: depth + 1])
        needs[leaf] = {*refs, *(ref[:depth] for ref in refs for depth in range(1, len(ref)) if ref[:depth] in leaves)}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        ring = " -> ".join(".".join(path)[:40] for path in error.args[1][:6])
        report.add("variable_cycle", ("variables",), f"no value comes of it: {ring}")


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, f"{index}]"))
    elif isinstance(value, str) and "${var." in value:
        yield path, value
