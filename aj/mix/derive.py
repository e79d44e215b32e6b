"""Training rows from raw episodes: whole conversations (sft), pairs of turns (preference), one turn a row (steps).

sft: a successful episode as messages. preference: where a failed episode of a task leaves the path of a successful one, the
successful turn is chosen and the failed one rejected. steps: for each turn of a successful episode the way there as one user
message and the turn as the only thing learned; SQLEnv's lessons warn of learning from such rows alone.
No row contains the hint of its episode, or eight words of it in a row.

What is not covered: that the turn which leaves the path is itself the mistake; pairs of turns that call tools (pairs hold text,
see preference.py); hints told in other words; for pairs, more episodes than fit into memory.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from aj.chat import RowError, normalise
from aj.errors import DataError
from aj.hashing import canonical
from aj.mix.split import held_out
from aj.sources import rows, trace
from aj.sources.trace import Episode, Step
from aj.tools import agent_tools

Row = dict[str, Any]
Rows = Iterator[tuple[str, Row | RowError]]

HINT_WORDS = 8  # of a longer hint, so many in a row are as good as the whole
BROKEN_RULES = {"gave_up": "gave_up", "answered": "wrong_answer"}  # by outcome; any other stands for itself


def sft(episode: Episode) -> Row:
    """A successful episode as one conversation.

    Raises RowError: failed_episode, unverified (nobody could say whether it succeeded), hint_in_row, or a bucket of ``normalise``.
    """
    _check_success(episode)
    messages = [*_opening(episode), *(m for step in episode.steps for m in _told(step))]
    while messages[-1]["role"] == "tool":  # what the last turn heard teaches nobody anything
        messages.pop()
    return _row(episode, messages, episode.steps)


def steps(episode: Episode) -> list[Row]:
    """One row for each turn of a successful episode. Raises RowError as ``sft`` does."""
    _check_success(episode)
    found = []
    for number, step in enumerate(episode.steps):
        *before, user = _opening(episode)
        so_far = ["\n".join([f"> {_written(s)}", *s.observations]) for s in episode.steps[:number]]
        content = "\n\n".join([user["content"], *so_far, "next step?"])
        found.append(_row(episode, [*before, {"role": "user", "content": content}, _turn(step)], [step]))
    return found


def preference(success: Episode, failure: Episode, *, validation: float) -> Row:
    """The pair (aj/mix/preference.py) at the first turn in which two episodes of a task differ; ``validation`` is the share of the
    groups that is held out where the task does not say its side.

    Raises RowError: not_a_pair (other tasks, or not a success and a failure), no_divergence (one goes the other's way to its end),
    other_observations (the same turns were answered differently), pair_calls_tools, hint_in_row, or a bucket of ``normalise``.
    """
    told = [(e.task, e.system, e.question, e.group, e.split) for e in (success, failure)]
    if told[0] != told[1] or success.success is not True or failure.success is not False:
        raise RowError("not_a_pair", f"{success.task!r} ({success.success}) and {failure.task!r} ({failure.success})")
    common = _common(success, failure)
    if common == min(len(success.steps), len(failure.steps)):
        raise RowError("no_divergence", f"all {common} turns are the same")
    good, bad = success.steps[common], failure.steps[common]
    if (good.action, good.calls) == (bad.action, bad.calls):
        raise RowError("other_observations", f"turn {common + 1} is the same and was answered differently")
    if not (good.action and bad.action):
        raise RowError("pair_calls_tools", f"turn {common + 1} is not plain text on both sides")
    prompt = [*_opening(success), *(m for step in success.steps[:common] for m in _told(step))]
    for episode, step in ((success, good), (failure, bad)):
        _row(episode, [*prompt, _turn(step)], success.steps[:common])
    rule = BROKEN_RULES.get(failure.outcome, failure.outcome)
    if rule in canonical(prompt):
        raise RowError("label_in_prompt", f"the prompt contains {rule!r}")
    side = success.split or ("held_out" if held_out(success.group, validation) else "train")
    return {
        "prompt": canonical(prompt), "chosen": good.action, "rejected": bad.action, "broken_rule": rule, "group": success.group,
        "split": side,
    }  # fmt: skip


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


def rows_of(folder: Path, formats: Sequence[str]) -> Rows:
    """Rows for SFT (formats sft, steps) of a landed source, in the order of its files: what ``rows.read`` is to other sources.

    Raises DataError at the end where no episode made a row (where one format does, all do).
    """
    return _counted(derived(_lines(folder), formats), folder, " and ".join(formats))


def pairs_of(folder: Path, validation: float) -> Rows:
    """Preference pairs of a landed source: each failed episode against the success of its task that goes longest the same way.

    Raises DataError at the end where there is none.
    """
    return _counted(_pairs(_lines(folder), validation), folder, "preference")


def _pairs(lines: Iterable[tuple[str, Mapping[str, Any] | RowError]], validation: float) -> Rows:
    successes: dict[str, list[Episode]] = {}
    failures: list[tuple[str, Episode]] = []
    for place, raw in lines:
        try:
            episode = trace.read(raw)
        except RowError as error:
            yield place, error
            continue
        if episode.success is None:
            yield place, RowError("unverified", f"task {episode.task!r}")
        elif episode.success:
            successes.setdefault(episode.task, []).append(episode)
        else:
            failures.append((place, episode))
    known: set[str] = set()
    for place, failure in failures:
        try:
            if failure.task not in successes:
                raise RowError("no_success", f"no episode of task {failure.task!r} succeeded")
            pair = preference(max(successes[failure.task], key=lambda s: _common(s, failure)), failure, validation=validation)
            if (content := canonical(pair)) in known:
                raise RowError("duplicate_pair", f"task {failure.task!r}")
            known.add(content)
            yield place, pair
        except RowError as error:
            yield place, error


def _lines(folder: Path) -> Iterator[tuple[str, dict[str, Any] | RowError]]:
    for file in sorted((folder / "episodes").rglob("*.jsonl")):
        yield from rows.read(file)


def _counted(found: Rows, folder: Path, kind: str) -> Rows:
    made, refused = 0, Counter[str]()
    for place, row in found:
        made += not isinstance(row, RowError)
        refused.update([row.bucket] if isinstance(row, RowError) else [])
        yield place, row
    if not made:
        reasons = ", ".join(f"{bucket} {count}" for bucket, count in sorted(refused.items())) or "it has no episodes"
        raise DataError(f"source {folder.name!r} gives 0 rows of {kind} ({reasons}): mend its episodes or drop the format.")


def _common(one: Episode, other: Episode) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0].done == pair[1].done, zip(one.steps, other.steps, strict=False)))


def _check_success(episode: Episode) -> None:
    if not episode.success:
        bucket = "unverified" if episode.success is None else "failed_episode"
        raise RowError(bucket, f"task {episode.task!r} ended with {episode.outcome}")


def _opening(episode: Episode) -> list[Row]:
    system = [{"role": "system", "content": episode.system}] if episode.system else []
    return [*system, {"role": "user", "content": episode.question}]


def _turn(step: Step) -> Row:
    if not step.calls:
        return {"role": "assistant", "content": step.action}
    calls = [{"type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in step.calls]
    return {"role": "assistant", "content": step.thought, "tool_calls": calls}


def _told(step: Step) -> list[Row]:
    return [_turn(step), *({"role": "tool", "content": text} for text in step.observations)]


def _written(step: Step) -> str:
    return step.action or "\n> ".join(f"{call.name} {canonical(call.arguments)}" for call in step.calls)


def _row(episode: Episode, messages: list[Row], used: Sequence[Step]) -> Row:
    """A row of the one schema, in which the hint does not stand. Raises RowError."""
    tools = list(agent_tools()) if any(step.calls for step in used) else []
    conversation = normalise({"messages": messages, "tools": tools})
    if episode.hint and _tells(conversation.text().decode(), episode.hint):
        raise RowError("hint_in_row", f"the hint of task {episode.task!r} is told")
    split = {"split": episode.split} if episode.split else {}
    return {"messages": list(conversation.messages), "tools": tools, "group": episode.group, **split}


def _tells(text: str, hint: str) -> bool:
    words, wanted = (re.findall(r"\w+", t.casefold()) for t in (text, hint))
    if not wanted:
        return hint in text
    size, said = min(HINT_WORDS, len(wanted)), f" {' '.join(words)} "
    return any(f" {' '.join(wanted[i : i + size])} " in said for i in range(len(wanted) - size + 1))
