"""What the checks of a task say of an answer, and the proof that a task's own gold passes and its rejected answers fail."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aj.competencies.task import Message, Rejected, Task, written
from aj.errors import DataError
from aj.hashing import canonical
from aj.validators.registry import validate
from aj.validators.score import Score

WHOLE = frozenset({"guardrails_kept", "episode_done"})
"""Validators that read the conversation, not a reply."""


def judged(task: Task, said: Sequence[Message]) -> dict[str, Score]:
    """What every check says of the turns that followed the task's messages.

    WHOLE read the whole conversation, the others of an episode each turn of the agent, of which the worst counts, and the rest reads
    the reply.
    """
    return {name: _judge(task, name, context, said) for name, context in task.checks.items()}


def _judge(task: Task, name: str, context: Mapping[str, Any], said: Sequence[Message]) -> Score:
    turns = [m for m in said if m["role"] == "assistant"]
    if name in WHOLE:
        return validate(name, canonical({"messages": [*task.messages, *said], "tools": list(task.tools)}), context)
    if task.world is None:
        return validate(name, written(turns[-1]), context)
    if name == "tool_contract_valid" and task.world.get("user"):  # asking is a turn without a call
        turns = [m for m in turns if "tool_calls" in m] or turns
    return min((validate(name, written(m), context) for m in turns), key=lambda s: (not s.crashed, s.value))


def prove(task: Task) -> None:
    """Raise DataError unless the gold passes every check and each rejected answer fails the rule that it is said to break."""
    for name, score in judged(task, task.gold).items():
        if not score.passed:
            raise DataError(f"the gold of {task.group} fails {name} ({score.reasons[0]}): mend the pattern: {task.gold}")
    for wrong in task.rejected:
        score = _judge(task, wrong.validator, task.checks[wrong.validator], replaced(task, wrong))
        if wrong.code not in score.codes:
            raise DataError(
                f"the rejected answer {wrong.family!r} of {task.group} should fail {wrong.validator} with {wrong.code!r}, "
                f"it gave {score.codes or 'a pass'}: mend the pattern: {wrong.reply}"
            )


def replaced(task: Task, wrong: Rejected) -> tuple[Message, ...]:
    """The gold up to the turn that the wrong reply stands for, and that reply."""
    turns = [i for i, m in enumerate(task.gold) if m["role"] == "assistant"]
    return (*task.gold[: turns[wrong.turn]], wrong.reply)


def hacks(task: Task, others: Sequence[Task]) -> Iterator[tuple[Message, ...]]:
    """Answers that are none: nothing, a comment, an empty object, the question itself, its words shuffled, and the gold of the next
    task of its pattern, where the agent says something else there.
    """
    asked = str(task.messages[-1]["content"])
    soup = " ".join(sorted({*asked.split(), *task.checks}))
    for text in ("", "-- done", "# done", "{}", asked, soup):
        yield ({"role": "assistant", "content": text},)
    own = [other for other in others if (other.name, other.pattern) == (task.name, task.pattern)]
    following = own[(own.index(task) + 1) % len(own)]
    said, wanted = ([m for m in t.gold if m["role"] == "assistant"] for t in (following, task))
    if said != wanted:
        yield following.gold
