"""JSON in a text, strictly: no key twice, no NaN, not too deep.

What is not covered: JSON's relatives (JSON5, comments).
"""

import json
from typing import Any

from aj.validators.calls.errors import Unreadable
from aj.validators.calls.python_calls import DEEPEST
from aj.validators.json_values import depth_of


def decode(text: str, at: int) -> tuple[Any, int]:
    """The value that begins there and where it ends. Raises Unreadable: bad_json, duplicate_key, too_deep."""
    try:
        value, end = DECODER.raw_decode(text, at)
    except RecursionError:
        raise Unreadable("too_deep", f"nested more than {DEEPEST} levels deep") from None
    except ValueError as error:  # also an integer of thousands of digits
        raise Unreadable("bad_json", f"not JSON: {error}") from None
    if depth_of(value, DEEPEST) > DEEPEST:
        raise Unreadable("too_deep", f"nested more than {DEEPEST} levels deep")
    return value, end


def decode_all(text: str) -> Any:
    """The one value of a text. Raises Unreadable."""
    text = text.strip()
    value, end = decode(text, 0)
    if text[end:]:
        raise Unreadable("bad_json", f"text after the arguments: {text[end : end + 60]!r}")
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise Unreadable("duplicate_key", f"an object says {next(n for n in names if names.count(n) > 1)!r} twice")
    return value


def _no_constant(name: str) -> Any:
    raise Unreadable("bad_json", f"{name} is not JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=_no_constant)
