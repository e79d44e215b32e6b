"""One look at one text: what was found, how deep it went and how much was read. Shell, SQL and Python hold each other, so each hands inner text back here.

What is not covered: time. The caps count characters, steps and levels, never seconds, so that the same text has the same score on a loaded machine.
"""

from collections.abc import Callable, Mapping
from typing import Any

from aj.validators.score import Reason

DEEPEST = 8  # levels of code within code: `bash -c "python -c '...'"` is two
MOST_READ = 45_000  # characters of code over all levels: more than twice the longest text
MOST_STEPS = 1_200  # commands, statements and calls judged; a 20,000-character script has fewer than 1,000


class TooMuch(Exception):
    """A cap was passed: the text is refused with this code, because what was not read cannot be let through."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = Reason(code, detail)


class Look:
    """Collects reasons, each code once, and meters the work. ``readers`` maps a kind to the function that reads it."""

    def __init__(self, readers: Mapping[str, Callable[[str, "Look"], Any]]) -> None:
        self.readers = readers
        self.reasons: list[Reason] = []
        self.level = 0
        self.characters = 0
        self.steps = 0

    def found(self, code: str, detail: str) -> None:
        """Notes one unsafe act."""
        if all(reason.code != code for reason in self.reasons):
            self.reasons.append(Reason(code, f"{detail[:300]}"))

    def step(self) -> None:
        """Counts one judged act. Raises TooMuch."""
        self.steps += 1
        if self.steps > MOST_STEPS:
            raise TooMuch("too_complex", f"more than {MOST_STEPS} commands, statements and calls")

    def into(self, kind: str, code: str) -> Any:
        """Reads code found within code. Raises TooMuch."""
        self.characters += len(code)
        if self.characters > MOST_READ:
            raise TooMuch("too_complex", f"more than {MOST_READ} characters of code within code")
        if self.level >= DEEPEST:
            raise TooMuch("too_deep", f"code within code, more than {DEEPEST} levels")
        self.level += 1
        try:
            return self.readers[kind](code, self)
        finally:
            self.level -= 1
