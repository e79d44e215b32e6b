"""Source cards: what a source is, where it comes from, under which licence.

``data/sources/NAME/source.yaml`` stands beside the files that the source brings along, so that one source's change
reruns that source alone.
"""

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from aj.errors import ParamsError
from aj.params import Count, Share, read_yaml

CARDS = Path("data/sources")
STRICT = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Card:
    """What every source says of itself."""

    id: str
    """A hub repository, or the name of what is made or shipped here."""
    revision: str
    licence: str
    """SPDX identifier, or the licence page's address."""
    description: str


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Files(Card):
    """JSONL or Parquet files beside the card."""

    kind: Literal["files"]
    paths: list[str]
    """Glob patterns relative to the card's folder."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Hub(Card):
    """A Hugging Face dataset by id and revision."""

    kind: Literal["hub"]
    split: str
    name: str | None = None
    """Configuration of the dataset, where it has several."""
    columns: dict[str, str]
    """``{messages: COLUMN}``, or ``{question: COLUMN, answer: COLUMN}`` for single-turn data."""
    limit: Count | None = None


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Teaching:
    """Manner of the teacher, as probabilities (aj/sqlenv/teacher.py)."""

    hasty: Share
    gives_up: Share
    samples: Share


@dataclass(frozen=True, config=STRICT, kw_only=True)
class SqlEnv(Card):
    """The generated SQLEnv family: demonstrations, preference pairs and questions."""

    kind: Literal["sqlenv"]
    demonstrations: Count
    held_out_demonstrations: Count
    pairs: Count
    held_out_pairs: Count
    questions: dict[str, Count]
    """Questions a split: train, seen_schemas, unseen_schemas, unseen_phrasing, unseen_templates."""
    questions_per_database: Count
    teacher: Teaching


AnyCard = Annotated[Files | Hub | SqlEnv, Field(discriminator="kind")]


def read(name: str) -> Files | Hub | SqlEnv:
    """Read and check a card; ParamsError names the folder, the field and the value seen."""
    path = CARDS / name / "source.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.parent.name for p in CARDS.glob("*/source.yaml"))) or "none"
        raise ParamsError(f"source {name!r} has no card at {path}: write one, or use one of {known}.")
    try:
        card: Files | Hub | SqlEnv = TypeAdapter(AnyCard).validate_json(json.dumps(read_yaml(path), default=str))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "kind"
        raise ParamsError(f"{path}: {field} is {first['input']!r}: {first['msg'].lower()}.") from None
    return card
