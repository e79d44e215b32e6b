"""Arguments of a tool call against the tool's JSON Schema (draft 2020-12, by jsonschema-rs, patterns in linear time).

Unknown fields are errors wherever a schema lists properties and does not say ``additionalProperties`` itself: models invent
arguments, and a schema's author who wants others says so. An object without any listed property is a free map, except the
arguments as a whole. ``true`` is no integer, 1.0 is one, ``format`` and ``default`` are annotations.

What is not covered: references out of the schema, ``$dynamicRef``, anchors; ``$vocabulary``.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from aj.exact_json import dumps, loads
from aj.validators.calls.cost import Steps, affordable, bounded
from aj.validators.calls.dialects import closed
from aj.validators.calls.errors import BadSchema
from aj.validators.score import Reason

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError, Validator

LONGEST = 100_000  # characters of one tool's parameters
MOST_PATTERNS = 100
BACKTRACKS = 5_000  # for patterns with look-around, which no linear engine has
MOST_REASONS = 10
CODES = {
    "Required": "missing_argument",
    "DependentRequired": "missing_argument",
    "MinProperties": "missing_argument",
    "AdditionalProperties": "unknown_argument",
    "UnevaluatedProperties": "unknown_argument",
    "PropertyNames": "unknown_argument",
    "MaxProperties": "too_many_arguments",
    "Type": "wrong_type",
    "Enum": "not_in_enum",
    "Constant": "not_in_enum",
    **dict.fromkeys(("Minimum", "Maximum", "ExclusiveMinimum", "ExclusiveMaximum", "MultipleOf"), "out_of_range"),
    **dict.fromkeys(("MinLength", "MaxLength", "MinItems", "MaxItems", "UniqueItems", "Contains"), "wrong_size"),
    **dict.fromkeys(("AdditionalItems", "UnevaluatedItems", "FalseSchema"), "wrong_size"),
    "Pattern": "pattern_mismatch",
    "BacktrackLimitExceeded": "pattern_too_costly",
    **dict.fromkeys(("AnyOf", "OneOfNotValid", "OneOfMultipleValid", "Not"), "no_schema_fits"),
}


def argument_reasons(name: str, arguments: Mapping[str, Any], parameters: Any, steps: Steps) -> list[Reason]:
    """What is wrong with the arguments of a call of ``name``, the worst first: at most 10 reasons.

    ``parameters`` is the tool's schema, None or empty where it takes none; ``steps`` is shared by the calls of a reply.
    Codes: those of ``CODES``, schema_mismatch, bad_schema, schema_too_large, schema_too_deep, schema_too_costly.
    """
    try:
        stored = dumps(parameters)
        if len(stored) > LONGEST:
            raise BadSchema("schema_too_large", f"the parameters have {len(stored)} bytes, {LONGEST} are read")
        schema, validator = _compiled(stored)
        affordable(schema, arguments, steps)
        errors = list(islice(validator.iter_errors(dict(arguments)), MOST_REASONS))
    except BadSchema as error:
        return [Reason(error.code, f"{name}: {error}")]
    except (
        RecursionError,
        UnicodeEncodeError,
        ValueError,
        TypeError,
    ) as error:  # how jsonschema-rs says too deep; half a surrogate pair
        return [Reason("bad_schema", f"{name}: {error}"[:300])]
    reasons = [_reason(name, error) for error in errors]
    return sorted(
        reasons, key=lambda r: r.code == "unknown_argument" and len(reasons) > 1
    )  # a failed branch lists its fields as unknown too


@lru_cache(maxsize=256)
def _compiled(stored: bytes) -> tuple[dict[str, Any], "Validator"]:
    from jsonschema_rs import FancyRegexOptions, RegexOptions, validator_for
    from jsonschema_rs import ValidationError as Invalid

    if stored.count(b'"pattern') > MOST_PATTERNS:
        raise BadSchema("schema_too_large", f"more than {MOST_PATTERNS} patterns")
    schema = closed(loads(stored))
    bounded(schema)
    try:
        return schema, validator_for(
            schema, pattern_options=RegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20), offline=True
        )
    except Invalid as error:
        if '"regex"' not in error.message:
            raise BadSchema("bad_schema", f"no JSON Schema: {error.message[:200]}") from None
    try:  # look-around and back references: real schemas have them, so they run, but on a short lead
        options = FancyRegexOptions(backtrack_limit=BACKTRACKS, size_limit=1 << 20, dfa_size_limit=1 << 20)
        return schema, validator_for(schema, pattern_options=options, offline=True)
    except Invalid as error:
        raise BadSchema("bad_schema", f"no JSON Schema: {error.message[:200]}") from None


def _reason(name: str, error: "ValidationError") -> Reason:
    kind = type(error.kind).__name__
    place = ".".join(str(p) for p in error.instance_path)
    return Reason(CODES.get(kind, "schema_mismatch"), f"{name}{f' at {place}' if place else ''}: {error.message}"[:300])
