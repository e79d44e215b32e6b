"""One thing that is known of a run, and the keeper of what must not be told."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aj.errors import ContractError
from aj.validators.secret.in_text import in_text

RUN_TAG = "aj.run"  # a run's own name; where a run stands is found by it


@dataclass(frozen=True)
class Fact:
    """A parameter, a tag, a point of a curve, a file, or the end of the run."""

    kind: Literal["param", "tag", "metric", "file", "end"]
    key: str
    """Its name; of a file, where it stands among the artifacts (``model/adapter_config.json``)."""
    value: str | float
    """Of a file, its SHA-256."""
    step: int = 0
    """The trainer's global_step; of a metric only."""


def refuse_private(name: str, text: str, *, credentials: bool = True) -> None:
    """Raise ContractError where a text holds the name or a folder of this machine, or a credential.

    A tokenizer's vocabulary is read for the machine alone: its words look like anything.
    """
    why = next(_machine(text), None) or (next(_secrets(text), None) if credentials else None)
    if why:
        raise ContractError(f"{name} would tell {why}: nothing was logged; take it out of params.yaml or of the stage's output.")


def _machine(text: str) -> Iterator[str]:
    for folder in {Path.cwd(), Path.cwd().resolve(), Path.home()} - {Path("/")}:
        if f"{folder}" in text:
            yield f"a folder of this machine ({folder})"
    host = platform.node()
    if len(host) > 3 and host in text:
        yield f"the name of this machine ({host})"


def _secrets(text: str) -> Iterator[str]:
    for reason in in_text(text):
        yield f"a credential ({reason.code})"
