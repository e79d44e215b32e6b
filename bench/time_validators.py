"""How long each validator takes: for its own labelled cases, for every hostile text of the tests, and for long honest scripts.

    python -m bench.time_validators --worst 20

CPU milliseconds of this thread, the quickest of three where the first took more than 30. The aim is 100 ms a text (spec/validators.md).

What is not covered: the first call, which imports; contexts other than those of the cases.
"""

import argparse
import time
from typing import Any

from aj.validators.registry import LONGEST, names, validate
from tests.validators import test_bundle, test_contracts, test_grants, test_jobs, test_safety, test_sql
from tests.validators.labelled import labelled
from tests.validators.test_long import SCRIPTS

KINDS = ("shell", "sql", "python", "tool_call", "text")


def hostile() -> dict[str, str]:
    """Name -> hostile text, of all validators' tests: each is given to every validator."""
    found = {f"contracts: {name}": text for name, text in test_contracts.SLOW_TEXTS.items()}
    for module in (test_safety, test_sql, test_bundle, test_jobs, test_grants):
        own: dict[str, Any] = module.HOSTILE
        for name, text in own.items():
            found[f"{module.__name__.rpartition('_')[2]}: {name}"] = text[0] if isinstance(text, tuple) else text
    return {name: text[:LONGEST] for name, text in found.items()}


def contexts(name: str) -> list[dict[str, Any]]:
    """What a validator is told beside the text: nothing, and one context of its cases; policy_safety each kind of text."""
    if name == "policy_safety":
        return [{}, *({"kind": kind} for kind in KINDS)]
    return [{}, *[case["context"] for case in labelled().get(name, ()) if case.get("context")][:1]]


def milliseconds(name: str, text: str, context: dict[str, Any]) -> float:
    """CPU time of this thread, the quickest of three where one is not quick."""
    best = 1e9
    for _ in range(3):
        start = time.thread_time()
        validate(name, text, context)
        best = min(best, (time.thread_time() - start) * 1e3)
        if best < 30:
            break
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worst", type=int, default=10, help="texts shown")
    shown = parser.parse_args().worst
    evil, rows = hostile(), []
    for name in names():
        for context in contexts(name):
            validate(name, "SELECT 1", context)  # imports
            rows += [(milliseconds(name, text, context), name, context.get("kind", ""), what) for what, text in evil.items()]
        for what, (_, text) in SCRIPTS.items():
            rows.append((milliseconds(name, text[:LONGEST], {}), name, "", f"honest: {what}"))
        for case in labelled().get(name, ()):
            rows.append((milliseconds(name, case["text"], case.get("context") or {}), name, "", f"case {case['id']}"))
    rows.sort(key=lambda row: -row[0])
    print(f"{len(rows)} texts, {sum(taken > 100 for taken, *_ in rows)} above 100 ms; the slowest:")
    for taken, name, kind, what in rows[:shown]:
        print(f"{taken:7.1f} ms  {name} {kind}  {what}")


if __name__ == "__main__":
    main()
