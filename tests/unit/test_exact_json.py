"""orjson and the json module: the same values, the same refusals, the same canonical bytes."""

import datetime
import json
import uuid
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aj.exact_json import dumps, loads
from aj.hashing import canonical


def by_the_json_module(text: bytes | str) -> Any:
    def refuse(name: str) -> Any:
        raise ValueError(name)

    return json.loads(text.decode() if isinstance(text, bytes) else text, parse_constant=refuse)


def outcome(function: Any, value: Any) -> str:
    """The value with its types, order and signs, or the kind of refusal."""
    try:
        return repr(function(value))
    except UnicodeDecodeError:
        return "not UTF-8"
    except (ValueError, TypeError):
        return "refused"


NUMBERS = ["0", "-0", "-0.0", "1.0", "1e5", "1E+400", "-1e999", "1e-400", "0.1", "1e16", "1.7976931348623159e308", "01", "1.", ".5", "+1", "-", "1e",
           str(2**63 - 1), str(2**63), str(2**64 - 1), str(2**64), str(-(2**63)), str(-(2**63) - 1), "9" * 19, "-" + "9" * 20, "9" * 400, "9" * 5000,
           "0." + "3" * 40, "NaN", "-Infinity", "null", "true", "tru"]  # fmt: skip
STRINGS = [r'"\ud800"', r'"\ude00\ud83d"', r'"\ud83d\ude00"', r'"\ud83dx"', r'"\u12g4"', r'"\x41"', r'"\/"', r'"\u0000"', '"\x01"', '"\t"', '"\x7f"', '"ü☕𝄞"',
           '"' + "7" * 30 + '"', '"unclosed']  # fmt: skip
PIECES = [
    *NUMBERS,
    *STRINGS,
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\x0c",
    "\ufeff",
    "\u00a0",
    '"a":',
    '{"a":1,"b":2,"a":3}',
    "//",
    "\x00",
]
JSON_TEXT = st.recursive(
    st.sampled_from([*NUMBERS, *STRINGS]),
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda values: f"[{', '.join(values)}]")
        | st.lists(st.tuples(st.sampled_from(STRINGS), inner), max_size=4).map(lambda pairs: "{" + ",".join(f"{k}: {v}" for k, v in pairs) + "}")
    ),
    max_leaves=10,
)  # fmt: skip


@settings(deadline=None, max_examples=600)
@given(JSON_TEXT | st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=20))
def test_every_text_is_read_or_refused_as_by_the_json_module(text: str) -> None:
    assert outcome(loads, text) == outcome(by_the_json_module, text)
    assert outcome(loads, text.encode()) == outcome(by_the_json_module, text)


@settings(deadline=None, max_examples=200)
@given(
    JSON_TEXT.map(str.encode),
    st.integers(0, 60),
    st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xf4\x90\x80\x80", b"\x80"]),
)
def test_bytes_that_are_no_utf8_are_told_apart_from_broken_json(text: bytes, place: int, broken: bytes) -> None:
    text = text[:place] + broken + text[place:]
    assert outcome(loads, text) == outcome(by_the_json_module, text)


@pytest.mark.parametrize("digits", range(17, 42))
@pytest.mark.parametrize("before", range(8))
def test_a_long_integer_is_exact_wherever_it_stands(digits: int, before: int) -> None:
    number = int("9876543210" * 5) % 10**digits
    text = '{"' + "x" * before + f'": [{number}, -{number}], "y": "{"z" * 11}"}}'
    assert loads(text)["x" * before] == [number, -number]
    assert all(type(n) is int for n in loads(text.encode())["x" * before])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(2**65), 2**65) | st.floats() | st.text(st.characters(), max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(st.text(st.characters(), max_size=3), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None, max_examples=600)
@given(VALUES)
@example({"\uffff": 1, "\U0001d11e": 2, "é": 3, "": 4})  # by code point, not by UTF-16 unit
@example([1e16, 1e-5, 123456789012345680.0, -0.0, 5e-324])
@example("\x00\x1f\x7f\x80\u2028\ud83d")
@example({1: "a", None: "b"})
@example({"a": (1, [2**64])})
@example(float("nan"))
@example(datetime.date(2020, 1, 1))
@example({"a": uuid.UUID(int=1)})
@example(b"bytes")
def test_the_bytes_are_those_of_the_canonical_text(value: Any) -> None:
    assert outcome(dumps, value) == outcome(lambda v: canonical(v).encode(), value)


@pytest.mark.parametrize("depth", [200, 253, 254, 255, 300, 600])
def test_deep_nesting_changes_nothing(depth: int) -> None:
    text = '{"a":[' * (depth // 2) + "1" + "]}" * (depth // 2)
    assert dumps(loads(text)).decode() == text


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 2000 + "]" * 2000])
def test_nesting_without_end_is_a_recursion_error_as_in_the_json_module(text: str) -> None:
    for read in (loads, by_the_json_module):
        with pytest.raises(RecursionError):
            read(text)
