"""What a schema costs before it is paid: references that double at every step are counted, not followed blindly.

What is not covered: patterns, which have limits of their own (schema.py).
"""

from dataclasses import dataclass
from typing import Any

from aj.validators.calls.dialects import LISTS_HERE, ONE_HERE
from aj.validators.calls.errors import BadSchema
from aj.validators.json_values import NoTarget, as_map, pointed

MOST_VISITS = 10_000  # schema nodes that one call meets: $ref can double the work at every step
MOST_OF_A_REPLY = 20_000  # that all its calls meet together: 50 ms


@dataclass
class Steps:
    """What the calls of one reply may still cost."""

    left: int = MOST_OF_A_REPLY


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


def affordable(schema: Any, value: Any, steps: Steps) -> None:
    """Counts the pairs of schema and value that a validator meets, as it would meet them. Raises BadSchema(schema_too_costly)."""
    root, todo, last = schema, [(schema, value)], max(0, steps.left - MOST_VISITS)
    while todo:
        here, item = todo.pop()
        if steps.left <= last:
            most = f"{MOST_VISITS} steps, or all calls together more than {MOST_OF_A_REPLY}"
            raise BadSchema("schema_too_costly", f"more than {most}: its references multiply, or lead back to themselves")
        steps.left -= 1
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
