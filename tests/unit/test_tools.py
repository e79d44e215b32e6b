"""The six tools, from one file."""

from aj.tools import agent_tools, names


def test_the_file_defines_the_six_tools_of_the_contract() -> None:
    parameters = {t["function"]["name"]: t["function"]["parameters"] for t in agent_tools()}
    assert {name: (sorted(p["properties"]), p.get("required", [])) for name, p in parameters.items()} == {
        "bash": (["command", "cwd", "timeout"], ["command"]),
        "remote_bash": (["agent_id", "command", "timeout"], ["agent_id", "command"]),
        "remote_bash_all": (["command", "pattern", "timeout"], ["command"]),
        "list_agents": ([], []),
        "think": (["thought"], ["thought"]),
        "complete": (["answer", "error"], []),
    }
    assert {p["properties"]["timeout"]["default"] for p in parameters.values() if "timeout" in p["properties"]} == {60}
    assert all(p["additionalProperties"] is False for p in parameters.values())


def test_names_are_read_from_both_forms() -> None:
    assert names([{"type": "function", "function": {"name": "a"}}, {"name": "b"}]) == {"a", "b"}
