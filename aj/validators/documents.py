"""A JSON or YAML document as JSON values, read in bounded time.

YAML is read by its 1.2 core schema (``no`` and ``2024-01-01`` are texts), with libyaml; anchors may be used, but what they multiply
to is counted. One fence around the whole text is taken off.

What is not covered: several YAML documents in one text, tags, comments.
"""

import re
from functools import cache
from typing import Any

DEEPEST = 64
MOST_NODES = 20_000
FENCE = re.compile(r"```[\w+-]*[ \t]*\n(.*?)\n?```", re.DOTALL)


class BadDocument(Exception):
    """A text that is no document; ``code`` is the reason's code."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def read_document(text: str) -> Any:
    """The value of a document. Raises BadDocument: bad_json, bad_yaml, duplicate_key, too_deep, too_large."""
    text = text.strip().removeprefix("\ufeff")
    fence = FENCE.fullmatch(text)
    text = fence[1].strip() if fence else text
    value = _json(text) if text.startswith(("{", "[")) else _yaml(text)
    _bounded(value)
    return value


def _json(text: str) -> Any:
    import json

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(items)
        if len(value) < len(items):
            raise BadDocument("duplicate_key", "a key stands twice in one object")
        return value

    def constant(name: str) -> Any:
        raise BadDocument("bad_json", f"{name} is not JSON")

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except RecursionError:
        raise BadDocument("too_deep", f"nested more than {DEEPEST} levels deep") from None
    except ValueError as error:
        if re.match(r"[{\[][^\"]{0,200}?\w+\s*:", text):  # YAML's flow style starts like this too
            return _yaml(text)
        raise BadDocument("bad_json", str(error)) from None


def _yaml(text: str) -> Any:
    import yaml  # type: ignore[import-untyped]

    loader = _loader()
    try:
        depth = 0
        for event in yaml.parse(text, Loader=loader):  # events do not recurse
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise BadDocument("too_deep", f"nested more than {DEEPEST} levels deep")
        return yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        raise BadDocument("bad_yaml", " ".join(str(error).split())[:200]) from None
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BadDocument("bad_yaml", f"a value that cannot be read: {error}"[:200]) from None


@cache
def _loader() -> Any:
    import yaml

    class Core(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """PyYAML's safe loader with the resolver of YAML 1.2, where a key may stand once."""

    core = {
        "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
        "int": (r"[-+]?[0-9]{1,300}", "-+0123456789"),
        "float": (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?", "-+.0123456789"),
        "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        "merge": (r"<<", "<"),
    }
    Core.yaml_implicit_resolvers = {}
    for name, (pattern, first) in core.items():
        Core.add_implicit_resolver(f"tag:yaml.org,2002:{name}", re.compile(f"^(?:{pattern})$"), list(first))
    Core.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(loader.construct_scalar(node)))
    Core.add_constructor("tag:yaml.org,2002:float", lambda loader, node: float(loader.construct_scalar(node)))

    def mapping(loader: Any, node: Any) -> dict[str, Any]:
        names = [key.value for key, _ in node.value if isinstance(key.value, str) and key.value != "<<"]
        if len(set(names)) < len(names):
            raise BadDocument("duplicate_key", f"{next(n for n in names if names.count(n) > 1)!r} stands twice in one mapping")
        if any(key.value == "<<" and isinstance(value, yaml.SequenceNode) for key, value in node.value):
            raise BadDocument("bad_yaml", "<< with a list is not read: lists of merges can multiply")
        loader.flatten_mapping(node)
        return {str(k): v for k, v in loader.construct_mapping(node, deep=True).items()}

    Core.add_constructor("tag:yaml.org,2002:map", mapping)
    return Core


def _bounded(value: Any) -> None:
    """Counts what is there, aliases as often as they are used; an anchor in itself is too deep."""
    level, count = [value], 0
    for _ in range(DEEPEST + 1):
        count += len(level)
        if count > MOST_NODES:
            raise BadDocument("too_large", f"the document has more than {MOST_NODES} values")
        level = [
            v for item in level if isinstance(item, dict | list) for v in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise BadDocument("too_deep", f"nested more than {DEEPEST} levels deep")
