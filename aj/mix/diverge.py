"""Preference pairs from raw episodes: where a failed episode of a task leaves the path of a successful one, the successful turn
is chosen and the failed one rejected. No pair contains the hint of its task (derive.py).

What is not covered: that the turn which leaves the path is itself the mistake; more episodes than fit into memory.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any

from aj.chat import RowError
from aj.hashing import canonical
from aj.mix import derive
from aj.mix.split import held_out
from aj.sources import trace
from aj.sources.trace import Episode

BROKEN_RULES = {"gave_up": "gave_up", "answered": "wrong_answer"}  # by outcome; any other stands for itself


def pair(success: Episode, failure: Episode, *, validation: float) -> dict[str, Any]:
    """The pair (aj/mix/preference.py) at the first turn in which two episodes of a task differ; ``validation`` is the share of the
    groups that is held out where the task does not say its side.

    Raises RowError: not_a_pair (other tasks, or not a success and a failure), no_divergence (one goes the other's way to its end),
    other_observations (the same turns were answered differently), hint_in_row, or a bucket of ``normalise``.
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
    prompt = [*derive.opening(success), *(m for step in success.steps[:common] for m in derive.told(step))]
    before = success.steps[:common]
    chosen, rejected = (
        derive.row_of(episode, [*prompt, derive.turn(step)], [*before, step])["messages"][-1]
        for episode, step in ((success, good), (failure, bad))
    )
    tools = derive.tools_of([*before, good, bad])
    rule = BROKEN_RULES.get(failure.outcome, failure.outcome)
    if rule in canonical(prompt):
        raise RowError("label_in_prompt", f"the prompt contains {rule!r}")
    side = success.split or ("held_out" if held_out(success.group, validation) else "train")
    return {
        "prompt": canonical(prompt), "chosen": chosen["content"], "rejected": rejected["content"],
        "chosen_calls": canonical(chosen.get("tool_calls", [])), "rejected_calls": canonical(rejected.get("tool_calls", [])),
        "tools": canonical(tools), "broken_rule": rule, "group": success.group, "split": side,
    }  # fmt: skip


def pairs(
    lines: Iterable[tuple[str, Mapping[str, Any] | RowError]], validation: float
) -> Iterator[tuple[str, dict[str, Any] | RowError]]:
    """Pairs of raw episodes, given as (place, row): each failed one against the success of its task that goes longest the same way.

    For each episode that is no success there is one pair or one RowError: ``pair``'s, no_success or unverified.
    """
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
    for place, failure in failures:
        try:
            if failure.task not in successes:
                raise RowError("no_success", f"no episode of task {failure.task!r} succeeded")
            yield place, pair(max(successes[failure.task], key=lambda s: _common(s, failure)), failure, validation=validation)
        except RowError as error:
            yield place, error


def _common(one: Episode, other: Episode) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0].done == pair[1].done, zip(one.steps, other.steps, strict=False)))
