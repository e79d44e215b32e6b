"""A Databricks asset bundle (Declarative Automation Bundle), databricks.yml or a file that it includes: would ``bundle validate`` take it?

The rules are a pure function: YAML under caps, the documented shape, jobs and pipelines (jobs.py, pipelines.py), references, targets,
permissions, secrets in clear. As ``bundle validate --strict``, an unknown field is an error, since a field that is silently dropped is how
invented configuration looks. Context:
``included`` true: the text is a file that some bundle includes (no ``bundle`` section, its variables are declared elsewhere);
``variables``, ``resources`` (``jobs.x``): names declared in other files; ``cli`` true: where the rules find nothing and the ``databricks`` CLI
is on the PATH, it is asked too (cli.py). Each reason's detail begins with who spoke: ``rules:`` or ``databricks CLI:``.

What is not covered: files that the bundle names (they are not there); the inside of Postgres resources, features and services
(known by name only); fields that a reference names of a resource; the types of values behind references; what included files declare: with an ``include`` that may hold variables, an undeclared one is let through.
"""

from collections.abc import Mapping
from typing import Any

from aj.validators.definitions.access import check_targets
from aj.validators.definitions.declared import adds_python, check_assigned, check_variables, names_of
from aj.validators.definitions.fields import Report, check_shape, nearest, tables
from aj.validators.definitions.references import find_references
from aj.validators.definitions.resources import check_resources, targets
from aj.validators.documents import Document, YamlRefused, load
from aj.validators.score import Reason, Score
from aj.validators.secret.in_values import find_secrets


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
    _sections(document, report)
    elsewhere = included or bool(root.get("include")) or adds_python(root)
    check_resources(root, elsewhere, document.anchored, report)
    check_targets(root, targets(root), report)
    names = names_of(root, included, context)
    check_assigned(root, names, report)
    check_variables(root, report)
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


def _sections(document: Document, report: Report) -> None:
    """Every known section but the resources against the tables; unknown sections are already reported."""
    fields = tables()[0]["Root"]
    for key, value in document.value.items():
        if key in ("targets", "environments") and isinstance(value, dict):
            for name, target in value.items():
                rest = (
                    {inner: item for inner, item in target.items() if inner != "resources"}
                    if isinstance(target, dict)
                    else target
                )
                check_shape(rest, "Target", (key, name), report, document.anchored, whole=False)
        elif key != "resources" and key in fields:
            check_shape(value, fields[key], (key,), report, document.anchored, whole=True)
