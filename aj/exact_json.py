"""JSON at orjson's speed with the json module's answers.

orjson alone would change data in silence: it reads integers beyond 64 bits as floats, spells floats its own way
(1e16 for 1e+16), writes NaN as null and dates as text; and it refuses half a surrogate pair and 1e999, which the json
module reads. So orjson works where both agree, and the json module everywhere else.

What is not covered: values that contain themselves; the depth at which the json module gives up (about 1,000 levels, less
where the call stack is deep already), which is 1,024 here.
"""

import json
from typing import Any

import orjson

from aj.hashing import canonical

DIGITS = bytes(ord("0") if byte in b"0123456789" else ord(" ") for byte in range(256))
"""Every digit becomes a 0, every other byte a space."""
LONG = b"0" * 19
"""An integer beyond 64 bits has at least so many digits."""
AGREED = {str, int, bool, type(None)}
"""Types of single values that both modules write alike."""


def loads(text: bytes | str) -> Any:
    """The value of a JSON text, bytes being UTF-8.

    Raises ValueError where it is not JSON (NaN and Infinity are not, neither is an integer of more than 4,300 digits),
    UnicodeDecodeError where the bytes are not UTF-8, RecursionError where it is nested too deeply.
    """
    try:
        data = text.encode() if isinstance(text, str) else text
        if not _long_number(data):
            return orjson.loads(data)
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        pass  # the json module decides, and says why
    return json.loads(text if isinstance(text, str) else text.decode(), parse_constant=_no_constant)


def dumps(value: Any, *, agreed: bool = False) -> bytes:
    """``canonical(value).encode()`` (aj/hashing.py), byte for byte. ``agreed``: the caller knows that every single value is a text.

    Raises ValueError or TypeError where it has no canonical form (NaN, half a surrogate pair, a date), RecursionError where it
    is nested too deeply.
    """
    if agreed or _agreed(value):
        try:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        except TypeError:  # an integer beyond 64 bits, a key that is no text, half a surrogate pair, more than 254 levels
            pass
    return canonical(value).encode()


def _long_number(data: bytes) -> bool:
    # 19 digits in a row hold 3 of every sixth byte in a row: most texts need no more than that look (a regex takes 40 times as long).
    return b"000" in data[::6].translate(DIGITS) and LONG in data.translate(DIGITS)


def _agreed(value: Any) -> bool:
    todo = [value]
    for item in todo:  # grows while it is walked: no recursion, which would cost a call a value
        kind = type(item)
        if kind in AGREED:
            continue
        if kind is dict:
            todo.extend(item.values())
        elif kind is list or kind is tuple:
            todo.extend(item)
        else:
            return False
    return True


def _no_constant(name: str) -> Any:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)
