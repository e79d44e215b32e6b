"""The turns of a conversation as validators read them: calls, what answers them, commands in them, what the user gets to read.

What is not covered: arguments against their schema (tool_contract_valid).
"""

from typing import Any

TALK = {"think", "complete", "list_agents"}
COMMAND_KEYS = ("command", "cmd", "script", "sql", "statement", "query")
Message = dict[str, Any]


def calls_of(message: Message) -> list[tuple[str, dict[str, Any]]]:
    """Name and arguments of each call."""
    return [(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls", ())]


def answers_of(messages: tuple[Message, ...]) -> dict[int, str]:
    """For every tool message the tool that answers: calls are answered in their order."""
    answers, waiting = dict[int, str](), list[str]()
    for at, message in enumerate(messages):
        if message["role"] == "assistant":
            waiting = [name for name, _ in calls_of(message)]
        elif message["role"] == "tool":
            answers[at] = waiting.pop(0) if waiting else ""
    return answers


def commands_of(call: tuple[str, dict[str, Any]]) -> list[str]:
    """The commands that a call runs."""
    name, arguments = call
    if name in TALK:
        return []
    return [arguments[key] for key in COMMAND_KEYS if isinstance(arguments.get(key), str)]


def said(message: Message) -> str:
    """What the user gets to read of the agent's turn."""
    shown = [str(v) for name, arguments in calls_of(message) if name == "complete" for v in arguments.values()]
    return "\n".join([message["content"], *shown])
