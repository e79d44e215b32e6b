"""The shape of Databricks definitions: which fields a job, a task, a cluster or a bundle's section has, and of which kind.

Two tables under data/validators: databricks_fields.json (from the Apache-2.0 databricks-sdk) and bundle_fields.json (the documented
bundle configuration). ``check_shape`` walks a value along them: unknown_field, wrong_type, unknown_value, missing_field,
bad_autoscale. A text that holds
``${...}`` fits any kind (a complex variable may stand for a whole cluster), and so does ``{{...}}`` for a number.

What is not covered: fields younger than the tables; the inside of what a table calls ``any``; limits of numbers and lengths.
"""

import json
import re
from collections.abc import Container, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from aj.validators.score import Reason

FOLDER = Path(__file__).parents[3] / "data" / "validators"
MOST_REASONS = 20
TRUTH = {"true", "false", "yes", "no", "on", "off", "y", "n"}
KINDS = {"str": "text", "int": "a whole number", "num": "a number", "bool": "true or false"}
CASELESS = {"GitProvider"}  # the API reads gitHub and github alike
Table = dict[str, dict[str, str]]


class Report:
    """Reasons found so far, at most MOST_REASONS; the rest is only counted."""

    def __init__(self) -> None:
        self.reasons: list[Reason] = []

    def add(self, code: str, path: tuple[object, ...], what: str) -> None:
        """One reason, at this path."""
        if len(self.reasons) < MOST_REASONS:
            self.reasons.append(Reason(code, f"{show(path)}: {what}" if path else what))

    @property
    def full(self) -> bool:
        """Whether no more reasons are kept."""
        return len(self.reasons) >= MOST_REASONS


def show(path: tuple[object, ...]) -> str:
    """``resources.jobs.a.tasks[0]`` of a path."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")[:200]


@cache
def tables() -> tuple[Table, dict[str, list[str]], dict[str, Any]]:
    """Types, enumerations, and the bundle file's other tables (``required``, ``needs``, ``levels``)."""
    sdk = json.loads((FOLDER / "databricks_fields.json").read_text(encoding="utf-8"))
    bundle = json.loads((FOLDER / "bundle_fields.json").read_text(encoding="utf-8"))
    types: Table = sdk["types"] | bundle["types"]
    for name, fields in bundle["also"].items():
        types[name] = types[name] | fields
    for name, more in bundle["more"].items():
        types[name] = types[more["base"]] | more["fields"]
    return types, sdk["enums"] | bundle["enums"], bundle


def is_reference(value: object) -> bool:
    """Whether a value is text that is filled in later: ``${...}`` by the bundle, ``{{...}}`` by the run."""
    return isinstance(value, str) and ("${" in value or "{{" in value)


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` or nothing."""
    import difflib

    near = difflib.get_close_matches(name[:60], list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def check_shape(
    value: Any, kind: str, path: tuple[object, ...], report: Report, anchored: Container[int] = (), *, whole: bool = False
) -> None:
    """Compare a value with a kind of the tables; recursion is bounded by the loader's depth cap. ``whole``: nothing of it
    stands elsewhere, so what a part must have is asked for: missing_field."""
    if value is None or kind == "any" or report.full:
        return
    if isinstance(value, str) and "${" in value:
        return
    first = kind[0]
    if first == "[":
        if not isinstance(value, list):
            report.add("wrong_type", path, f"a list is expected, not {name_of(value)}")
            return
        for index, item in enumerate(value):
            check_shape(item, kind[1:], (*path, index), report, anchored, whole=whole)
    elif first == "{":
        if not isinstance(value, dict):
            report.add("wrong_type", path, f"a mapping is expected, not {name_of(value)}")
            return
        for key, item in value.items():
            check_shape(item, kind[1:], (*path, key), report, anchored, whole=whole)
    elif first == "=":
        _enum(value, kind[1:], path, report)
    elif kind in KINDS:
        if not _fits(value, kind):
            report.add("wrong_type", path, f"{KINDS[kind]} is expected, not {name_of(value)}")
    else:
        _fields(value, kind, path, report, anchored, whole)


def name_of(value: object) -> str:
    """What a value is, for a person."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else repr(value)[:60]


def _fields(value: Any, kind: str, path: tuple[object, ...], report: Report, anchored: Container[int], whole: bool) -> None:
    if not isinstance(value, dict):
        report.add("wrong_type", path, f"a mapping is expected, not {name_of(value)}")
        return
    fields = tables()[0][kind]
    for key, item in value.items():
        if key in fields:
            check_shape(item, fields[key], (*path, key), report, anchored, whole=whole)
        elif id(item) not in anchored and not report.full:  # a field that only holds an anchor is allowed by the CLI too
            code = "unknown_task_type" if kind == "jobs.Task" and key.endswith("_task") else "unknown_field"
            report.add(code, path, f"there is no field {key!r}{nearest(key, fields)}")
    for field in tables()[2]["needs"].get(kind, ()) if whole else ():
        if value.get(field) is None:
            report.add("missing_field", path, f"{field} is missing")
    low, high = value.get("min_workers"), value.get("max_workers")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        report.add("bad_autoscale", path, f"min_workers {low} is above max_workers {high}")


def _enum(value: Any, name: str, path: tuple[object, ...], report: Report) -> None:
    known = tables()[1][name]
    if isinstance(value, dict | list):
        report.add("wrong_type", path, f"one of {', '.join(known)} is expected, not {name_of(value)}")
        return
    text = str(value)
    if text not in known and "{{" not in text and not (name in CASELESS and text.lower() in {item.lower() for item in known}):
        report.add("unknown_value", path, f"{text[:60]!r} is not one of {', '.join(known)}")


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, dict | list):
        return False
    if kind == "str" or is_reference(value):
        return True
    if kind == "bool":
        return isinstance(value, bool) or (isinstance(value, str) and value.lower() in TRUTH)
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        pattern = r"[-+]?\d{1,30}" if kind == "int" else r"[-+]?\d{1,30}(\.\d{0,30})?"
        return re.fullmatch(pattern, value.strip()) is not None
    return kind == "num" or isinstance(value, int) or float(value).is_integer()
