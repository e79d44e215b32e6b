"""Where a teacher plays: SQLEnv with its text actions, or a recording that answers calls of the six tools.

Nothing a teacher writes is ever run on this machine: SQL goes to a read-only database (aj/sqlenv/database.py), and a tool call
gets the observation that the task holds for exactly this call. A call that was not recorded ends the episode: whatever else came
back would be learned as true.
What is not covered: calls that mean the same in other words (``ls -l /srv`` for ``ls /srv -l``).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from aj.chat import RowError
from aj.errors import DataError
from aj.hashing import canonical
from aj.sources import rows
from aj.sources.trace import FORBID, Call, Outcome, Text
from aj.sqlenv import questions
from aj.sqlenv.actions import instructions, parse
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question
from aj.tools import agent_tools

REMOTE = ("remote_bash", "remote_bash_all")


@dataclass(frozen=True, config=FORBID)
class Recorded:
    """What came back from one call."""

    tool: str
    arguments: dict[str, Any]
    observation: str


@dataclass(frozen=True, config=FORBID, kw_only=True)
class Task:
    """Something for a teacher to do, with the observations that were recorded of it."""

    id: Text
    question: Text
    """The user's message, as agent and teacher see it."""
    group: Text
    system: str = ""
    split: Literal["", "train"] = ""
    hint: Text | None = None
    """Shown in one run of its own, and withheld from everything derived."""
    answer: Text | None = None
    """The right answer, where it is known; otherwise the majority of the runs without the hint decides."""
    observations: tuple[Recorded, ...] = ()


@dataclass(frozen=True, config=FORBID, kw_only=True)
class SqlTask(Task):
    """A question of SQLEnv, whose environment says whether the answer is right."""

    sql: Question


class World(Protocol):
    """One episode of a task."""

    instructions: str
    """What the teacher is told beside the task, and the agent knows by its training."""
    tools: Sequence[Mapping[str, Any]]
    outcome: Outcome | None
    """Set when the episode is over."""
    answer: str | None
    success: bool | None
    """None where the world cannot say."""

    def play(self, action: str, calls: Sequence[Call]) -> tuple[str, ...]:
        """Play one turn; the observations, or none where it ended the episode."""

    def close(self) -> None:
        """Let go of what the episode holds."""


class SqlWorld:
    """SQLEnv with its text actions; the environment says whether the answer is right."""

    tools: Sequence[Mapping[str, Any]] = ()

    def __init__(self, question: Question, budget: int) -> None:
        self.instructions = instructions(budget)
        self.env = SQLEnv(budget)
        self.env.reset(question)
        self.outcome: Outcome | None = None
        self.answer: str | None = None
        self.success: bool | None = False

    def play(self, action: str, calls: Sequence[Call]) -> tuple[str, ...]:
        """Play one text action; calls end the episode, because none was offered."""
        if calls:
            self.outcome = "bad_call"
            return ()
        seen = self.env.step(action)
        if self.env.answered:
            self.answer, self.success = parse(action).argument.strip() or None, self.env.correct
            self.outcome = "answered" if self.answer else "gave_up"
            return ()
        if self.env.done:
            self.outcome = "out_of_budget"
        return (seen.text,)

    def close(self) -> None:
        """Close the database."""
        self.env.close()


class RecordedWorld:
    """The six tools, answered from a recording."""

    instructions = (
        "You do the task with the tools. Every turn calls at least one; list_agents comes before any remote call; complete ends the "
        "task with the answer alone, or with an error if it cannot be done."
    )

    def __init__(self, task: Task, budget: int) -> None:
        self.tools: Sequence[Mapping[str, Any]] = agent_tools()
        self.recorded = {_key(Call(r.tool, r.arguments)): r.observation for r in task.observations}
        self.turns, self.listed = budget, False
        self.outcome: Outcome | None = None
        self.answer: str | None = None
        self.success: bool | None = None

    def play(self, action: str, calls: Sequence[Call]) -> tuple[str, ...]:
        """Look the calls up, in their order."""
        self.turns -= 1
        if not calls:
            self.outcome = "no_call"
            return ()
        heard: list[str] = []
        for call in calls:
            if call.name == "complete":
                said = str(call.arguments.get("answer", ""))
                self.answer = said if said.strip() else None
                self.outcome = "answered" if self.answer else "gave_up"
                return ()
            if call.name == "think":
                heard.append("")
            elif call.name in REMOTE and not self.listed:
                heard.append("error: call list_agents first")
            elif _key(call) in self.recorded:
                self.listed = self.listed or call.name == "list_agents"
                heard.append(self.recorded[_key(call)])
            else:
                self.outcome = "not_recorded"
                return ()
        if not self.turns:
            self.outcome = "out_of_budget"
        return tuple(heard)

    def close(self) -> None:
        """Nothing is held."""


def open_world(task: Task, budget: int) -> World:
    """The world of a task; ``budget``: turns of an episode."""
    return SqlWorld(task.sql, budget) if isinstance(task, SqlTask) else RecordedWorld(task, budget)


def sql_tasks(folder: Path) -> list[Task]:
    """The training questions of a question set (data/mix/rl, say). Raises DataError where there is none: evaluation's are not played."""
    found = questions.load(folder)
    groups = [row.get("group") for row in json.loads((folder / "questions.json").read_text(encoding="utf-8"))]
    tasks: list[Task] = [
        SqlTask(
            id=q.id, question=q.messages[-1]["content"], system=q.system, group=group or q.database.stem, split="train", sql=q
        )
        for q, group in zip(found, groups, strict=True)
        if q.split == "train"
    ]  # fmt: skip
    if not tasks:
        raise DataError(f"{folder} has no question of split 'train': evaluation's are never played; name a training set.")
    return tasks


def recorded_tasks(path: Path) -> list[Task]:
    """The tasks of a JSONL file, keys as ``Task`` has them. Raises DataError at the first line that is none."""
    adapter, tasks = TypeAdapter(Task), []
    for place, raw in rows.read(path):
        if isinstance(raw, RowError):
            raise DataError(f"task at {place} cannot be read ({raw}): mend or remove it.")
        try:
            tasks.append(adapter.validate_python(raw))
        except ValidationError as error:
            first = error.errors()[0]
            raise DataError(
                f"task at {place}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}: mend or remove it."
            ) from None
    return tasks


def _key(call: Call) -> str:
    """A call without arguments that say what is meant anyway."""
    functions = (tool["function"] for tool in agent_tools())
    known: Any = next((f["parameters"]["properties"] for f in functions if f["name"] == call.name), {})
    said = {key: value for key, value in call.arguments.items() if value != known.get(key, {}).get("default")}
    return canonical([call.name, said])
