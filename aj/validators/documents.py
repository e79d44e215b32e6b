"""YAML or JSON text to plain values, safely and fast: libyaml's events, put together here under caps.

``load`` refuses, with a code: a code fence around the text, text that does not parse, explicit tags, duplicate keys, more than one document, keys that are no
scalars, an alias inside its own anchor, nesting above ``DEEPEST`` and more than ``MOST_NODES`` values *after* aliases are expanded
(a bomb of nine lines is counted, never built twice: aliases share one object). Plain scalars are read as the Databricks CLI's YAML
library reads them (YAML 1.2: ``yes`` and ``on`` are text, ``<<`` merges).

What is not covered: comments and styles are dropped; timestamps, hexadecimal and octal numbers stay text.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aj.validators.fenced import FENCED, is_fenced
from aj.validators.json_values import inner

DEEPEST = 50  # levels; real bundles stay below 15
MOST_NODES = 8_000  # keys and values with all aliases expanded; 20,000 characters of honest YAML hold about 4,000
INT = re.compile(r"[-+]?[0-9]{1,40}$")
FLOAT = re.compile(
    r"[-+]?(\.[0-9]{1,40}|[0-9]{1,40}(\.[0-9]{0,40})?)([eE][-+]?[0-9]{1,3})?$|[-+]?\.(inf|Inf|INF)$|\.(nan|NaN|NAN)$"
)
CONSTANTS: dict[str, Any] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
}
CONSTANTS |= {"false": False, "False": False, "FALSE": False}
MERGE = object()


class YamlRefused(ValueError):
    """The text is not read. ``code`` is a reason code, ``detail`` a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass
class Document:
    """``value`` of the text; ``anchored``: ids of its values that carry an anchor; ``sections``: top-level keys with an anchor below."""

    value: Any
    anchored: set[int] = field(default_factory=set)
    sections: set[str] = field(default_factory=set)


@dataclass
class Frame:
    """A container that is being filled; ``key`` is the key that waits for its value, ``size`` its values so far."""

    value: Any
    anchor: str | None
    key: Any = None
    keyed: bool = False
    size: int = 1
    merges: list[dict[str, Any]] = field(default_factory=list)


def load(text: str) -> Document:
    """The one document of a YAML or JSON text. Raises YamlRefused."""
    if is_fenced(text):
        raise YamlRefused("code_fence", FENCED)
    if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        found = _json(text.lstrip("\ufeff"))
        if found is not None:
            return found
    import yaml  # 15 ms

    try:
        return _build(yaml.parse(text.lstrip("\ufeff"), Loader=yaml.CLoader))
    except yaml.YAMLError as error:
        raise YamlRefused("yaml_invalid", " ".join(str(error).split())[:300]) from None
    except UnicodeError:
        raise YamlRefused("yaml_invalid", "the text holds characters that are no Unicode text") from None


def scalar(text: str) -> Any:
    """A plain (unquoted) scalar's value."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if text[0] in "+-.0123456789":
        if INT.match(text):
            return int(text)
        if FLOAT.match(text):
            return float(
                text.replace(".inf", "inf")
                .replace(".Inf", "inf")
                .replace(".INF", "inf")
                .replace(".nan", "nan")
                .replace(".N", "N")
            )
    return text


def _json(text: str) -> Document | None:
    """The document where the text is JSON, else None (flow YAML may begin alike)."""
    count = 0

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal count
        count += 1
        found = dict(items)
        if len(found) < len(items):
            names = [name for name, _ in items]
            raise YamlRefused("yaml_duplicate_key", f"the key {max(names, key=names.count)!r} stands twice in one mapping")
        return found

    try:
        value = json.loads(text, object_pairs_hook=pairs)
    except RecursionError:
        raise YamlRefused("yaml_too_deep", f"nested deeper than {DEEPEST} levels") from None
    except ValueError as error:
        if isinstance(error, YamlRefused):
            raise
        return None
    _depth(value)
    return Document(value)


def _depth(value: Any) -> None:
    level, depth, total = [value], 0, 0
    while level:
        total += len(level)
        level = inner(level)
        depth += 1
        if depth > DEEPEST:
            raise YamlRefused("yaml_too_deep", f"nested deeper than {DEEPEST} levels")
        if total > MOST_NODES:
            raise YamlRefused("yaml_too_many_nodes", f"more than {MOST_NODES} values")


def _build(events: Iterable[Any]) -> Document:
    """Values from parser events, without recursion."""
    import yaml

    found = Document(None)
    known: dict[str, tuple[Any, int]] = {}  # anchor -> value and expanded size
    stack: list[Frame] = []
    documents = total = anchors = before = 0

    def put(value: Any, size: int, where: int) -> None:
        nonlocal before
        if not stack:
            found.value = value
            return
        frame = stack[-1]
        frame.size += size
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif not frame.keyed:
            _key(frame, value, where)
            before = anchors if len(stack) == 1 else before
        else:
            if frame.key is MERGE:
                _merge(frame, value, where)
            else:
                frame.value[frame.key] = value
                if len(stack) == 1 and anchors > before:
                    found.sections.add(frame.key)
            frame.keyed = False

    for event in events:
        kind = type(event)
        where = event.start_mark.line + 1
        if kind is yaml.ScalarEvent:
            if event.tag is not None:
                raise YamlRefused("yaml_tag", f"line {where}: the tag {event.tag} is not allowed")
            plain = event.style in (None, "", ":") and event.implicit[0]
            waits = bool(stack) and isinstance(stack[-1].value, dict) and not stack[-1].keyed
            value = MERGE if waits and plain and event.value == "<<" else scalar(event.value) if plain else event.value
            if event.anchor is not None:
                anchors += 1
                known[event.anchor] = (value, 1)
            total += 1
            put(value, 1, where)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if event.tag is not None:
                raise YamlRefused("yaml_tag", f"line {where}: the tag {event.tag} is not allowed")
            if len(stack) >= DEEPEST:
                raise YamlRefused("yaml_too_deep", f"line {where}: nested deeper than {DEEPEST} levels")
            if stack and isinstance(stack[-1].value, dict) and not stack[-1].keyed:
                raise YamlRefused(
                    "yaml_key_not_scalar", f"line {where}: a mapping's key is itself a mapping or a list (unquoted braces?)"
                )
            if event.anchor is not None:
                anchors += 1
                known.pop(event.anchor, None)
            stack.append(Frame({} if kind is yaml.MappingStartEvent else [], event.anchor))
            total += 1
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            frame = stack.pop()
            if frame.merges:
                frame.value = {name: value for mapping in reversed(frame.merges) for name, value in mapping.items()} | frame.value
            if frame.anchor is not None:
                known[frame.anchor] = (frame.value, frame.size)
                found.anchored.add(id(frame.value))
            put(frame.value, frame.size, where)
        elif kind is yaml.AliasEvent:
            if event.anchor not in known:
                if any(frame.anchor == event.anchor for frame in stack):
                    raise YamlRefused("yaml_cyclic_alias", f"line {where}: *{event.anchor} stands inside its own anchor")
                raise YamlRefused("yaml_invalid", f"line {where}: *{event.anchor} has no anchor before it")
            value, size = known[event.anchor]
            total += size
            put(value, size, where)
        elif kind is yaml.DocumentStartEvent:
            documents += 1
        if total > MOST_NODES:
            raise YamlRefused("yaml_too_many_nodes", f"more than {MOST_NODES} values once aliases are expanded")
        if documents > 1 and kind in (yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent):
            if kind is yaml.ScalarEvent and not stack and event.value == "":
                continue
            raise YamlRefused("yaml_several_documents", f"line {where}: a second document begins; one is read")
        if documents > 100:
            raise YamlRefused("yaml_several_documents", "more than 100 documents")
    if found.value is None:
        raise YamlRefused("yaml_empty", "the text holds no value")
    return found


def _key(frame: Frame, value: Any, where: int) -> None:
    if isinstance(value, dict | list):
        raise YamlRefused("yaml_key_not_scalar", f"line {where}: a mapping's key is itself a mapping or a list")
    if value is not MERGE:
        value = "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        if value in frame.value:
            raise YamlRefused("yaml_duplicate_key", f"line {where}: the key {value!r} stands twice in one mapping")
    elif frame.merges:
        raise YamlRefused("yaml_duplicate_key", f"line {where}: << stands twice in one mapping: one << takes a list of mappings")
    frame.key, frame.keyed = value, True


def _merge(frame: Frame, value: Any, where: int) -> None:
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, dict) for item in items):
        raise YamlRefused("yaml_invalid", f"line {where}: << takes a mapping or a list of mappings")
    frame.merges.extend(items)
