"""Training rows from raw episodes: whole conversations (sft), one turn a row (steps); pairs of turns are made by diverge.py.

sft: a successful episode as messages. steps: for each turn of a successful episode the way there as one user message and the
turn as the only thing learned; SQLEnv's lessons warn of learning from such rows alone.
No row contains the hint of its episode, or eight words of it in a row.
What is not covered: hints told in other words.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aj.chat import RowError, normalise
from aj.hashing import canonical
from aj.sources import trace
from aj.sources.trace import Episode, Step
from aj.tools import agent_tools

Row = dict[str, Any]
Rows = Iterator[tuple[str, Row | RowError]]

HINT_WORDS = 8  # of a longer hint, so many in a row are as good as the whole


def sft(episode: Episode) -> Row:
    """A successful episode as one conversation.

    Raises RowError: failed_episode, unverified (nobody could say whether it succeeded), hint_in_row, or a bucket of ``normalise``.
    """
    _check_success(episode)
    messages = [*opening(episode), *(m for step in episode.steps for m in told(step))]
    while messages[-1]["role"] == "tool":  # what the last turn heard teaches nobody anything
        messages.pop()
    return row_of(episode, messages, episode.steps)


def steps(episode: Episode) -> list[Row]:
    """One row for each turn of a successful episode. Raises RowError as ``sft`` does."""
    _check_success(episode)
    found = []
    for number, step in enumerate(episode.steps):
        *before, user = opening(episode)
        so_far = ["\n".join([f"> {_written(s)}", *s.observations]) for s in episode.steps[:number]]
        content = "\n\n".join([user["content"], *so_far, "next step?"])
        found.append(row_of(episode, [*before, {"role": "user", "content": content}, turn(step)], [step]))
    return found


def derived(lines: Iterable[tuple[str, Mapping[str, Any] | RowError]], formats: Sequence[str]) -> Rows:
    """Rows of raw episodes, given as (place, row): for each episode one of sft and some of steps, or one RowError."""
    for place, raw in lines:
        try:
            episode = trace.read(raw)
            made = [("", sft(episode))] if "sft" in formats else []
            if "steps" in formats:
                made += [(f" step {number}", row) for number, row in enumerate(steps(episode), 1)]
        except RowError as error:
            yield place, error
        else:
            yield from ((place + suffix, row) for suffix, row in made)


def _check_success(episode: Episode) -> None:
    if not episode.success:
        bucket = "unverified" if episode.success is None else "failed_episode"
        raise RowError(bucket, f"task {episode.task!r} ended with {episode.outcome}")


def opening(episode: Episode) -> list[Row]:
    """The messages that an episode starts with: system, where it has one, and the question."""
    system = [{"role": "system", "content": episode.system}] if episode.system else []
    return [*system, {"role": "user", "content": episode.question}]


def turn(step: Step) -> Row:
    """The assistant's message of a step."""
    if not step.calls:
        return {"role": "assistant", "content": step.action}
    calls = [{"type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in step.calls]
    return {"role": "assistant", "content": step.thought, "tool_calls": calls}


def told(step: Step) -> list[Row]:
    """A step as messages: the turn, and what came back."""
    return [turn(step), *({"role": "tool", "content": text} for text in step.observations)]


def _written(step: Step) -> str:
    return step.action or "\n> ".join(f"{call.name} {canonical(call.arguments)}" for call in step.calls)


def row_of(episode: Episode, messages: list[Row], used: Sequence[Step]) -> Row:
    """A row of the one schema, in which the hint does not stand. Raises RowError."""
    tools = tools_of(used)
    conversation = normalise({"messages": messages, "tools": tools})
    if episode.hint and _tells(conversation.text.decode(), episode.hint):
        raise RowError("hint_in_row", f"the hint of task {episode.task!r} is told")
    split = {"split": episode.split} if episode.split else {}
    return {"messages": list(conversation.messages), "tools": tools, "group": episode.group, **split}


def tools_of(used: Sequence[Step]) -> list[dict[str, Any]]:
    """The agent's tools where a step calls one."""
    return list(agent_tools()) if any(step.calls for step in used) else []


def _tells(text: str, hint: str) -> bool:
    words, wanted = (re.findall(r"\w+", t.casefold()) for t in (text, hint))
    if not wanted:
        return hint in text
    size, said = min(HINT_WORDS, len(wanted)), f" {' '.join(words)} "
    return any(f" {' '.join(wanted[i : i + size])} " in said for i in range(len(wanted) - size + 1))
