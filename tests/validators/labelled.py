"""The labelled cases of all validators, by validator: what the tests judge and what the fuzzers start from."""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from aj.evaluation import labelled as cases

CASES = Path(__file__).with_name("cases")


@cache
def labelled() -> dict[str, list[dict[str, Any]]]:
    """Name of a validator -> its cases: id, text, passes, near_miss, and maybe code, context, note."""
    return {name: [dict(case) for case in own] for name, own in cases.read(CASES).items()}


def quickest(judge: Callable[[], object]) -> float:
    """CPU seconds, the best of three: this measures the validator, not what else the machine does."""
    taken = []
    for _ in range(3):
        start = time.process_time()
        judge()
        taken.append(time.process_time() - start)
    return min(taken)
