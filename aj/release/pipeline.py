"""The stages of a tree: what dvc.yaml declares and what dvc.lock says was run, without importing DVC (which takes a second).

Understands what this project's dvc.yaml uses: ``foreach`` over a mapping, a list or ``${a parameter section}``, ``matrix``,
``${item…}`` and ``${key}``, parameters of YAML and TOML files. What is not covered: ``vars``, ``wdir`` and several dvc.yaml files.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aj.release.errors import ReleaseError

TEMPLATE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Declared:
    """A stage as dvc.yaml has it, its items resolved."""

    cmd: str
    deps: tuple[str, ...]
    params: Mapping[str, tuple[str, ...]]
    """File -> its dotted keys; no keys: the whole file."""
    outs: tuple[str, ...]


@dataclass(frozen=True)
class Locked:
    """A stage as dvc.lock has it: what its last run read and made."""

    cmd: str
    deps: Mapping[str, str]
    """Path -> hash, as DVC writes it (``….dir`` for a folder)."""
    params: Mapping[str, Mapping[str, Any]]
    """File -> dotted key -> value."""
    outs: Mapping[str, str]


def overlap(a: str, b: str) -> bool:
    """Whether two paths are one, or one lies in the other."""
    return a == b or a.startswith(f"{b}/") or b.startswith(f"{a}/")


def locked(lock: Any) -> dict[str, Locked]:
    """Address (``sft``, ``quantize@q8``) -> the stage of a parsed dvc.lock."""
    stages = lock.get("stages") if isinstance(lock, dict) else None
    if not isinstance(stages, dict):
        raise ReleaseError("dvc.lock has no stages: run `dvc repro`, then commit it.")
    return {
        address: Locked(
            _command(entry.get("cmd", "")),
            {d["path"]: _hash(d) for d in entry.get("deps", [])},
            entry.get("params", {}),
            {o["path"]: _hash(o) for o in entry.get("outs", [])},
        )
        for address, entry in stages.items()
    }


def declared(dvc_yaml: Any, params: Mapping[str, Any]) -> dict[str, Declared]:
    """Address -> the stage of a parsed dvc.yaml; ``params`` are the values of params.yaml that templates may name."""
    found: dict[str, Declared] = {}
    for name, entry in (dvc_yaml.get("stages") or {}).items():
        for item, context in _items(name, entry, params):
            found[f"{name}@{item}" if item else name] = _declared(entry.get("do", entry), {**params, **context})
    return found


def _items(name: str, entry: Mapping[str, Any], params: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "matrix" in entry:
        axes = {axis: _value(values, params) for axis, values in entry["matrix"].items()}
        for combination in itertools.product(*axes.values()):
            item = "-".join(str(value) for value in combination)
            yield item, {"item": dict(zip(axes, combination, strict=True)), "key": item}
    elif "foreach" in entry:
        over = _value(entry["foreach"], params)
        if not isinstance(over, dict | list):
            raise ReleaseError(
                f"stage {name!r} of dvc.yaml is for each of {entry['foreach']!r}, which is no mapping and no list."
            )
        for key, value in over.items() if isinstance(over, dict) else ((str(v), v) for v in over):
            yield str(key), {"key": key, "item": value}
    else:
        yield "", {}


def _declared(entry: Mapping[str, Any], context: Mapping[str, Any]) -> Declared:
    params: dict[str, tuple[str, ...]] = {}
    for given in entry.get("params", []):
        for file, keys in given.items() if isinstance(given, dict) else [("params.yaml", [given])]:
            params[file] = (*params.get(file, ()), *(_text(k, context) for k in keys or []))
    outs = [o for kind in ("outs", "metrics", "plots") for o in entry.get(kind, [])]
    return Declared(
        _text(_command(entry["cmd"]), context),
        tuple(_text(d, context) for d in entry.get("deps", [])),
        params,
        tuple(_text(next(iter(o)) if isinstance(o, dict) else o, context) for o in outs),
    )


def _text(text: str, context: Mapping[str, Any]) -> str:
    return TEMPLATE.sub(lambda found: str(_value(found[0], context)), text)


def _value(value: Any, context: Any) -> Any:
    whole = TEMPLATE.fullmatch(value) if isinstance(value, str) else None
    if not whole:
        return value
    try:
        return at(context, whole[1].strip())
    except KeyError:
        raise ReleaseError(f"{value} in dvc.yaml names nothing that params.yaml has: mend one of them.") from None


def at(values: Any, key: str) -> Any:
    """The value of a dotted key. Raises KeyError."""
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            raise KeyError(key)
        values = values[part]
    return values


def upstream(ends: Iterable[str], feeders: Mapping[str, Iterable[str]]) -> set[str]:
    """Stages from which any of ``ends`` can be reached, themselves included; ``feeders``: address -> stages that make what it reads."""
    found: set[str] = set()
    todo = list(ends)
    while todo:
        stage = todo.pop()
        if stage not in found:
            found.add(stage)
            todo += feeders.get(stage, ())
    return found


def _command(cmd: str | list[str]) -> str:
    return cmd if isinstance(cmd, str) else "\n".join(cmd)


def _hash(entry: Mapping[str, Any]) -> str:
    return str(entry.get(entry.get("hash", "md5")) or entry.get("md5") or entry.get("etag") or entry.get("checksum") or "")
