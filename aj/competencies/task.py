"""A generated task: what is asked, the gold answer, how an answer is checked, and answers that are wrong in a named way.

A task is either one question with one reply, or an episode in which the agent calls the six tools of a scripted world
(world.py). ``checks`` decide alone whether an answer is right: the gold passes all of them, each rejected answer fails its own.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aj.hashing import canonical

Message = dict[str, Any]
TASKS = "tasks.jsonl"


@dataclass(frozen=True)
class Rejected:
    """A reply in place of a turn of the gold that breaks one rule: ``validator`` says so with ``code``."""

    family: str
    """What kind of mistake this is; stands beside the pair and never in its prompt."""
    reply: Message
    validator: str
    code: str
    turn: int = 0
    """Which of the gold's assistant turns it stands for."""


@dataclass(frozen=True)
class Task:
    """One item. ``checks``: validator -> its context. ``world``: what the tools answer, for an episode."""

    competency: str
    name: str
    pattern: str
    wording: int
    slots: Mapping[str, Any]
    """What the wording names."""
    messages: tuple[Message, ...]
    """What is asked; ends with the user's turn."""
    gold: tuple[Message, ...]
    """What a good agent says, and for an episode what the world answers between."""
    checks: Mapping[str, Mapping[str, Any]]
    tools: tuple[Mapping[str, Any], ...] = ()
    world: Mapping[str, Any] | None = None
    rejected: tuple[Rejected, ...] = field(default=(), compare=False)

    @property
    def group(self) -> str:
        """The template that it comes from: what the split goes by."""
        return f"{self.competency}/{self.name}/{self.pattern}/{self.wording}"

    @property
    def content(self) -> str:
        """What makes two tasks the same: all that is asked, in lower case, without punctuation and double blanks."""
        asked = "\n".join(str(m["content"]) for m in self.messages) + canonical(self.world)
        return re.sub(r"[^\w/*.-]+", " ", asked).strip().lower()

    @property
    def subject(self) -> str:
        """What it is about, in whatever words it is asked."""
        return canonical([self.competency, self.name, self.pattern, dict(self.slots)])

    @property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of the content."""
        return hashlib.sha256(self.content.encode()).hexdigest()[:16]

    def row(self) -> dict[str, Any]:
        """As JSON, without the rejected answers; ``of`` reads it back."""
        return {
            "competency": self.competency, "name": self.name, "pattern": self.pattern, "wording": self.wording,
            "slots": dict(self.slots), "messages": list(self.messages), "gold": list(self.gold), "checks": {k: dict(v) for k, v in self.checks.items()},
            "tools": list(self.tools), "world": self.world,
        }  # fmt: skip

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Task":
        """A task from its row."""
        known = {key: row[key] for key in ("competency", "name", "pattern", "wording", "slots", "checks", "world")}
        return cls(**known, messages=tuple(row["messages"]), gold=tuple(row["gold"]), tools=tuple(row["tools"]))


def read_tasks(path: Path) -> list[dict[str, Any]]:
    """Rows of a file of tasks; none where there is no file. ``Task.of`` makes a task of one."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def written(message: Message) -> str:
    """A turn of the agent as text: what it says, and each call in ChatML's spelling."""
    calls = (canonical(call["function"]) for call in message.get("tool_calls", ()))
    return str(message["content"]) + "".join(f"<tool_call>{call}</tool_call>" for call in calls)
