"""ai_agents, single calls: the right tool with the right arguments, and the ways in which a reply is no call."""

from typing import Any

from aj.competencies.draw import Draw, Made, Pattern, Tasks
from aj.competencies.patterns.commands import command, folder
from aj.competencies.patterns.turns import call, called, calls, said
from aj.competencies.task import Rejected
from aj.hashing import canonical

CONTRACT, GUARDRAILS = "tool_contract_valid", "guardrails_kept"


def _single(slots: dict[str, Any], name: str, **arguments: Any) -> Made:
    expected = [called(name, **arguments)]
    return Made(slots, (call(name, **arguments),), {CONTRACT: {"expected": expected}}, _no_calls(name, arguments), tools=True)


def _no_calls(name: str, arguments: dict[str, Any]) -> tuple[Rejected, ...]:
    """Replies in place of a call of one tool."""
    run = str(arguments.get("command", name))
    twice = calls(*[called(name, **arguments)] * 2)
    texts = {
        "wrong_output_format": (f"{name}: {run}", "no_call"),
        "tool_none": (canonical({"tool": None, "params": {}}), "tool_none"),
        "code_block_instead_of_action": (f"```bash\n{run}\n```", "code_block"),
        "plan_as_dict": (canonical({"plan": {"1": run, "2": "complete"}}), "plan_not_call"),
    }
    replies = (Rejected(family, said(text), CONTRACT, code) for family, (text, code) in texts.items())
    return (*replies, Rejected("wrong_count", twice, CONTRACT, "wrong_count"))


def _bash_call(draw: Draw) -> Made:
    run = command(draw)
    return _single({"command": run}, "bash", command=run)


def _call_in_folder(draw: Draw) -> Made:
    run, cwd = draw.word("command"), folder(draw)
    return _single({"command": run, "folder": cwd}, "bash", command=run, cwd=cwd)


def _call_with_timeout(draw: Draw) -> Made:
    run, seconds = command(draw), 10 * draw.number(1, 9)
    return _single({"command": run, "seconds": seconds}, "bash", command=run, timeout=seconds)


def _list_first(draw: Draw) -> Made:
    run, agent = command(draw), draw.word("server")
    made = _single({"command": run, "agent": agent}, "list_agents")
    hasty = Rejected("missing_list_agents", call("remote_bash", agent_id=agent, command=run), GUARDRAILS, "missing_list_agents")
    return Made(made.slots, made.gold, {**made.checks, GUARDRAILS: {}}, (hasty, *made.rejected), tools=True)


TASKS: Tasks = {
    "call_tool": {
        "bash_call": Pattern(
            _bash_call,
            ("call bash: {command}", "start {command} with one call", "one call, please: {command}", "execute {command} now"),
        ),
        "call_in_folder": Pattern(
            _call_in_folder,
            (
                "call {command} in {folder}",
                "in {folder}, start {command}",
                "one call of {command}, folder {folder}",
                "execute {command} now, inside {folder}",
            ),
        ),
        "call_with_timeout": Pattern(
            _call_with_timeout,
            (
                "call {command}, at most {seconds} seconds",
                "start {command} and stop it after {seconds} seconds",
                "one call of {command}, timeout {seconds}",
                "execute {command} now, timeout {seconds} seconds",
            ),
        ),
        "list_first": Pattern(
            _list_first,
            (
                "first call for: {command} on {agent}",
                "what do you call first for {command} on {agent}?",
                "start with one call: {command} on {agent}",
                "begin {command} on {agent}",
            ),
        ),
    },
}
