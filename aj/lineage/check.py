"""What a check came to: parts that are right, parts that differ and are named, parts that could not be looked at."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aj.errors import AJError

ABSENT = "(absent)"


class LineageError(AJError):
    """A file is not what its repository says of it, or that could not be found out."""


@dataclass
class Check:
    """One kind of part."""

    name: str
    asked: int = 0
    """Parts that were looked at."""
    wrong: list[str] = field(default_factory=list)
    """A sentence for each that differs."""
    absent: list[str] = field(default_factory=list)
    """What is not here and how to bring it; a check of it did not happen, and that is no pass."""

    def same(self, what: str, found: Any, wanted: Any, places: tuple[str, str]) -> None:
        """Count a part, and note it where the two differ. ``places``: where ``found`` and ``wanted`` stand."""
        self.asked += 1
        if found != wanted or type(found) is not type(wanted):
            self.wrong.append(f"{what} is {_short(found)} {places[0]}, {_short(wanted)} {places[1]}")

    def each(self, found: Mapping[str, Any], wanted: Mapping[str, Any], places: tuple[str, str], noun: str = "") -> None:
        """``same`` for every key of either side, in their order."""
        for key in {**wanted, **found}:
            self.same(f"{noun}{key}", found.get(key, ABSENT), wanted.get(key, ABSENT), places)


def leaves(value: Any, at: str = "") -> dict[str, Any]:
    """Every value of a nested mapping by its path, for a sentence that names the very leaf."""
    return dict(_leaves(value, at))


def _leaves(value: Any, at: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{at} > {key}" if at else str(key))
    else:
        yield at, value


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 72 else f"{text[:69]}…"
