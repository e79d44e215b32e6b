"""params.yaml, read and checked: every problem before any work starts (the types: sections.py, what holds between them: cross_checks.py).

YAML 1.2 (``1e-4`` is a number, ``1.10`` must be quoted to stay text). An unknown key is an error that names
the nearest known one; a wrong type is an error that names the key and the value seen. All problems of a file
are reported together, one sentence each.
"""

import dataclasses
import difflib
import hashlib
import json
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from aj.cross_checks import cross_checks
from aj.errors import ParamsError
from aj.sections import Params


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check a parameter file.

    Raises ParamsError listing every problem found, one sentence each.
    """
    tree = read_yaml(path)
    if not isinstance(tree, dict):
        raise ParamsError(f"{path} holds no mapping of keys: start from one with `aj use tiny`.")
    problems = list(_unknown_keys(Params, tree))
    try:
        # Through JSON: pydantic's strict mode takes a mapping for a dataclass only there.
        params = TypeAdapter(Params).validate_json(json.dumps(tree, default=str))
        problems += cross_checks(params)
    except ValidationError as error:
        # Beside an unknown key, a missing one is most often the same mistake seen from the other side.
        problems += [_sentence(e) for e in error.errors() if not problems or e["type"] != "missing"]
    if problems:
        raise ParamsError("\n".join(f"{path}: {problem}" for problem in problems))
    return params


def read_yaml(path: Path) -> Any:
    """Plain Python values of a YAML 1.2 file: the one loader of the project; ParamsError when it cannot be read."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(path)
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist: create it, or write params.yaml with `aj use tiny`.") from None
    except YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}; mend that line.") from None


def derive(seed: int, purpose: str) -> int:
    """A 31-bit seed of its own for each purpose, so that two uses of chance never share a stream."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{purpose}".encode()).digest()[:4], "big") >> 1


def as_dict(section: Any) -> Any:
    """A section as plain nested dicts (for manifests and reports)."""
    return dataclasses.asdict(section) if dataclasses.is_dataclass(section) else section  # type: ignore[arg-type]


def _unknown_keys(kind: Any, tree: Mapping[str, Any], at: str = "") -> Iterator[str]:
    known = typing.get_type_hints(kind)
    for key, value in tree.items():
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.4)
            hint = f"did you mean {at + near[0]!r}?" if near else f"known keys: {', '.join(known)}."
            yield f"unknown key {at + str(key)!r} (value {value!r}): {hint}"
            continue
        inner = known[key]
        options = [o for o in (inner, *typing.get_args(inner)) if dataclasses.is_dataclass(o)]
        if typing.get_origin(inner) is dict and isinstance(value, dict):
            for name, entry in value.items():
                if isinstance(entry, dict):
                    yield from _unknown_keys(options[0], entry, f"{at}{key}.{name}.")
        elif options and isinstance(value, dict):
            yield from _unknown_keys(options[0], value, f"{at}{key}.")


def _sentence(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"{key} is missing: add it (see profiles/tiny.yaml for a complete file)."
    want = error["msg"].removeprefix("Input should be ")
    return f"{key} is {error['input']!r}: it must be {want}."
