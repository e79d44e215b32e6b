"""Turns of an episode with the six tools: what the agent says or calls, and what it hears."""

from typing import Any

from aj.competencies.task import Message


def call(name: str, **arguments: Any) -> Message:
    """A turn of the agent that calls one tool."""
    return calls(called(name, **arguments))


def calls(*made: dict[str, Any]) -> Message:
    """A turn of the agent that makes several calls at once."""
    return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": function} for function in made]}


def called(name: str, **arguments: Any) -> dict[str, Any]:
    """A call as a check's context names it."""
    return {"name": name, "arguments": arguments}


def said(text: str) -> Message:
    """A turn of the agent that is text."""
    return {"role": "assistant", "content": text}


def heard(text: str, role: str = "tool") -> Message:
    """A turn of the world: a tool's output, or the user."""
    return {"role": role, "content": text}
