"""Rules of single kinds of resources in a bundle: names, serving endpoints, Genie spaces, dashboards, retention, times.

Sources: the documented configuration and what ``bundle validate`` of the Databricks CLI refuses.
What is not covered: the inside of Genie spaces and dashboards; endpoints' models; Postgres fields but times.
"""

import re
from typing import Any

from aj.validators.definitions.fields import Report, is_reference
from aj.validators.json_values import as_list, as_map

Path = tuple[object, ...]
NAMES = ("name", "display_name", "title", "catalog_name", "schema_name", "warehouse_id")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
EITHER = {
    "genie_spaces": ("file_path", "serialized_space"),
    "dashboards": ("file_path", "serialized_dashboard"),
    "alerts": ("file_path", "query_text"),
    "cluster_policies": ("definition", "policy_family_id"),
}
"""Two places for one content."""
TAGGED = ("genie_spaces", "dashboards")
SINCE = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})")
SECONDS = re.compile(r"-?\d{1,12}(?:\.\d{1,9})?s")
TIMES = {"expire_time": (SINCE, "2030-01-31T00:00:00Z"), "source_branch_time": (SINCE, "2030-01-31T00:00:00Z")}
TIMES |= dict.fromkeys(("ttl", "suspend_timeout_duration", "history_retention_duration"), (SECONDS, "300s"))
DEPLOYED = ("deployment_id", "version_id")  # of what is deployed


def check_kind(kind: str, item: dict[str, Any], path: Path, report: Report) -> None:
    """bad_name, conflicting_fields, reserved_field, bad_retention, empty_keyword, missing_field, bad_time."""
    for name in NAMES:
        if isinstance(item.get(name), str) and CONTROL.search(item[name]):
            report.add("bad_name", (*path, name), "a name holds no line breaks, tabs or other control characters")
    if kind in EITHER and all(item.get(name) is not None for name in EITHER[kind]):
        report.add("conflicting_fields", path, f"{' and '.join(EITHER[kind])} cannot be set together")
    if kind in TAGGED and item.get("etag") is not None:
        report.add("reserved_field", (*path, "etag"), "the etag belongs to what is deployed, not to the bundle")
    for name in DEPLOYED:
        if kind in ("jobs", "pipelines") and as_map(item.get("deployment")).get(name) is not None:
            report.add("reserved_field", (*path, "deployment", name), "it is set when the bundle is deployed")
    hours = item.get("custom_max_retention_hours")
    if isinstance(hours, int) and hours != 0 and not 168 <= hours <= 720:
        report.add(
            "bad_retention", (*path, "custom_max_retention_hours"), f"{hours} is neither 0 nor from 168 to 720 (7 to 30 days)"
        )
    if kind == "model_serving_endpoints":
        _check_endpoint(item, path, report)
    elif kind.startswith("postgres_"):
        for owner, here in ((item, path), (as_map(item.get("default_endpoint_settings")), (*path, "default_endpoint_settings"))):
            for name, (pattern, example) in TIMES.items():
                value = owner.get(name)
                if isinstance(value, str) and not is_reference(value) and not pattern.fullmatch(value):
                    report.add("bad_time", (*here, name), f"{value[:60]!r} is not written as {example}")


def _check_endpoint(endpoint: dict[str, Any], path: Path, report: Report) -> None:
    config = as_map(endpoint.get("config"))
    if config.get("served_models") and config.get("served_entities"):
        report.add("conflicting_fields", (*path, "config"), "served_models and served_entities cannot be set together")
    for side in ("input", "output"):
        words = as_map(as_map(as_map(endpoint.get("ai_gateway")).get("guardrails")).get(side)).get("invalid_keywords")
        for index, word in enumerate(as_list(words)):
            if word in (None, ""):
                here = (*path, "ai_gateway", "guardrails", side, "invalid_keywords", index)
                report.add("empty_keyword", here, "an invalid keyword is empty")
    telemetry = endpoint.get("telemetry_config")
    if isinstance(telemetry, dict) and not (telemetry.get("table_names") or telemetry.get("telemetry_profile_id")):
        report.add("missing_field", (*path, "telemetry_config"), "table_names or telemetry_profile_id is missing")
