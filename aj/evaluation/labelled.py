"""Labelled cases of the validators: texts that must pass and texts that must fail with a code, and how often a validator errs.

A file of cases is a YAML list of ``{id, text, passes, near_miss}``, with ``code`` (the first reason of one that fails), ``context`` and
``validator``, which a file named after its validator leaves out.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aj.errors import DataError
from aj.validators.names import WHERE
from aj.validators.registry import validate

Case = Mapping[str, Any]
OF_FILE = {
    "sql": "sql_compiles",
    "grants": "grants_audit_passes",
    "bundle": "bundle_validate_passes",
    "safety": "policy_safety",
    "contracts": "tool_contract_valid",
}
"""What the cases of a file are for, where they do not say it themselves."""


def read(folder: Path) -> dict[str, list[Case]]:
    """Validator -> its cases. Raises DataError for a case without a label, and for a validator that does not exist."""
    import yaml  # ruamel's pure loader, which reads our parameters, takes a minute for these

    found: dict[str, list[Case]] = {}
    for file in sorted(folder.glob("*.yaml")):
        for case in yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            name = case.get("validator") or OF_FILE.get(file.stem)
            if name not in WHERE or not isinstance(case.get("passes"), bool):
                raise DataError(
                    f"{file}: case {case.get('id')!r} names validator {name!r} and passes {case.get('passes')!r}: mend it."
                )
            found.setdefault(name, []).append(case)
    return found


def table(cases: Mapping[str, Sequence[Case]]) -> list[dict[str, Any]]:
    """One row a validator: cases, near misses, false accepts and rejects, wrong codes, crashes."""
    return [{"validator": name, **_errors(name, own)} for name, own in sorted(cases.items())]


def _errors(name: str, cases: Sequence[Case]) -> Counter[str]:
    found = Counter(cases=len(cases), near_misses=sum(bool(case["near_miss"]) for case in cases))
    found.update(dict.fromkeys(("false_accepts", "false_rejects", "wrong_codes", "crashes"), 0))
    for case in cases:
        score = validate(name, case["text"], case.get("context"))
        found["crashes"] += score.crashed
        found["false_accepts"] += score.passed and not case["passes"]
        found["false_rejects"] += not score.passed and case["passes"]
        found["wrong_codes"] += not score.passed and "code" in case and score.codes[0] != case["code"]
    return found
