"""OpenAPI 3.x documents: the OpenAPI Initiative's own schemas, then what they cannot say.

The schemas are data/validators/openapi-3.*.json (Apache-2.0); beyond them path parameters, operation ids, local references, security
schemes. What is not covered: references to other files (trusted), examples, Swagger 2.0, servers that answer.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.validators.json_values import NoTarget, as_list, as_map, pointed
from aj.validators.openapi.keywords import misspelt
from aj.validators.score import Reason

if TYPE_CHECKING:
    from jsonschema_rs import ValidationError, Validator

MOST_REASONS = 10
FOLDER = Path(__file__).parents[3] / "data" / "validators"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
NAMED = (
    "paths",
    "webhooks",
    "callbacks",
    "responses",
    "content",
    "headers",
    "parameters",
    "requestBodies",
    "pathItems",
    "links",
    "encoding",
)
"""What holds things by a name that somebody chose."""
TEMPLATE = re.compile(r"\{([^{}/]*)\}")
CODES = {
    "Required": "missing_field",
    "AdditionalProperties": "unknown_field",
    "UnevaluatedProperties": "unknown_field",
    "Type": "wrong_type",
    "Enum": "bad_value",
    "Constant": "bad_value",
    "Pattern": "bad_value",
}


def openapi(document: dict[str, Any]) -> Iterator[Reason]:
    version = document.get("openapi")
    if version is None and "swagger" not in document:
        yield Reason("missing_field", "the document does not say its version: openapi: 3.1.0, say")
        return
    found = re.fullmatch(r"(3\.[012])\.\d+(?:-\w+)?", version) if isinstance(version, str) else None
    if found is None:
        yield Reason(
            "bad_version",
            f"{version or document.get('swagger')!r} is not the version of OpenAPI 3: 3.0.x, 3.1.x or 3.2.x, as text",
        )
        return
    own = [*_paths(document), *_references(document), *_security(document)]
    yield from own
    errors = list(islice((e for e in _official(found[1]).iter_errors(document) if not _browsers_take(e)), MOST_REASONS))
    if not own:  # what was said above in words is not said again in the schema's
        yield from map(_said, errors)
    if found[1] != "3.0" and not errors:
        yield from _schemas(document)


@cache
def _official(version: str) -> "Validator":
    from jsonschema_rs import RegexOptions, validator_for

    from aj.exact_json import loads

    return validator_for(loads((FOLDER / f"openapi-{version}.json").read_bytes()), pattern_options=RegexOptions(), offline=True)


def _said(error: "ValidationError") -> Reason:
    error = _deepest(error, 0)
    place = "/".join(str(p) for p in error.instance_path)
    return Reason(CODES.get(type(error.kind).__name__, "invalid_field"), f"at {place or 'the top'}: {error.message}"[:300])


def _browsers_take(error: "ValidationError") -> bool:
    """Whether it is only a pattern with a bare brace, which ECMA-262 allows for the web (annex B)."""
    error = _deepest(error, 0)
    if getattr(error.kind, "format", None) != "regex" or not isinstance(error.instance, str):
        return False
    try:
        re.compile(error.instance)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def _deepest(error: "ValidationError", steps: int) -> "ValidationError":
    """Of the branches that did not fit the one that came furthest: the author meant that one."""
    branches = [e for branch in getattr(error.kind, "context", ()) for e in branch]
    if not branches or steps > 20:
        return error
    meant = [e for e in branches if "$ref" not in e.message]
    return _deepest(max(meant or branches, key=lambda e: len(e.instance_path)), steps + 1)


def _paths(document: dict[str, Any]) -> Iterator[Reason]:
    operations, shapes, ids = 0, dict[str, str](), set[str]()
    for path, item in as_map(document.get("paths")).items():
        shape = TEMPLATE.sub("{}", path)
        if path.startswith("/") and shape in shapes:
            yield Reason("duplicate_path", f"{path} and {shapes[shape]} are the same path")
        shapes[shape] = path
        for method, operation in as_map(_resolved(document, item)).items():
            if method not in METHODS or not isinstance(operation, dict):
                continue
            operations += 1
            yield from _path_parameters(document, path, method, item, operation)
            name = operation.get("operationId")
            if isinstance(name, str) and name in ids:
                yield Reason("duplicate_operation_id", f"the operationId {name!r} stands twice")
            ids.add(str(name))
    if not operations and not as_map(document.get("webhooks")):
        yield Reason("no_operations", "the document has no operation that could be called")


def _path_parameters(document: dict[str, Any], path: str, method: str, item: Any, operation: dict[str, Any]) -> Iterator[Reason]:
    declared: dict[str, Any] = {}
    for given in [*as_list(as_map(item).get("parameters")), *as_list(operation.get("parameters"))]:
        parameter = _resolved(document, given)
        if not isinstance(parameter, dict) or "$ref" in parameter:
            return  # in another file, or wrong in a way that is said elsewhere
        if parameter.get("in") == "path":
            declared[str(parameter.get("name"))] = parameter
    names = set(TEMPLATE.findall(path))
    for name in sorted(names - declared.keys()):
        yield Reason("path_parameter_missing", f"{method.upper()} {path} does not declare its parameter {name!r}")
    for name in sorted(declared.keys() - names):
        yield Reason("path_parameter_unused", f"{method.upper()} {path} declares {name!r}, which is not in the path")
    for name, parameter in declared.items():
        if name in names and parameter.get("required") is not True:
            yield Reason("path_parameter_not_required", f"{method.upper()} {path}: {name!r} must say required: true")


def _references(document: dict[str, Any]) -> Iterator[Reason]:
    todo: list[tuple[Any, bool]] = [(document, False)]
    while todo:
        value, names = todo.pop()  # names: the keys are names somebody chose, not words of OpenAPI
        if isinstance(value, list):
            todo.extend((item, False) for item in value)
        elif isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str) and not names and reference.startswith("#/") and _target(document, reference) is None:
                yield Reason("unresolved_ref", f"{reference!r} leads nowhere"[:200])
            for key, item in value.items():
                if names or key not in ("example", "examples", "default", "enum", "const", "x-examples"):
                    todo.append((item, not names and key in ("properties", "schemas", "responses", "parameters")))


def _security(document: dict[str, Any]) -> Iterator[Reason]:
    known = as_map(as_map(document.get("components")).get("securitySchemes"))
    operations = [op for item in as_map(document.get("paths")).values() for m, op in as_map(item).items() if m in METHODS]
    for place in (document, *operations):
        for requirement in as_list(as_map(place).get("security")):
            for name in as_map(requirement):
                if name not in known and "/" not in name:  # 3.2 also takes an address
                    yield Reason("unknown_security_scheme", f"the security scheme {name!r} is not in components.securitySchemes")
                    return


def _schemas(document: dict[str, Any]) -> Iterator[Reason]:
    """From 3.1 on a schema is JSON Schema; the official document schema leaves it out."""
    from jsonschema_rs import meta

    for place, schema in _found_schemas(document):
        if not isinstance(schema, dict | bool):
            yield Reason("bad_schema", f"{place} is a {type(schema).__name__}, not a schema"[:300])
        elif isinstance(schema, dict) and "$schema" not in schema and "jsonSchemaDialect" not in document:
            try:
                if not meta.is_valid(schema):
                    yield Reason("bad_schema", f"{place} is not a JSON Schema"[:300])
                    continue
            except ValueError as error:
                yield Reason("bad_schema", f"{place}: {error}"[:300])
                continue
            for key, meant in misspelt(schema):
                yield Reason("misspelt_keyword", f"{place}: {key!r} is no keyword; did you mean {meant!r}?"[:300])


def _found_schemas(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every schema that is not in another one, and where it stands: of components, parameters, headers and contents."""
    todo: list[tuple[str, Any, bool]] = [("", document, False)]
    while todo:
        place, value, named = todo.pop()
        for key, item in as_map(value).items() if isinstance(value, dict) else enumerate(as_list(value)):
            here = f"{place}.{key}".lstrip(".")
            if named or isinstance(key, int):
                todo.append((here, item, False))
            elif key in ("schema", "itemSchema"):
                yield here, item
            elif key == "schemas":
                yield from ((f"{here}.{name}", schema) for name, schema in as_map(item).items())
            elif key not in ("example", "examples", "value", "default") and not key.startswith("x-"):
                todo.append((here, item, key in NAMED and isinstance(item, dict)))


def _resolved(document: dict[str, Any], value: Any) -> Any:
    for _ in range(10):
        reference = value.get("$ref") if isinstance(value, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        value = _target(document, reference)
    return value


def _target(document: Any, reference: str) -> Any:
    """What a reference leads to, None where it leads nowhere."""
    try:
        return pointed(document, reference)
    except NoTarget:
        return None
