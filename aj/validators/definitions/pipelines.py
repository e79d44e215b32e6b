"""Rules of a Lakeflow (Spark Declarative, DLT) pipeline: something to run, one source a library, settings that go together.

``pipeline_definition_valid`` reads a lone pipeline as JSON or YAML: the settings that the UI and the Pipelines API show, or the answer of
pipelines/get (``spec``). ``check_pipeline`` is what bundle.py calls. Source: docs.databricks.com/api/workspace/pipelines.

What is not covered: the pipeline's own code, expectations and tables; whether connections, catalogs and policies exist.
"""

from collections.abc import Mapping
from typing import Any

from aj.validators.definitions.fields import Report, check_shape, is_reference
from aj.validators.definitions.parts import check_emails, check_run_as
from aj.validators.documents import YamlRefused, load
from aj.validators.json_values import as_list
from aj.validators.score import Reason, Score
from aj.validators.secret.in_values import find_secrets

LIBRARIES = ("notebook", "file", "glob", "jar", "maven", "whl")
SOURCES = ("libraries", "ingestion_definition", "gateway_definition", "root_path")
CONFLICTS = (
    ("catalog", "storage"),
    ("schema", "target"),
    ("ingestion_definition", "libraries"),
    ("gateway_definition", "libraries"),
    ("gateway_definition", "ingestion_definition"),
)
DESTINATION = ("destination_catalog", "destination_schema")
OBJECTS = {
    "table": ("source_table", *DESTINATION),
    "schema": ("source_schema", *DESTINATION),
    "report": ("source_url", *DESTINATION),
}
"""What an ingestion pipeline brings in, and the fields that each needs."""
CHOICES = {"edition": ("ADVANCED", "CORE", "PRO"), "channel": ("CURRENT", "PREVIEW")}
ALERTS = ("on-update-success", "on-update-failure", "on-update-fatal-failure", "on-flow-failure")
LABELS = ("default", "updates", "maintenance")


def pipeline_definition_valid(text: str, context: Mapping[str, Any]) -> Score:
    """Whether a text is one valid pipeline definition; reasons as in ``check_pipeline`` and documents, and not_a_mapping, not_a_pipeline."""
    try:
        value = load(text).value
    except YamlRefused as refused:
        return Score.of([Reason(refused.code, refused.detail)])
    if not isinstance(value, dict):
        return Score.of([Reason("not_a_mapping", "a pipeline definition is a mapping")])
    if "resources" in value or "bundle" in value:
        return Score.of([Reason("not_a_pipeline", "this is a bundle, not the definition of one pipeline")])
    path: tuple[object, ...] = ()
    if isinstance(value.get("spec"), dict):
        value, path = value["spec"], ("spec",)
    report = Report()
    if not value.get("name"):
        report.add("missing_field", path, "name is missing")
    if not any(value.get(name) for name in SOURCES):
        report.add("libraries_missing", path, "nothing to run: libraries, ingestion_definition or gateway_definition")
    check_shape(value, "api.Pipeline", path, report, whole=True)
    check_pipeline(value, path, report)
    find_secrets(value, path, report)
    return Score.of(report.reasons)


def check_pipeline(pipeline: Any, path: tuple[object, ...], report: Report, *, partial: bool = False) -> None:
    """All rules but the shape; ``partial``: the other half stands elsewhere, so nothing is required."""
    if not isinstance(pipeline, dict):
        return
    _check_libraries(pipeline.get("libraries"), (*path, "libraries"), report)
    for first, second in CONFLICTS:
        if pipeline.get(first) and pipeline.get(second):
            report.add("conflicting_fields", path, f"{first} and {second} cannot be set together")
    if not partial and pipeline.get("schema") and not pipeline.get("catalog"):
        report.add("missing_field", path, "catalog is missing: a schema is one of a catalog")
    if pipeline.get("serverless") is True and pipeline.get("clusters"):
        report.add("conflicting_fields", path, "a serverless pipeline takes no clusters")
    for name, known in CHOICES.items():
        value = pipeline.get(name)
        if isinstance(value, str) and not is_reference(value) and value.upper() not in known:
            report.add("unknown_value", (*path, name), f"{value[:60]!r} is not one of {', '.join(known)}")
    for index, cluster in enumerate(as_list(pipeline.get("clusters"))):
        label = cluster.get("label") if isinstance(cluster, dict) else None
        if label is not None and not is_reference(label) and label not in LABELS:
            report.add("bad_cluster_label", (*path, "clusters", index), f"{str(label)[:60]!r} is not one of {', '.join(LABELS)}")
    for index, note in enumerate(as_list(pipeline.get("notifications"))):
        if isinstance(note, dict):
            check_emails(note.get("email_recipients"), (*path, "notifications", index, "email_recipients"), report)
            for alert in as_list(note.get("alerts")):
                if isinstance(alert, str) and not is_reference(alert) and alert not in ALERTS:
                    report.add(
                        "unknown_value", (*path, "notifications", index), f"{alert[:60]!r} is not one of {', '.join(ALERTS)}"
                    )
    _check_ingestion(pipeline.get("ingestion_definition"), (*path, "ingestion_definition"), report, partial)
    check_run_as(pipeline.get("run_as"), (*path, "run_as"), report)


def _check_libraries(libraries: Any, path: tuple[object, ...], report: Report) -> None:
    for index, library in enumerate(as_list(libraries)):
        if not isinstance(library, dict):
            continue
        kinds = [name for name in LIBRARIES if library.get(name) is not None]
        if len(kinds) > 1:
            report.add("library_ambiguous", (*path, index), f"{' and '.join(kinds)} in one library; one is allowed")
        for name, field in (("notebook", "path"), ("file", "path"), ("glob", "include")):
            body = library.get(name)
            if isinstance(body, dict) and not body.get(field):
                report.add("missing_field", (*path, index, name), f"{field} is missing")


def _check_ingestion(ingestion: Any, path: tuple[object, ...], report: Report, partial: bool) -> None:
    if not isinstance(ingestion, dict):
        return
    if not partial:
        origins = ("connection_name", "ingestion_gateway_id", "ingest_from_uc_foreign_catalog", "source_configurations")
        if not any(ingestion.get(name) for name in origins):
            report.add("missing_field", path, "connection_name or ingestion_gateway_id is missing")
        if not ingestion.get("objects"):
            report.add("missing_field", path, "objects is missing")
    for index, item in enumerate(as_list(ingestion.get("objects"))):
        kinds = [name for name in OBJECTS if isinstance(item, dict) and item.get(name) is not None]
        here = (*path, "objects", index)
        if len(kinds) > 1:
            report.add("ingestion_ambiguous", here, f"{' and '.join(kinds)} in one object; one is allowed")
        elif not kinds and isinstance(item, dict) and "<<" not in item:
            report.add("missing_field", here, f"one of {', '.join(OBJECTS)} is missing")
        for kind in kinds if not partial else ():
            for field in OBJECTS[kind] if isinstance(item[kind], dict) else ():
                if item[kind].get(field) in (None, ""):
                    report.add("missing_field", (*here, kind), f"{field} is missing")
