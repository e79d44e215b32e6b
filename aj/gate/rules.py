"""data/gate.yaml, typed: what is compared, with which direction, largest drop and smallest n.

The rules stand in a file of their own and not in params.yaml: they decide no weights, and a key that is added there is read by
no stage, yet it changes the file that every profile is a copy of.
"""

import dataclasses
import difflib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from aj.errors import ParamsError
from aj.gate.metrics import MEASURED, is_paired
from aj.params import read_yaml
from aj.sections import Count, Index, Share

RULES = Path("data/gate.yaml")
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
Level = Annotated[float, Field(gt=0, lt=0.5)]
Direction = Literal["higher", "lower"]
Form = Literal["base", "sft", "dpo", "grpo", "merged", "q8", "q4km"]
SIGN = {"higher": 1, "lower": -1}


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Replayed:
    """A paired comparison of the form that is promoted with the one in production."""

    metric: str
    direction: Direction
    """What is better."""
    largest_drop: Share
    """In the metric's own unit; a larger one fails, unless chance explains it."""
    smallest_n: Count
    """Items that both sides have."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Comparison(Replayed):
    """A paired comparison of each form with another on the same items."""

    forms: list[Form] = Field(min_length=1)
    against: Literal["release", "merged"]
    """``release``: the same form at REV; ``merged``: merged of the same run, for quantized forms."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Bound:
    """A value that the promoted form must reach whatever was there before."""

    metric: str
    direction: Direction
    limit: float
    """The worst value that passes."""
    count: str = ""
    """The recorded number that says of how many items the metric is; where none is named, smallest_n is not asked of a recorded one."""
    smallest_n: Index = 0


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Limit(Bound):
    """The same, of named forms."""

    forms: list[Form] = Field(min_length=1)


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Promotion:
    """What a candidate is replayed for."""

    comparisons: list[Replayed]
    limits: list[Bound]
    diversity: Share
    """Smallest diversity as a share of the baseline's."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Rules:
    """The whole of data/gate.yaml."""

    level: Level
    """Largest probability that a comparison fails where nothing has changed, over all comparisons of one gate."""
    comparisons: list[Comparison]
    limits: list[Limit]
    promotion: Promotion


def read(path: Path = RULES) -> Rules:
    """Read and check the rules. Raises ParamsError listing every problem, one sentence each."""
    tree = read_yaml(path)
    try:
        rules = TypeAdapter(Rules).validate_json(json.dumps(tree, default=str))
        problems = list(_cross_checks(rules))
    except ValidationError as error:
        found = error.errors()
        # Beside an unknown key, a missing one is most often the same mistake seen from the other side.
        unknown = any(e["type"] == "unexpected_keyword_argument" for e in found)
        problems = [_sentence(e, tree) for e in found if not unknown or e["type"] not in ("missing", "missing_argument")]
    if problems:
        raise ParamsError("\n".join(f"{path}: {problem}" for problem in problems))
    return rules


def _sentence(error: Any, tree: Any) -> str:
    *place, last = error["loc"] or ("the file",)
    key = ".".join(map(str, (*place, last)))
    if error["type"] == "unexpected_keyword_argument":
        near = difflib.get_close_matches(str(last), _known(place), n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(_known(place))}."
        return f"unknown key {key!r} (value {error['input']!r}): {hint}"
    if error["type"] in ("missing", "missing_argument"):
        return f"{key} is missing: add it."
    return f"{key} is {error['input']!r}: {error['msg'].removeprefix('Input should be ')} is wanted."


def _known(place: list[Any]) -> list[str]:
    sections: Mapping[tuple[str, ...], type] = {
        (): Rules, ("comparisons",): Comparison, ("limits",): Limit, ("promotion",): Promotion,
        ("promotion", "comparisons"): Replayed, ("promotion", "limits"): Bound,
    }  # fmt: skip
    section = sections.get(tuple(part for part in place if isinstance(part, str)), Rules)
    return [field.name for field in dataclasses.fields(section)]


def _cross_checks(rules: Rules) -> Iterator[str]:
    for number, rule in enumerate([*rules.comparisons, *rules.promotion.comparisons]):
        if not is_paired(rule.metric):
            near = difflib.get_close_matches(rule.metric, MEASURED, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"use SPLIT.accuracy or one of {', '.join(MEASURED)}."
            yield f"comparison {number} is of {rule.metric!r}, which has no items to pair: {hint}"
    for rule in rules.comparisons:
        if rule.against == "merged" and (wrong := [f for f in rule.forms if f not in ("q8", "q4km")]):
            yield f"{rule.metric} of {wrong[0]} is compared with merged: only quantized forms (q8, q4km) are."
    for bound in [*rules.limits, *rules.promotion.limits]:
        if not math.isfinite(bound.limit):
            yield f"the limit of {bound.metric} is {bound.limit}: write a number."
        if bound.smallest_n and not bound.count and not is_paired(bound.metric):
            yield f"the limit of {bound.metric} asks for {bound.smallest_n} items: name the recorded number of them under `count`."
