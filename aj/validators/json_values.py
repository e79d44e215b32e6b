"""Values of JSON that somebody else wrote: parts that may be of the wrong type, pointers into them, how deep they nest.

What is not covered: ``$anchor`` and references to other documents.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote


class NoTarget(LookupError):
    """A pointer that leads nowhere."""


def as_map(value: Any) -> dict[str, Any]:
    """The mapping, an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The list, an empty one where it is none."""
    return value if isinstance(value, list) else []


def pointed(document: Any, reference: str) -> Any:
    """What ``#/a/b`` leads to in a document (RFC 6901). Raises NoTarget."""
    for part in unquote(reference.removeprefix("#")).split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and part.isascii() and part.isdigit() and int(part[:6]) < len(document):
            document = document[int(part[:6])]
        elif isinstance(document, dict) and part in document:
            document = document[part]
        else:
            raise NoTarget(reference)
    return document


def inner(values: Iterable[Any]) -> list[Any]:
    """What the lists and mappings among these values hold."""
    return [
        value
        for outer in values
        if isinstance(outer, dict | list)
        for value in (outer.values() if isinstance(outer, dict) else outer)
    ]


def depth_of(value: Any, most: int) -> int:
    """Levels of lists and mappings in a value, counted up to ``most + 1``."""
    level, depth = [value], 0
    while level and depth <= most:
        level, depth = inner(level), depth + 1
    return depth
