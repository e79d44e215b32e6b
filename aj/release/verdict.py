"""The place where a gate plugs in: what `aj release` asks, and what it must be told."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Verdict:
    """What a gate says of a candidate. A metric that is missing or not a number is a failure, never a pass."""

    passed: bool
    lines: tuple[str, ...]
    """What was compared and how it went, a line each; goes into the card as it stands, and into the refusal."""


Gate = Callable[[Path, str, str | None], Verdict]
"""(project's root, candidate's commit, baseline's commit or None for a first release) -> Verdict. May raise AJError."""
