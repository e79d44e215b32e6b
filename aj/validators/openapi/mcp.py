"""MCP tools: ``{name, description, inputSchema}``, its schema a valid JSON Schema of an object.

What is not covered: examples against their schemas, icons and titles.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from aj.validators.calls.cost import bounded
from aj.validators.calls.errors import BadSchema
from aj.validators.openapi.keywords import misspelt
from aj.validators.score import Reason

if TYPE_CHECKING:
    pass

NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")


def mcp(tools: list[Any]) -> Iterator[Reason]:
    seen = set[str]()
    for tool in tools:
        if not isinstance(tool, dict):
            yield Reason("not_a_registration", f"a {type(tool).__name__} where a tool should stand")
            continue
        name, description = tool.get("name"), tool.get("description")
        if not isinstance(name, str) or not name:
            yield Reason("missing_name", "the tool has no name")
        elif not NAME.fullmatch(name):
            yield Reason("bad_name", f"{name[:60]!r}: a name has 1 to 128 letters, digits and _ - . /")
        elif name in seen:
            yield Reason("duplicate_tool", f"{name!r} stands twice")
        seen.add(str(name))
        if not isinstance(description, str) or not description.strip():
            yield Reason("missing_description", f"{name}: a model cannot choose a tool without a description")
        if "inputSchema" not in tool:
            near = next((k for k in ("input_schema", "parameters", "inputschema") if k in tool), None)
            yield Reason("missing_input_schema", f"{name}: MCP calls it inputSchema" + (f", not {near}" if near else ""))
        for key in ("inputSchema", "outputSchema"):
            if key in tool:
                yield from _tool_schema(f"{name}.{key}", tool[key])
        notes = tool.get("annotations", {})
        if not isinstance(notes, dict) or any(not isinstance(notes[h], bool) for h in HINTS if h in notes):
            yield Reason("bad_annotations", f"{name}: annotations are an object, its hints true or false")


def _tool_schema(place: str, schema: Any) -> Iterator[Reason]:
    from jsonschema_rs import FancyRegexOptions, ReferencingError, ValidationError, validator_for

    if not isinstance(schema, dict) or schema.get("type") != "object":
        yield Reason("input_schema_not_object", f"{place} must be a schema of the type object")
        return
    try:
        bounded(schema)
        validator_for(schema, pattern_options=FancyRegexOptions(size_limit=1 << 20, dfa_size_limit=1 << 20), offline=True)
    except BadSchema as error:
        yield Reason("unresolved_ref" if "nowhere" in str(error) else error.code, f"{place}: {error}")
        return
    except (ValidationError, ReferencingError, ValueError) as error:
        message = error.message if isinstance(error, ValidationError) else str(error)
        code = (
            "unresolved_ref"
            if "pointer" in message.lower() or "retriev" in message.lower() or "resource" in message.lower()
            else "bad_schema"
        )
        yield Reason(code, f"{place}: {message}"[:300])
        return
    for key, meant in misspelt(schema):
        yield Reason("misspelt_keyword", f"{place}: {key!r} is no keyword; did you mean {meant!r}?"[:300])
    todo: list[Any] = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, list):
            todo.extend(node)
        elif isinstance(node, dict):
            closed = not node.keys() & {"allOf", "anyOf", "oneOf", "$ref", "patternProperties", "if"}
            properties = node.get("properties")
            if closed and isinstance(properties, dict) and isinstance(node.get("required"), list):
                for name in node["required"]:
                    if name not in properties and "additionalProperties" not in node:
                        yield Reason("required_not_declared", f"{place} requires {name!r}, which it does not describe")
            todo.extend(v for k, v in node.items() if k not in ("default", "const", "enum", "examples", "required"))
