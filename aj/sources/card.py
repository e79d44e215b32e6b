"""Source cards: what a source is, where it comes from, under which licence.

``data/sources/NAME/source.yaml`` stands beside the files that the source brings along, so that one source's change
reruns that source alone.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from aj.errors import DataError, ParamsError
from aj.params import Count, Share, read_yaml

CARDS = Path("data/sources")
STRICT = ConfigDict(strict=True, extra="forbid")
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Repeat = Annotated[int, Field(ge=1, le=1000)]
Value = bool | int | float | str
EVALUATION = re.compile(r"(?<![a-z])(test(s|ing|set)?|eval(s|uation)?|val(id|idation)?|h[eo]ld[-_]?out)(?![a-z])")


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
    """Glob patterns relative to the card's folder, or of a remote folder: ``s3://BUCKET/PREFIX/*.jsonl``."""
    sha256: dict[str, Digest] = Field(default_factory=dict)
    """Landed file -> SHA-256; where it is written, a file that differs or is not listed stops the stage."""
    weights: dict[str, Repeat] = Field(default_factory=dict)
    """Glob of landed files -> how often each row stands in train; 1 where nothing is written. Never applied to eval."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Hub(Card):
    """A Hugging Face dataset by id and revision."""

    kind: Literal["hub"]
    split: str
    name: str | None = None
    """Configuration of the dataset, where it has several."""
    data_files: list[str] | None = None
    """Files of the repository to read, where its own layout does not say."""
    columns: dict[str, str]
    """``{messages: COLUMN}``, ``{conversations: COLUMN}`` (ShareGPT), ``{text: COLUMN}`` with ``speakers``, or
    ``{question: COLUMN, answer: COLUMN}`` for single-turn data."""
    speakers: dict[str, Literal["user", "assistant"]] = Field(default_factory=dict)
    """What a line of plain text starts with -> who speaks from there on."""
    filters: dict[str, Value | list[Value]] = Field(default_factory=dict)
    """Column -> accepted value, or several; a row that has another is dropped and counted."""
    limit: Count | None = None
    """Rows to land, counted after the filters."""


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


def refuse_evaluation(source: str, *names: str) -> None:
    """Raise DataError where a split, a configuration or a file that a source names holds evaluation data."""
    for name in names:
        if EVALUATION.search(name.lower()):
            raise DataError(f"source {source!r} names {name!r}: evaluation data does not go into training; name another.")
