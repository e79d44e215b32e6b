"""Arguments of a tool call against the tool's JSON Schema (draft 2020-12, by jsonschema-rs, patterns in linear time).

Unknown fields are errors wherever a schema lists properties and does not say ``additionalProperties`` itself: models invent
arguments, and a schema's author who wants others says so. An object without any listed property is a free map, except the
arguments as a whole. ``true`` is no integer, 1.0 is one, ``format`` and ``default`` are annotations.

Schemas of other dialects are read too: the types of BFCL and xLAM (``dict``, ``float``, ``tuple``, ``any``, ``List[str]``,
``str, optional``), a flat map of parameters, ``required: true`` inside a property, ``nullable``, drafts 4 to 7.

What is not covered: references out of the schema, ``$dynamicRef``, anchors; ``$vocabulary``.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from aj.exact_json import dumps, loads
from aj.validators.json_values import NoTarget, as_map, pointed
from aj.validators.score import Reason
from aj.validators.wordset import wordset

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError, Validator

LONGEST = 100_000  # characters of one tool's parameters
DEEPEST = 40  # schemas in schemas
MOST_VISITS = 10_000  # schema nodes that one call meets: $ref can double the work at every step
MOST_PATTERNS = 100
BACKTRACKS = 5_000  # for patterns with look-around, which no linear engine has
MOST_REASONS = 10
TYPES = {
    **dict.fromkeys(("object", "dict", "dictionary", "map", "hashmap", "hashtable", "mapping", "json"), "object"),
    **dict.fromkeys(("array", "list", "tuple", "set", "arraylist", "queue", "stack", "sequence", "iterable"), "array"),
    **dict.fromkeys(("integer", "int", "long", "short", "byte", "bigint", "int32", "int64"), "integer"),
    **dict.fromkeys(("number", "float", "double", "decimal", "numeric"), "number"),
    **dict.fromkeys(("string", "str", "char", "text", "date", "datetime", "time", "timestamp", "enum"), "string"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("null", "none", "nonetype"), "null"),
}
OPEN_TYPES = {"any", "", "union", "callable", "function", "unknown", "mixed"}
LISTS_HERE, ONE_HERE = ("allOf", "anyOf", "oneOf"), ("not", "if", "then", "else")
ONE_BELOW = ("additionalProperties", "unevaluatedProperties", "items", "contains", "unevaluatedItems", "propertyNames")
COMPOSED = {*LISTS_HERE, "$ref", "if", "dependentSchemas"}
NOTES = wordset("""$schema $id id description title default examples example $comment format deprecated readOnly writeOnly""")
SCHEMA_WORDS = {"properties", "required", "$ref", "$defs", "definitions", "additionalProperties", *LISTS_HERE, *ONE_HERE}
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


class BadSchema(Exception):
    """A schema that is not checked against; ``code`` is the reason's code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def argument_reasons(name: str, arguments: Mapping[str, Any], parameters: Any) -> list[Reason]:
    """What is wrong with the arguments of a call of ``name``, the worst first: at most 10 reasons.

    ``parameters`` is the tool's schema, None or empty where it takes none.
    Codes: those of ``CODES``, schema_mismatch, bad_schema, schema_too_large, schema_too_deep, schema_too_costly.
    """
    try:
        stored = dumps(parameters)
        if len(stored) > LONGEST:
            raise BadSchema("schema_too_large", f"the parameters have {len(stored)} bytes, {LONGEST} are read")
        schema, validator = _compiled(stored)
        _affordable(schema, arguments)
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


def closed(parameters: Any) -> dict[str, Any]:
    """The schema of the arguments in draft 2020-12, without annotations, closed where it does not say that it is open.

    Raises BadSchema.
    """
    if not parameters and parameters in (None, {}, []):
        parameters = {"type": "object", "properties": {}}
    if not isinstance(parameters, dict):
        raise BadSchema("bad_schema", f"the parameters are a {type(parameters).__name__}, not a schema")
    if _is_flat(parameters):
        required = [
            k
            for k, v in parameters.items()
            if "default" not in v and "optional" not in str(v.get("type")).lower() and v.get("required", True)
        ]
        parameters = {"type": "object", "properties": parameters, "required": required}
    foreign = (
        parameters.get("type") != "object" and "type" in parameters
    )  # BFCL's "dict": its calls pass null for what is null by default
    schema = _schema(parameters, here=True, depth=0, foreign=foreign)
    if not isinstance(schema, dict):
        raise BadSchema("bad_schema", "the parameters are no object schema")
    schema.setdefault("type", "object")
    if schema["type"] != "object":
        raise BadSchema("bad_schema", f"the parameters are of the type {schema['type']!r} instead of object")
    if not schema.keys() & {"additionalProperties", "unevaluatedProperties"}:
        schema["unevaluatedProperties"] = False
    return schema


def _is_flat(parameters: dict[str, Any]) -> bool:
    """``{"city": {"type": "str", "description": "…"}}``: xLAM's form."""
    if isinstance(parameters.get("type"), str | list) or parameters.keys() & SCHEMA_WORDS:
        return False
    return all(isinstance(v, dict) and v.keys() & {"type", "description"} for v in parameters.values())


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


def _schema(node: Any, *, here: bool, depth: int, foreign: bool) -> Any:
    """One schema, rewritten. ``here``: it alone describes a place of the value, so it is closed; else it is one of several that do."""
    if isinstance(node, bool):
        return node
    if not isinstance(node, dict):
        raise BadSchema("bad_schema", f"a {type(node).__name__} where a schema should stand")
    if depth > DEEPEST:
        raise BadSchema("schema_too_deep", f"schemas are nested more than {DEEPEST} levels deep")
    out = {k: v for k, v in node.items() if k not in NOTES and (v is not None or k == "const")}
    if "$dynamicRef" in out or "$recursiveRef" in out or not str(out.get("$ref", "#")).startswith("#"):
        raise BadSchema("bad_schema", f"the reference {out.get('$ref', '$dynamicRef')!r} leads out of the schema")
    if foreign and "default" in node:
        _default_fits(out, node["default"])
    _old_words(out)
    _types(out)
    for key in LISTS_HERE:
        if isinstance(out.get(key), list):
            out[key] = [_schema(item, here=False, depth=depth + 1, foreign=foreign) for item in out[key]]
    for key in (*ONE_HERE, *ONE_BELOW):
        if key in out:
            out[key] = _schema(out[key], here=key in ONE_BELOW, depth=depth + 1, foreign=foreign)
    if isinstance(out.get("prefixItems"), list):
        out["prefixItems"] = [_schema(item, here=True, depth=depth + 1, foreign=foreign) for item in out["prefixItems"]]
    for key in ("$defs", "definitions", "dependentSchemas", "properties", "patternProperties"):
        if isinstance(out.get(key), dict):
            below = key in ("properties", "patternProperties")
            out[key] = {name: _schema(item, here=below, depth=depth + 1, foreign=foreign) for name, item in out[key].items()}
    _close(out, here)
    return out


def _close(out: dict[str, Any], here: bool) -> None:
    if out.keys() & {"additionalProperties", "unevaluatedProperties"}:
        return
    if not here:
        if not out or (out.get("type") == "object" and not out.keys() & {"properties", *COMPOSED}):
            out["additionalProperties"] = True  # a free map as one of several: what it has is known
    elif out.keys() & COMPOSED:
        out["unevaluatedProperties"] = False
    elif out.get("properties") or out.get("patternProperties"):
        out["additionalProperties"] = False


def _default_fits(out: dict[str, Any], default: Any) -> None:
    """BFCL's calls may pass the default, also where it breaks the schema beside it: null for a text, ``N/A`` beside an enum."""
    if default is None:
        out["nullable"] = True
    elif isinstance(out.get("enum"), list) and default not in out["enum"] and not isinstance(default, list):
        out["enum"] = [*out["enum"], default]
    elif (
        isinstance(default, str)
        and isinstance(out.get("type"), str)
        and out["type"].lower() in ("integer", "float", "number", "boolean")
    ):
        out["type"] = [out["type"], "string"]
        out["pattern"] = f"^{re.escape(default)}$"


def _old_words(out: dict[str, Any]) -> None:
    """Words of older drafts and of OpenAPI 3.0 that draft 2020-12 says differently."""
    for word, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(out.get(word), bool) and out.pop(word) and bound in out:
            out[word] = out.pop(bound)
    if isinstance(out.get("items"), list):
        out["prefixItems"] = out.pop("items")
        if "additionalItems" in out:
            out["items"] = out.pop("additionalItems")
    if isinstance(out.get("dependencies"), dict):
        for name, needs in out.pop("dependencies").items():
            out.setdefault("dependentRequired" if isinstance(needs, list) else "dependentSchemas", {})[name] = needs
    if isinstance(out.get("required"), bool | str):  # of this one value: its parent says it
        del out["required"]
    properties = out.get("properties")
    if isinstance(properties, dict):
        needed = [k for k, v in properties.items() if isinstance(v, dict) and v.get("required") is True]
        if needed:
            out["required"] = [*out.get("required", ()), *(k for k in needed if k not in out.get("required", ()))]
    if out.pop("nullable", False) is True and "type" in out:
        out["type"] = [*([out["type"]] if isinstance(out["type"], str) else out["type"]), "null"]
        if isinstance(out.get("enum"), list):
            out["enum"] = [*out["enum"], *([] if None in out["enum"] else [None])]


def _types(out: dict[str, Any]) -> None:
    if "type" not in out:
        return
    said = out.pop("type")
    names = said if isinstance(said, list) else [said]
    types = [kind for name in names for kind in _type(name)]
    if "any" not in types:
        out["type"] = types[0] if len(types) == 1 else list(dict.fromkeys(types))
    choices = out.get("enum")
    if types == ["array"] and isinstance(choices, list) and not any(isinstance(c, list | None) for c in choices):
        items = out.get("items")  # no list could ever be one of these: they are meant for its items
        out["items"] = {"enum": out.pop("enum"), **(items if isinstance(items, dict) else {})}


def _type(name: Any) -> Iterator[str]:
    if not isinstance(name, str):
        raise BadSchema("bad_schema", f"the type {name!r} is no text"[:200])
    word = name.strip().lower().removesuffix("optional").rstrip(", ")
    outer, bracket, inner = word.partition("[")
    if outer == "optional" and bracket:
        yield from _type(inner.removesuffix("]"))
        yield "null"
    elif outer in OPEN_TYPES:
        yield "any"
    elif (base := re.split(r"[\s<(,|]", outer, maxsplit=1)[0]) in TYPES and (
        bracket or base == outer or outer.startswith(base + "<")
    ):
        yield TYPES[base]
    else:
        raise BadSchema("bad_schema", f"the type {name!r} is unknown"[:200])


def bounded(schema: Any) -> None:
    """Counts the schemas that there are when every reference is replaced by what it leads to, as jsonschema-rs does before it starts.

    Raises BadSchema(schema_too_costly); without this look a few references that double would take all memory.
    """
    todo: list[tuple[Any, frozenset[str]]] = [(schema, frozenset())]
    steps = 0
    while todo:
        node, above = todo.pop()
        steps += 1
        if steps > MOST_VISITS:
            raise BadSchema("schema_too_costly", f"its references make more than {MOST_VISITS} schemas of it")
        if isinstance(node, dict):
            todo.extend((item, above) for item in node.values() if isinstance(item, dict | list))
            reference = node.get("$ref")
            if isinstance(reference, str) and reference.startswith("#") and reference not in above:
                todo.append((_target(schema, reference), above | {reference}))
        elif isinstance(node, list):
            todo.extend((item, above) for item in node if isinstance(item, dict | list))


def _affordable(schema: Any, value: Any) -> None:
    """Counts the pairs of schema and value that a validator meets, as it would meet them. Raises BadSchema(schema_too_costly)."""
    root, todo, visits = schema, [(schema, value)], 0
    while todo:
        here, item = todo.pop()
        visits += 1
        if visits > MOST_VISITS:
            raise BadSchema(
                "schema_too_costly", f"more than {MOST_VISITS} steps: its references multiply, or lead back to themselves"
            )
        if not isinstance(here, dict):
            continue
        if "$ref" in here:
            todo.append((_target(root, here["$ref"]), item))
        todo.extend((sub, item) for key in LISTS_HERE for sub in here.get(key, ()))
        todo.extend((here[key], item) for key in ONE_HERE if key in here)
        todo.extend((sub, item) for sub in as_map(here.get("dependentSchemas")).values())
        if isinstance(item, dict):
            properties, others = (
                as_map(here.get("properties")),
                [*as_map(here.get("patternProperties")).values(), here.get("additionalProperties")],
            )
            for name, child in item.items():
                if name in properties:
                    todo.append((properties[name], child))
                todo.extend((sub, child) for sub in others if sub is not None)
        elif isinstance(item, list):
            todo.extend((sub, child) for key in ("items", "contains") if key in here for sub in [here[key]] for child in item)
            todo.extend(zip(here.get("prefixItems", ()), item, strict=False))


def _target(root: Any, reference: str) -> Any:
    try:
        return pointed(root, reference)
    except NoTarget:
        raise BadSchema("bad_schema", f"the reference {reference!r} leads nowhere") from None


def _reason(name: str, error: "ValidationError") -> Reason:
    kind = type(error.kind).__name__
    place = ".".join(str(p) for p in error.instance_path)
    return Reason(CODES.get(kind, "schema_mismatch"), f"{name}{f' at {place}' if place else ''}: {error.message}"[:300])
