"""Calls that other models write as tags or as lines: ``<function=f>``, ``<invoke name="f">``, ``Action: f``, Glaive's quoted arguments.

A value in a ``<parameter>`` is text where its schema says so, and else JSON where it is some.
What is not covered: several actions in one reply (what stands between them is not known yet); escapes of XML.
"""

import re
from collections.abc import Mapping
from typing import Any

from aj.validators.calls.decode import decode, decode_all
from aj.validators.calls.errors import Unreadable
from aj.validators.calls.python_calls import Call

OPENS = re.compile(r"""<function=([\w./:-]{1,200})>|<invoke name="([\w./:-]{1,200})">""")
PARAMETER = re.compile(r"""<parameter(?:=|\s+name=")([\w./:-]{1,200})"?>(.*?)</parameter>""", re.DOTALL)
ACTION = re.compile(r"^[ \t]*Action:[ \t]*([\w./:-]{1,200})[ \t]*\n\s*Action[ _]Input:\s*", re.MULTILINE | re.IGNORECASE)
GLAIVE = re.compile(r"""(\{\s*"name"\s*:\s*"[^"\\]{1,200}"\s*,\s*"arguments"\s*:\s*)'(.*)'\s*\}""", re.DOTALL)
TAIL = re.compile(r"\s*(?:End Action|Observation:)?\s*")


def markup_calls(text: str, schemas: Mapping[str, Any]) -> list[Call]:
    """The calls of such a reply, none where it has no such marks. Raises Unreadable."""
    if OPENS.search(text):
        return _tagged(text, schemas)
    if found := ACTION.search(text):
        arguments, end = decode(text, found.end())
        if not TAIL.fullmatch(text, end):
            raise Unreadable("text_around_call", f"text after the call: {text[end : end + 60]!r}")
        return [{"name": found[1], "arguments": arguments}]
    if found := GLAIVE.fullmatch(text):
        call = decode_all(found[1] + "null}")
        return [{**call, "arguments": decode_all(found[2].replace("\\'", "'"))}]
    return []


def _tagged(text: str, schemas: Mapping[str, Any]) -> list[Call]:
    calls: list[Call] = []
    at = 0
    while found := OPENS.search(text, at):
        closes = "</function>" if found[1] else "</invoke>"
        end = text.find(closes, found.end())
        if end < 0:
            raise Unreadable("unclosed_call", f"no {closes} after the call")
        name, body, at = found[1] or found[2], text[found.end() : end], end + len(closes)
        if body.count("<parameter") != body.count("</parameter>"):
            raise Unreadable("unclosed_call", f"a parameter of {name} is not closed")
        given = PARAMETER.findall(body)
        if given and PARAMETER.sub("", body).strip():
            raise Unreadable("bad_call", f"text between the parameters of {name}")
        if len({key for key, _ in given}) < len(given):
            raise Unreadable("duplicate_key", f"{name} has a parameter twice")
        arguments = {key: _value(value, schemas.get(name), key) for key, value in given}
        calls.append({"name": name, "arguments": arguments if given or not body.strip() else decode_all(body)})
    return calls


def _value(text: str, schema: Any, key: str) -> Any:
    text = text.removeprefix("\n").removesuffix("\n")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    wanted = properties.get(key) if isinstance(properties, Mapping) else None
    if isinstance(wanted, Mapping) and wanted.get("type") in ("string", "str"):
        return text
    try:
        return decode_all(text.lower() if text in ("True", "False") else text)
    except Unreadable:
        return text
