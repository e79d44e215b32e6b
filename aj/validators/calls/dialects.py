"""Schemas of other dialects as JSON Schema 2020-12: the types of BFCL and xLAM (``dict``, ``float``, ``List[str]``, ``str, optional``), a flat map of
parameters, ``required: true`` inside a property, ``nullable``, drafts 4 to 7. A schema is closed where it lists fields and does not say otherwise.

What is not covered: references out of the schema, ``$dynamicRef``, anchors; ``$vocabulary``.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aj.validators.calls.errors import BadSchema
from aj.validators.wordset import wordset

if TYPE_CHECKING:
    pass

DEEPEST = 40  # schemas in schemas
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
