"""The six tools of the agent, from one file (data/tools.json, JSON Schema): data, prompt, parser and evaluation read it."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

TOOLS_FILE = Path(__file__).parent.parent / "data" / "tools.json"


@cache
def agent_tools() -> tuple[dict[str, Any], ...]:
    """The tools in the OpenAI form: ``{"type": "function", "function": {name, description, parameters}}``."""
    return tuple(json.loads(TOOLS_FILE.read_text()))


@cache
def agent_tool_names() -> frozenset[str]:
    """Names of the agent's tools."""
    return frozenset(names(agent_tools()))


def names(tools: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names of tools given in the OpenAI form or as bare function objects."""
    return {tool.get("function", tool)["name"] for tool in tools}
