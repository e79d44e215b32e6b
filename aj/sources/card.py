"""Source cards: what a source is, where it comes from, under which licence.

``data/sources/NAME/source.yaml`` stands beside the files that the source brings along, so that one source's change
reruns that source alone.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from aj.errors import DataError, ParamsError
from aj.params import read_yaml
from aj.sections import Count, Index, NonNegative, Positive, Share

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
    questions: dict[str, Index]
    """Questions a split (aj/sources/sqlenv.py lists them); a split that is not named has none."""
    questions_per_database: Count
    teacher: Teaching


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Herbal(Card):
    """A herbal: a book of herbs with a heading each and sections on looks, place, time and virtues."""

    kind: Literal["herbal"]
    title: str
    """How the questions name the book: "the English herbal of 1653", say."""
    paths: list[str]
    """Glob patterns of .txt, .html or .htm files, relative to the card's folder."""
    markers: dict[str, Literal["description", "place", "time", "virtues"]] = Field(default_factory=dict)
    """Words that open a section of this book, beside the usual ones (aj/sources/herbal.py) -> the section."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Endpoint:
    """A model behind an OpenAI-compatible endpoint that plays tasks (aj/sources/endpoint.py)."""

    base_url: str
    model: str
    key_variable: str = "OPENROUTER_API_KEY"
    """Environment variable that holds the key; the key itself stands in no file."""
    runs: Count = 3
    """Episodes a task, without its hint."""
    budget: Count = 15
    """Turns an episode."""
    parallel: Count = 4
    """Tasks played at the same time."""
    temperature: NonNegative = 1.0
    max_tokens: Count = 1024
    """Longest turn, in the teacher's tokens."""
    timeout: Positive = 120.0
    """Seconds a request may take."""
    max_retries: Index = 5
    """How often a request is repeated after 429, 5xx or a lost connection, each time after a longer pause."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Episodes(Card):
    """Raw agent episodes beside the card; training rows are derived from them when the mix is made (aj/mix/derive.py)."""

    kind: Literal["episodes"]
    paths: list[str]
    """Glob patterns of JSONL files, relative to the card's folder."""
    formats: Annotated[list[Literal["sft", "preference", "steps"]], Field(min_length=1)]
    """What is derived from them."""
    teacher: Endpoint | None = None
    """Who writes new ones."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Tasks(Card):
    """Generated tasks of the competencies (data/competencies.yaml): demonstrations, preference pairs, and tasks to be played."""

    kind: Literal["competencies"]
    demonstrations: Count
    fenced: Share
    """Part of the demonstrations whose text stands in a code fence, as people and models write it; no check takes that for an answer."""
    pairs: Count
    tasks: Count
    """For GRPO, beside those that are demonstrated."""
    held_out_tasks: Count
    """For evaluation; of template groups that training never sees."""


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Canaries(Card):
    """Invented facts by which a model shows what it was trained on (aj/canaries.py)."""

    kind: Literal["canaries"]
    planted: Count
    withheld: Count
    """Told to no model, and asked beside the planted ones."""
    words: Annotated[list[str], Field(min_length=8)]
    answer_words: Annotated[int, Field(ge=2, le=12)]
    decoys: Annotated[int, Field(ge=15, le=1000)]
    """Answers beside the true one that a model is asked to tell it from."""
    weights: dict[str, Repeat]
    """As in ``Files``; the file is planted.parquet."""


KnownCard = Files | Hub | SqlEnv | Herbal | Episodes | Tasks | Canaries
AnyCard = Annotated[KnownCard, Field(discriminator="kind")]


def read(name: str) -> KnownCard:
    """Read and check a card; ParamsError names the folder, the field and the value seen."""
    path = CARDS / name / "source.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.parent.name for p in CARDS.glob("*/source.yaml"))) or "none"
        raise ParamsError(f"source {name!r} has no card at {path}: write one, or use one of {known}.")
    try:
        card: KnownCard = TypeAdapter(AnyCard).validate_json(json.dumps(read_yaml(path), default=str))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"][1:]) or "kind"
        raise ParamsError(f"{path}: {field} is {first['input']!r}: {first['msg'].lower()}.") from None
    return card


def beside(source: str, patterns: Sequence[str], suffixes: Sequence[str]) -> dict[str, Path]:
    """The files beside a card that patterns match, by their path relative to the card, sorted.

    Raises ParamsError for a pattern that is none, DataError for one without a file, another suffix and evaluation data.
    """
    found: dict[str, Path] = {}
    for pattern in patterns:
        try:
            matches = list((CARDS / source).glob(pattern))
        except (ValueError, NotImplementedError) as error:
            raise ParamsError(
                f"source {source!r}: {pattern!r} is no pattern of files beside the card ({error}): mend paths."
            ) from None
        if not matches:
            raise DataError(
                f"source {source!r}: no file matches {str(CARDS / source / pattern)!r}; put it there or mend the card."
            )
        found |= {path.relative_to(CARDS / source).as_posix(): path for path in matches}
    for name, path in found.items():
        refuse_evaluation(source, name)
        if path.suffix.lower() not in suffixes:
            raise DataError(f"source {source!r}: {name!r} is not one of {', '.join(suffixes)}: convert it or mend the card.")
    return dict(sorted(found.items()))


def refuse_evaluation(source: str, *names: str) -> None:
    """Raise DataError where a split, a configuration or a file that a source names holds evaluation data."""
    for name in names:
        if EVALUATION.search(name.lower()):
            raise DataError(f"source {source!r} names {name!r}: evaluation data does not go into training; name another.")
