"""Artifact names: ``AJ-{Code}-v{major}.{minor}.{patch}-{flavour}``, for example ``AJ-TinySQL-v0.1.0-q4km``.

Source: the project's naming rule (major: base or template, minor: data mix, patch: anything else that
changes the weights). The flavour is not a SemVer pre-release, so order is by number, then by the table below.
"""

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Self

from aj.errors import ParamsError

FLAVOURS = ("lora", "merged", "q8", "q6k", "q5km", "q4km", "mix")  # one row a form; add a row for a new quant type

CODE = re.compile(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*")
NUMBER = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")  # \d is also every other script's digits
# Greedy code: names are parsed from the right, because a code may itself contain hyphens (Llama33-70B).
NAME = re.compile(rf"AJ-(?P<code>{CODE.pattern})-v(?P<number>{NUMBER.pattern})-(?P<flavour>[a-z0-9]+)")


@total_ordering
@dataclass(frozen=True)
class Version:
    """One artifact's name in parts. ``str(version)`` formats it, ``Version.parse`` reads it back."""

    code: str
    major: int
    minor: int
    patch: int
    flavour: str

    @classmethod
    def of(cls, code: str, number: str, flavour: str) -> Self:
        """Build from a code, a dotted number (``"1.2.3"``) and a flavour; ParamsError when one is malformed."""
        if not CODE.fullmatch(code):
            raise ParamsError(
                f"code {code!r} is not a valid name: use letters, digits and inner hyphens, no dots "
                f"(for example {re.sub(r'[^A-Za-z0-9-]', '', code).strip('-') or 'TinySQL'!r})."
            )
        found = NUMBER.fullmatch(number)
        if not found:
            raise ParamsError(f"version {number!r} is not major.minor.patch: write three numbers, for example 0.1.0.")
        if flavour not in FLAVOURS:
            raise ParamsError(f"flavour {flavour!r} is unknown: use one of {', '.join(FLAVOURS)}.")
        return cls(code, int(found[1]), int(found[2]), int(found[3]), flavour)

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a full artifact name; ParamsError with a hint when it does not follow the grammar."""
        found = NAME.fullmatch(name)
        if not found:
            hint = " (a code has no dots)" if re.search(r"AJ-.*\..*-v\d", name) else ""
            raise ParamsError(f"{name!r} is not an artifact name: write AJ-Code-v1.2.3-flavour{hint}.")
        return cls.of(found["code"], found["number"], found["flavour"])

    @property
    def number(self) -> str:
        """``major.minor.patch`` without code or flavour."""
        return f"{self.major}.{self.minor}.{self.patch}"

    def __str__(self) -> str:
        return f"AJ-{self.code}-v{self.number}-{self.flavour}"

    def __lt__(self, other: "Version") -> bool:
        return self._key() < other._key()

    def _key(self) -> tuple[str, int, int, int, int]:
        return self.code, self.major, self.minor, self.patch, FLAVOURS.index(self.flavour)
