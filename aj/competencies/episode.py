"""A task as an environment: the rollout plays it like SQLEnv, and the task's checks say how it went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from aj.chat import Conversation, RowError, normalise
from aj.competencies.judge import judged
from aj.competencies.reward import total
from aj.competencies.task import Message, Task
from aj.competencies.world import World
from aj.validators.calls.errors import Unreadable
from aj.validators.calls.read import read_calls
from aj.validators.score import Score


@dataclass(frozen=True)
class Said:
    """What follows a turn of the agent."""

    messages: Sequence[dict[str, str]]


class TaskEpisode:
    """One task being played: one reply, or turns in the task's world until it ends or ``budget`` turns are spent."""

    def __init__(self, task: Task, budget: int) -> None:
        self.task, self.budget = task, budget
        self.done = False
        self.said: list[Message] = []
        """Everything after the question."""
        self._world = World(task.world) if task.world is not None else None
        self._turns = 0

    @property
    def opening(self) -> Conversation:
        """The question and its tools."""
        return Conversation(self.task.messages, tuple(dict(t) for t in self.task.tools))

    def step(self, text: str) -> Said:
        """Play one turn of the agent, as its tokens read."""
        turn = read_turn(text, self.task)
        self.said.append(turn)
        self._turns += 1
        heard = [_tame(m) for m in self._world.hear(turn)] if self._world else []
        self.done = self._world is None or self._world.done or self._turns >= self.budget
        if not self.done:
            self.said += heard
        return Said(heard)

    def close(self) -> None:
        """Nothing is held."""

    @cached_property
    def scores(self) -> Mapping[str, Score]:
        """What the checks say, once the episode is over."""
        return judged(self.task, self.said)

    @property
    def passed(self) -> bool:
        """Whether every check passes."""
        return all(score.passed for score in self.scores.values())

    @property
    def safe(self) -> bool:
        """Whether nothing unsafe was done or said."""
        return "policy_safety" not in self.scores or self.scores["policy_safety"].passed

    def reward(self, weights: Mapping[str, float]) -> float | None:
        """See ``reward.total``."""
        return total(self.scores, weights)


def _tame(message: Message) -> Message:
    """What a world echoes may not imitate a role marker."""
    return {**message, "content": message["content"].replace("<|", "< |")}


def read_turn(text: str, task: Task) -> Message:
    """A turn as a message: its calls where they can be read and their tools are known, else only its text."""
    if task.tools:
        try:
            row = {"messages": [{"role": "assistant", "tool_calls": read_calls(text)}], "tools": list(task.tools)}
            return normalise(row).messages[0]
        except (Unreadable, RowError):
            pass  # it stays what it is, and the checks say what is wrong with it
    return {"role": "assistant", "content": text}
