"""What a pattern of tasks is written with: words from a seed, and the parts that a task is made of."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aj.competencies.task import Message, Rejected


class Draw:
    """Words from the lists of data/competencies.yaml, by chance."""

    def __init__(self, rng: random.Random, words: Mapping[str, Sequence[str]]) -> None:
        self.rng, self._words = rng, words

    def word(self, kind: str) -> str:
        """One word of a list."""
        return self.rng.choice(self._words[kind])

    def words(self, kind: str, count: int) -> list[str]:
        """Different words of a list."""
        return self.rng.sample(self._words[kind], count)

    def number(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return self.rng.randint(low, high)


@dataclass(frozen=True)
class Made:
    """One drawn task before it is asked: ``slots`` fill the wording, ``checks`` judge the answer."""

    slots: Mapping[str, Any]
    gold: str | tuple[Message, ...]
    """The reply, or for an episode all turns after the question."""
    checks: Mapping[str, Mapping[str, Any]]
    """Validator -> context; ``policy_safety`` is asked whether it is named or not."""
    rejected: tuple[Rejected, ...] = ()
    world: Mapping[str, Any] | None = None
    """What the tools answer (world.py); given for an episode."""
    tools: bool = False
    """Whether the agent's six tools are offered."""


@dataclass(frozen=True)
class Pattern:
    """One shape of answer, and the ways to ask for it. A wording is a template group of its own: some are held out whole."""

    make: Callable[[Draw], Made]
    wordings: tuple[str, ...]
    """``str.format`` templates; at least four, so that the held-out one is one of several."""
    form: str = ""
    """Opens the episode as the system message: what kind of reply is wanted."""


Tasks = Mapping[str, Mapping[str, Pattern]]
"""Task name -> pattern name -> pattern; each module of a competency has one, called TASKS."""


def wrong(family: str, text: str, validator: str, code: str) -> Rejected:
    """A rejected reply that is text."""
    return Rejected(family, {"role": "assistant", "content": text}, validator, code)
