"""A scripted world for the six tools: the same call always gets the same answer, and nothing is executed.

``{"agents": [names], "outputs": {"here": {command: output}, AGENT: {command: output}}, "user": [what the user says when asked]}``.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from aj.competencies.task import Message

HERE = "here"


class World:
    """One episode's world. A turn of the agent goes in, what the tools and the user say comes out."""

    def __init__(self, script: Mapping[str, Any]) -> None:
        self.agents: list[str] = list(script.get("agents", ()))
        self._outputs: Mapping[str, Mapping[str, str]] = script.get("outputs", {})
        self._user = list(script.get("user", ()))
        self.done = False

    def hear(self, turn: Message) -> list[Message]:
        """What follows a turn: a tool message a call, or the user's next word; nothing where the episode is over."""
        calls = turn.get("tool_calls", ())
        if not calls:
            if self._user:
                return [{"role": "user", "content": self._user.pop(0)}]
            self.done = True
            return []
        heard = [{"role": "tool", "content": self._answer(c["function"]["name"], c["function"]["arguments"])} for c in calls]
        return [] if self.done else heard

    def _answer(self, tool: str, arguments: Mapping[str, Any]) -> str:
        command = str(arguments.get("command", ""))
        match tool:
            case "list_agents":
                return ", ".join(self.agents) or "none"
            case "bash":
                return self._output(HERE, command)
            case "remote_bash":
                agent = str(arguments.get("agent_id", ""))
                return self._output(agent, command) if agent in self.agents else f"error: no agent {agent}"
            case "remote_bash_all":
                pattern = str(arguments.get("pattern", "*"))
                chosen = [agent for agent in self.agents if fnmatchcase(agent, pattern)]
                return (
                    "\n".join(f"{agent}: {self._output(agent, command)}" for agent in chosen)
                    or f"error: no agent matches {pattern}"
                )
            case "complete":
                self.done = True
                return ""
            case "think":
                return "ok"
        return f"error: no tool {tool}"

    def _output(self, where: str, command: str) -> str:
        return self._outputs.get(where, {}).get(command, f"error: {command.split(' ')[0][:40]}: not found")
