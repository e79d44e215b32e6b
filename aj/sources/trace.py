"""A raw agent episode: the one schema that traces are stored against, as lines of JSONL, and its strict reader.

A step is one turn of the agent and what came back: either ``action`` (plain text, as SQLEnv reads it) or ``calls`` of the six
tools, with one observation for the action or one for each call. The last step may have none: it ended the episode.
The id hashes everything but the date, so that the same trace written twice is the same trace.
What is not covered: images, and calls of other tools than those of data/tools.json.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache, cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StrictBool, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from aj.chat import RowError
from aj.hashing import canonical
from aj.tools import agent_tools

FORBID = ConfigDict(extra="forbid")
Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
TYPES: dict[str, type] = {"string": str, "integer": int}
Outcome = Literal["answered", "gave_up", "out_of_budget", "bad_call", "no_call", "not_recorded", "cut_off"]


@dataclass(frozen=True, config=FORBID)
class Call:
    """A call of one of the six tools."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, config=FORBID, kw_only=True)
class Step:
    """One turn of the agent, and what came back."""

    thought: str = ""
    """What the agent said beside its calls (or thought, where it said nothing), or thought before its action."""
    action: str = ""
    """The turn as text; "" where the turn is calls."""
    calls: tuple[Call, ...] = ()
    observations: tuple[str, ...] = ()

    @property
    def done(self) -> tuple[Any, ...]:
        """What was done and what came of it, without the thought: what two traces have in common."""
        return self.action, self.calls, self.observations


@dataclass(frozen=True, config=FORBID)
class Provenance:
    """Who wrote the trace, and when (UTC)."""

    teacher: Text
    date: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]


@dataclass(frozen=True, config=FORBID, kw_only=True)
class Episode:
    """One raw trace of a task. Episodes of one task can be compared."""

    task: Text
    question: Text
    """The user's message as the agent sees it; ``system`` comes before it."""
    system: str = ""
    hint: Text | None = None
    """What was known of the task and is withheld from evaluation, and so from training."""
    hinted: StrictBool = False
    """Whether this run was shown the hint."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    outcome: Outcome
    answer: Text | None = None
    success: StrictBool | None
    """Whether the answer is right; null where nobody could say."""
    group: Text
    split: Literal["", "train", "held_out"] = ""
    """"" lets the hash of the group decide."""
    provenance: Provenance

    @cached_property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical content without the date."""
        content = asdict(self)
        del content["provenance"]["date"]
        return hashlib.sha256(canonical(content).encode()).hexdigest()[:16]

    def stored(self) -> dict[str, Any]:
        """The row that ``read`` reads."""
        return {"id": self.id, **asdict(self)}


@cache
def _adapter() -> TypeAdapter[Episode]:
    return TypeAdapter(Episode)


def read(raw: Mapping[str, Any] | RowError) -> Episode:
    """A row as an episode. Raises RowError with the row's own bucket where it is one already, and otherwise with missing_KEY,
    bad_KEY, unknown_key, bad_step, bad_observations, unknown_tool, bad_arguments, goes_on, bad_outcome, bad_answer, bad_hint or
    wrong_id."""
    if isinstance(raw, RowError):
        raise raw
    try:
        episode = _adapter().validate_python({key: value for key, value in raw.items() if key != "id"})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        kinds = {"missing": f"missing_{first['loc'][-1]}", "unexpected_keyword_argument": "unknown_key"}
        raise RowError(kinds.get(first["type"], f"bad_{first['loc'][0]}"), f"{place}: {first['msg'].lower()}") from None
    try:
        identity = episode.id
    except (ValueError, TypeError) as error:  # no canonical form: half a surrogate pair, say
        raise RowError("bad_steps", str(error)) from None
    if raw.get("id", identity) != identity:
        raise RowError("wrong_id", f"{raw['id']!r} is not {identity}: the trace was changed after it was written")
    _check_steps(episode)
    _check_end(episode)
    if episode.hinted and not episode.hint:
        raise RowError("bad_hint", "hinted, but there is no hint")
    return episode


def check_call(call: Call) -> None:
    """Raise RowError (unknown_tool, bad_arguments) for a call that data/tools.json does not allow."""
    schema = next((t["function"]["parameters"] for t in agent_tools() if t["function"]["name"] == call.name), None)
    if schema is None:
        raise RowError("unknown_tool", repr(call.name))
    known, given = schema["properties"], call.arguments
    wrong = [f"{key!r} is unknown" for key in given if key not in known]
    wrong += [f"{key!r} is missing" for key in schema.get("required", ()) if key not in given]
    wrong += [f"{key!r} is {value!r}" for key, value in given.items() if key in known and not _fits(value, known[key])]
    if not schema.get("minProperties", 0) <= len(given) <= schema.get("maxProperties", len(given)):
        wrong.append(f"{len(given)} arguments")
    if wrong:
        raise RowError("bad_arguments", f"{call.name}: {wrong[0]}"[:200])


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    return type(value) is TYPES[schema["type"]] and (not isinstance(value, int) or value >= schema.get("minimum", value))


def _check_steps(episode: Episode) -> None:
    for number, step in enumerate(episode.steps, 1):
        if bool(step.action.strip()) == bool(step.calls):
            raise RowError(
                "bad_step", f"step {number} has {'both action and calls' if step.calls else 'neither action nor calls'}"
            )
        for call in step.calls:
            check_call(call)
        wanted = len(step.calls) or 1
        if len(step.observations) != wanted and (step.observations or number < len(episode.steps)):
            raise RowError("bad_observations", f"step {number} has {len(step.observations)} for {wanted}")
    for step, _ in pairwise(episode.steps):
        if any(call.name == "complete" for call in step.calls):
            raise RowError("goes_on", "there are steps after complete")


def _check_end(episode: Episode) -> None:
    if (episode.answer is not None) != (episode.outcome == "answered"):
        raise RowError("bad_outcome", f"outcome {episode.outcome!r} with answer {episode.answer!r}"[:200])
    if episode.success and episode.outcome != "answered":
        raise RowError("bad_outcome", f"success with outcome {episode.outcome!r}")
    if episode.answer is None:
        return
    last = episode.steps[-1]
    completed = [call.arguments.get("answer") for call in last.calls if call.name == "complete"]
    if completed[-1:] != [episode.answer] if last.calls else episode.answer not in last.action:
        raise RowError("bad_answer", f"the last step does not answer {episode.answer[:80]!r}")
