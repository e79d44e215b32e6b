"""episode_done: whether an episode ended as it should, after the calls that were wanted.

What is not covered: whether what the tools said was used.
"""

from collections.abc import Mapping
from typing import Any

from aj.exact_json import loads
from aj.hashing import canonical
from aj.validators.answers import MOST_REASONS, below_one
from aj.validators.score import Reason, Score


def episode_done(text: str, context: Mapping[str, Any]) -> Score:
    """1 where the conversation ended with ``complete``, said what was wanted, and made the calls that were wanted before.

    Context: ``complete``: ``{"answer": text}``, compared without regard to case and outer blanks, or ``{"error": text}``: an error that names it;
    ``called``: calls ``{"name", "arguments"}`` that must have been made; ``not_called``: names of tools that must not.
    Codes: unreadable, no_task, not_completed, completed_early, wrong_answer, missing_call, forbidden_call.
    """
    try:
        messages = loads(text)["messages"]
        calls = [c["function"] for m in messages if m["role"] == "assistant" for c in m.get("tool_calls") or ()]
        calls = [{"name": str(c["name"]), "arguments": dict(c["arguments"])} for c in calls]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        return Score.of([Reason("unreadable", f"no conversation: {error!r}")])
    if "complete" not in context:
        return Score.of([Reason("no_task", "the context says nothing of how the episode must end")])
    reasons = _ending(calls, context["complete"])
    made = [canonical({"name": c["name"], "arguments": c["arguments"]}) for c in calls]
    wanted = [canonical(call) for call in context.get("called", ())]
    reasons += (Reason("missing_call", f"never called: {call}") for call in wanted if call not in made)
    forbidden = sorted({c["name"] for c in calls} & set(context.get("not_called", ())))
    reasons += (Reason("forbidden_call", f"{name} was called") for name in forbidden)
    steps = 1 + len(wanted)
    return Score.of(reasons[:MOST_REASONS], below_one(max(0.0, 1 - len(reasons) / steps)))


def _ending(calls: list[dict[str, Any]], wanted: Mapping[str, Any]) -> list[Reason]:
    ends = [i for i, call in enumerate(calls) if call["name"] == "complete"]
    if not ends:
        return [Reason("not_completed", "complete was never called")]
    if ends[0] < len(calls) - 1:
        return [Reason("completed_early", "calls follow the one of complete")]
    said = calls[-1]["arguments"]
    if "error" in wanted:
        right = str(wanted["error"]).lower() in str(said.get("error", "")).lower()
    else:
        right = str(said.get("answer", "")).strip().lower() == str(wanted["answer"]).strip().lower()
    return [] if right else [Reason("wrong_answer", f"{canonical(said)} instead of {canonical(wanted)}")]
