"""One registry of all validators, by name; each is imported when it is first asked for.

``validate`` is the only way in for stages, rewards and ``aj validate``: a text that is too long is refused before anything parses it,
and a validator that crashes is an outcome of its own (``validator_crashed``), never a pass and never a silent 0.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from aj.errors import ParamsError
from aj.validators.score import CRASHED, Reason, Score

Validator = Callable[[str, Mapping[str, Any]], Score]
LONGEST = 20_000  # characters; none of the tasks needs more, and what is longer could take its time
WHERE = {
    "sql_compiles": "sql.statement:sql_compiles",
    "grants_audit_passes": "sql.grants:grants_audit_passes",
    "bundle_validate_passes": "definitions.bundle:bundle_validate_passes",
    "policy_safety": "safety.policy:policy_safety",
    "tool_contract_valid": "calls.contract:tool_contract_valid",
    "job_definition_valid": "definitions.jobs:job_definition_valid",
    "pipeline_definition_valid": "definitions.pipelines:pipeline_definition_valid",
    "openapi_tool_valid": "openapi.registration:openapi_tool_valid",
    "no_secrets_in_clear": "secret.clear:no_secrets_in_clear",
    "streaming_query_safe": "streaming.queries:streaming_query_safe",
    "guardrails_kept": "persona:guardrails_kept",
}


def names() -> list[str]:
    """Names of all validators."""
    return sorted(WHERE)


@cache
def find(name: str) -> Validator:
    """The validator of this name. Raises ParamsError with the nearest name where there is none."""
    if name not in WHERE:
        import difflib

        near = difflib.get_close_matches(name, WHERE, n=1)
        raise ParamsError(
            f"validator {name!r} does not exist: " + (f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names())}.")
        )
    module, _, function = WHERE[name].partition(":")
    validator: Validator = getattr(import_module(f"aj.validators.{module}"), function)
    return validator


def validate(name: str, text: str, context: Mapping[str, Any] | None = None) -> Score:
    """What the validator says of a text; ``context`` is what the task gives beside it (a schema, principals, a tool list)."""
    validator = find(name)
    if len(text) > LONGEST:
        return Score.of([Reason("too_long", f"the text has {len(text)} characters, {LONGEST} are read")])
    if not text.strip():
        return Score.of([Reason("empty", "the text is empty")])
    try:
        return validator(text, context or {})
    except Exception as error:
        return Score.of([Reason(CRASHED, f"{name} failed on this text ({type(error).__name__}: {error})")])
