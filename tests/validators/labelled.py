"""The labelled cases of all validators, by validator: what the tests judge and what the fuzzers start from."""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).with_name("cases")
OF_FILE = {
    "sql": "sql_compiles",
    "grants": "grants_audit_passes",
    "bundle": "bundle_validate_passes",
    "safety": "policy_safety",
    "contracts": "tool_contract_valid",
}  # the cases of the other files say it themselves


@cache
def labelled() -> dict[str, list[dict[str, Any]]]:
    """Name of a validator -> its cases: id, text, passes, near_miss, and maybe code, context, note."""
    found: dict[str, list[dict[str, Any]]] = {}
    for file in sorted(CASES.glob("*.yaml")):
        for case in yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
            found.setdefault(case.get("validator") or OF_FILE[file.stem], []).append(case)
    return found


def quickest(judge: Callable[[], object]) -> float:
    """CPU seconds, the best of three: this measures the validator, not what else the machine does."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        judge()
        taken.append(time.process_time() - start)
    return min(taken)
