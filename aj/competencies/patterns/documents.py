"""Tasks whose answer is one document: a value, written as block YAML or as JSON, and changed in one place for a near miss.

The gold of a task and the context of ``answers_task`` are the same value. A path is the keys and places that lead to a part.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import reduce
from typing import Any

from aj.competencies.draw import Made, wrong
from aj.competencies.task import Rejected

Path = tuple[str | int, ...]
Value = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """One kind of document: how it is written, and the validator that reads it."""

    write: Callable[[Mapping[str, Any]], str]
    validator: str

    def made(self, slots: Mapping[str, Any], gold: Value, *rejected: Rejected) -> Made:
        """A task whose right answer is ``gold``, however its keys are ordered."""
        return Made(slots, self.write(gold), {self.validator: {}, "answers_task": {"document": gold}}, rejected)

    def invalid(self, family: str, value: Value, code: str | None = None) -> Rejected:
        """What the validator refuses, with the family's name as its reason unless a code is given."""
        return wrong(family, self.write(value), self.validator, code or family)

    def other(self, family: str, value: Value, code: str = "different_value") -> Rejected:
        """Valid, but not what was asked."""
        return wrong(family, self.write(value), "answers_task", code)


def as_yaml(value: Mapping[str, Any]) -> str:
    """Block YAML without the last newline; text is quoted only where it would be read as something else."""
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(value, Dumper=dumper, sort_keys=False, width=1000)).rstrip("\n")


def as_json(value: Mapping[str, Any]) -> str:
    """JSON on one line, without blanks."""
    return json.dumps(value, separators=(",", ":"))


def changed(value: Mapping[str, Any], path: Path, new: Any) -> dict[str, Any]:
    """A copy with ``new`` at a path: instead of what is there, or added as the last key."""
    copy = deepcopy(dict(value))
    _at(copy, path[:-1])[path[-1]] = new
    return copy


def without(value: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A copy that lacks what is at a path."""
    copy = deepcopy(dict(value))
    del _at(copy, path[:-1])[path[-1]]
    return copy


def renamed(value: Mapping[str, Any], path: Path, name: str) -> dict[str, Any]:
    """A copy in which the key at the end of a path has another name and keeps its place."""
    copy = deepcopy(dict(value))
    owner = _at(copy, path[:-1])
    items = [(name if key == path[-1] else key, item) for key, item in owner.items()]
    owner.clear()
    owner.update(items)
    return copy


def _at(value: Any, path: Path) -> Any:
    return reduce(lambda part, step: part[step], path, value)
