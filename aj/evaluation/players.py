"""Who plays episodes, once it is open: a player takes questions and gives one episode each, in their order.

Anything that continues tokens (``by_tokens``) and chance (``play_by_chance``: the control, actions of the grammar drawn blindly,
among them values that it saw). Opening a model is contenders.py's.
"""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from aj.sqlenv.environment import Observation, SQLEnv
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Converse, Episode, Hear, Roller

Player = Callable[[Sequence[Question]], list[Episode]]
Choose = Callable[[str], str]
"""What came back ("" at first) -> the next action."""


@dataclass(frozen=True, kw_only=True)
class Play:
    """How episodes are played."""

    budget: int
    max_new_tokens: int
    max_length: int
    batch_size: int
    threads: int
    temperature: float = 0.0
    """0: greedy."""
    seed: int = 0
    base: Path | None = None
    """Of an adapter, where the base that its config names is no folder (AJ's adapters name the base, not where it lies)."""
    tokenizer: Path | None = None
    """Of a GGUF, whose own cannot render a chat template: a folder that transformers can read."""
    name: str = ""
    """What an endpoint calls its model."""
    key_variable: str = "OPENROUTER_API_KEY"


def by_tokens(tokenizer: Any, engine: Converse, play: Play) -> Player:
    """A player for anything that continues token ids."""
    roller = Roller(tokenizer, budget=play.budget, max_new_tokens=play.max_new_tokens, max_length=play.max_length)

    def player(questions: Sequence[Question]) -> list[Episode]:
        with tqdm(desc="turns", unit=" turns") as bar:

            def counted(prompts: Sequence[Sequence[int]], max_new_tokens: int, hear: Hear) -> None:
                def heard(number: int, ids: list[int]) -> list[int] | None:
                    bar.update()
                    return hear(number, ids)

                engine(prompts, max_new_tokens, heard)

            return roller.converse(questions, counted)

    return player


def play_by_chance(questions: Sequence[Question], budget: int, *, seed: int) -> list[Episode]:
    """The control: blind actions, the same for the same seed."""

    def blind(question: Question) -> Choose:
        rng = random.Random(f"{seed}:{question.id}")
        seen: list[str] = []

        def choose(heard: str) -> str:
            seen.extend(heard.replace("|", " ").split())
            return _blind(rng, question, seen)

        return choose

    return [_played(question, budget, blind(question)) for question in questions]


def _played(question: Question, budget: int, choose: Choose) -> Episode:
    episode, heard = start(question, budget), ""
    try:
        while episode.live:
            heard = act(episode, choose(heard))
    finally:
        episode.env.close()
    return episode


def start(question: Question, budget: int) -> Episode:
    """An episode without tokens."""
    env = SQLEnv(budget)
    env.reset(question)
    return Episode(question, env, [])


def act(episode: Episode, action: str) -> str:
    """Play a text action and write it down; what came back."""
    seen: Observation = episode.env.step(action)
    episode.actions.append(action)
    episode.observations.append(seen.text)
    return seen.text


def _blind(rng: random.Random, question: Question, seen: Sequence[str]) -> str:
    table = rng.choice(question.tables)
    word = rng.choice(seen) if seen else str(rng.randrange(100))
    return rng.choice(
        [f"DESCRIBE: {table}", f"SAMPLE: {table}", f'QUERY: SELECT * FROM "{table}" LIMIT {rng.randint(1, 5)}', f"ANSWER: {word}"]
    )


def threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
