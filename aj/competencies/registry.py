"""data/competencies.yaml and the code behind its names: a name without code is an error that says it."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from aj.competencies.draw import Tasks
from aj.errors import ParamsError
from aj.params import read_yaml
from aj.validators import names as validators

FILE = Path(__file__).parents[2] / "data" / "competencies.yaml"
WHERE = {
    "lakehouse_fundamentals": "lakehouse",
    "unity_catalog_governance": "governance",
    "asset_bundles_ci_cd": "bundles",
    "lakeflow_pipelines": "pipelines",
    "lakeflow_connect": "connect",
    "lakeflow_jobs": "jobs",
    "databricks_apps": "apps",
    "ai_agents": "agents",
    "mcp_openapi_server": "mcp",
    "security_privacy": "privacy",
    "streaming": "streaming",
}


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Competency:
    """One thing that the agent must be able to do."""

    name: str
    description: str
    domain: str
    tasks: list[str]
    patterns: list[str]
    """Shapes of answers; each belongs to one of the tasks."""
    validators: list[str]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Catalogue:
    """The whole file."""

    held_out_wordings: Annotated[float, Field(ge=0, lt=1)]
    """Share of each pattern's wordings that only evaluation sees; at least one is."""
    persona: str
    """Opens every task in which the agent has its tools, as the system message."""
    competencies: list[Competency]
    words: dict[str, list[str]]
    """Lists that the tasks draw their names from."""


def read(path: Path = FILE) -> Catalogue:
    """Read the file and hold every name against the code. Raises ParamsError with the first name that has none."""
    try:
        catalogue: Catalogue = TypeAdapter(Catalogue).validate_json(json.dumps(read_yaml(path), default=str))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ParamsError(f"{path}: {field} is {str(first['input'])[:80]!r}: {first['msg'].lower()}.") from None
    for competency in catalogue.competencies:
        _check(path, competency)
    return catalogue


@cache
def tasks_of(competency: str) -> Tasks:
    """Task -> pattern -> how it is drawn. Raises ParamsError for a competency without code."""
    if competency not in WHERE:
        raise ParamsError(
            f"competency {competency!r} has no code: write aj/competencies/patterns/…, or use one of {', '.join(WHERE)}."
        )
    tasks: Tasks = import_module(f"aj.competencies.patterns.{WHERE[competency]}").TASKS
    return tasks


def patterns_of(competency: Competency) -> dict[str, list[str]]:
    """Task -> those of its patterns that the competency names."""
    return {task: [p for p in tasks_of(competency.name)[task] if p in competency.patterns] for task in competency.tasks}


def _check(path: Path, competency: Competency) -> None:
    known = tasks_of(competency.name)
    _named(path, competency, "task", competency.tasks, known)
    patterns = {p: task for task in competency.tasks for p in known[task]}
    _named(path, competency, "pattern", competency.patterns, patterns)
    _named(path, competency, "validator", competency.validators, validators.WHERE)
    if idle := [task for task, patterns in patterns_of(competency).items() if not patterns]:
        raise ParamsError(
            f"{path}: task {idle[0]!r} of {competency.name} has no pattern: name one of {', '.join(known[idle[0]])}."
        )


def _named(path: Path, competency: Competency, what: str, names: list[str], known: Mapping[str, object]) -> None:
    if strangers := [name for name in names if name not in known]:
        raise ParamsError(
            f"{path}: {what} {strangers[0]!r} of {competency.name} has no code: write it, or name one of {', '.join(known)}."
        )
