"""A teacher plays tasks through an endpoint, and its raw episodes are appended to a JSONL file.

Each task is played ``runs`` times without its hint, and once more with it where it has one. Whether an answer is right is said by
the environment or the task; where neither can, by the majority of the runs without the hint. A finished task stands in the file
whole and is skipped by the next call; a task whose requests failed is played again.
What is not covered: answers that most runs get wrong in the same way; a change of teacher within one file.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from aj.chat import RowError
from aj.errors import DataError
from aj.exact_json import loads
from aj.hashing import canonical
from aj.sources import rows, trace
from aj.sources.card import Endpoint
from aj.sources.endpoint import PASSING, Message, RequestError, Turn, ask, connect, told
from aj.sources.trace import Call, Episode, Outcome, Provenance, Step
from aj.sources.worlds import SqlTask, Task, open_world
from aj.sqlenv.grading import NUMBER, clean

if TYPE_CHECKING:
    from openai import OpenAI

GIVE_UP = 5  # tasks in a row


def collect(teacher: Endpoint, tasks: Sequence[Task], out: Path) -> dict[str, int]:
    """Play the tasks that do not yet stand in ``out`` (.jsonl) and append their episodes.

    Returns an account: ``tasks`` = ``skipped`` + ``finished`` + ``unfinished``; ``episodes`` written, of these ``success`` and
    ``unverified``; ``repeated``, runs that another one equals; ``failed.BUCKET``, runs without an episode. Raises ParamsError without a key; DataError for no task or two of
    one id, for an endpoint that refuses key or model, and after five tasks in a row that it did not answer.
    """
    if not tasks:
        raise DataError("there is no task to play: name a set of questions or a file of tasks.")
    if (twice := Counter(task.id for task in tasks).most_common(1)[0])[1] > 1:
        raise DataError(f"{twice[1]} tasks have the id {twice[0]!r}: give each its own.")
    client = connect(teacher)
    known = _finished(out)
    todo = [task for task in tasks if task.id not in known]
    counts = dict.fromkeys(["finished", "unfinished", "episodes", "repeated", "success", "unverified"], 0)
    account = Counter(tasks=len(tasks), skipped=len(tasks) - len(todo), **counts)
    in_vain = 0
    out.parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(teacher.parallel) as pool, out.open("ab") as stream, client:
        try:
            played = pool.map(partial(_play_task, client, teacher), todo)
            for episodes, failed in tqdm(played, total=len(todo), desc=teacher.model, unit=" tasks"):
                account.update({f"failed.{bucket}": count for bucket, count in failed.items()})
                if not episodes or PASSING & failed.keys():
                    account["unfinished"] += 1
                    in_vain += 1
                    if in_vain == GIVE_UP:
                        raise DataError(
                            f"{teacher.base_url} answered none of {GIVE_UP} tasks in a row ({_listed(account)}): check "
                            "that it runs and what it allows, and call again; what was finished is kept."
                        )
                    continue
                in_vain = 0
                unique = {episode.id: episode for episode in episodes}
                stream.write(b"".join(canonical(episode.stored()).encode() + b"\n" for episode in unique.values()))
                stream.flush()
                account.update(
                    finished=1,
                    episodes=len(unique),
                    repeated=len(episodes) - len(unique),
                    success=sum(e.success is True for e in unique.values()),
                    unverified=sum(e.success is None for e in unique.values()),
                )
        finally:
            pool.shutdown(cancel_futures=True)
    return dict(account)


def majority(answers: Sequence[str | None]) -> str | None:
    """The answer that more than half of the runs give, and at least two, as the first of them writes it; None where there is none.

    Case, white space, quotes and the spelling of numbers do not count (aj/sqlenv/grading.py). None among the answers is a run
    without one: it counts against every answer.
    """
    given = [answer for answer in answers if answer is not None]
    votes = Counter(map(_fold, given))
    if not votes:
        return None
    best, count = votes.most_common(1)[0]
    return next(a for a in given if _fold(a) == best) if count >= 2 and 2 * count > len(answers) else None


def _finished(out: Path) -> set[str]:
    """Ids of the tasks in the file. A line that a killed call left unfinished is cut off, with its task: that is played again."""
    if not out.is_file():
        return set()
    text = out.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    tasks: list[tuple[str, bytes]] = []
    lines = [line for line in whole.splitlines(keepends=True) if line.strip()]
    for line, (place, raw) in zip(lines, rows.read_lines(out.name, lines), strict=True):
        try:
            tasks.append((trace.read(raw).task, line))
        except RowError as error:
            raise DataError(f"{place} is no episode ({error}): mend or remove the line, then call again.") from None
    if whole != text:
        torn = tasks[-1][0] if tasks else ""
        tasks = [(task, line) for task, line in tasks if task != torn]
        draft = out.with_suffix(".draft")
        draft.write_bytes(b"".join(line for _, line in tasks))
        draft.replace(out)
    return {task for task, _ in tasks}


def _play_task(client: "OpenAI", teacher: Endpoint, task: Task) -> tuple[list[Episode], Counter[str]]:
    """Every run of a task, judged; and the runs that failed, by bucket. Stops at a failure that may pass."""
    episodes: list[Episode] = []
    failed: Counter[str] = Counter()
    for hinted in [False] * teacher.runs + [True] * bool(task.hint):
        try:
            episodes.append(_play(client, teacher, task, hinted))
        except RequestError as error:
            failed[error.bucket] += 1
            if error.bucket in PASSING:
                break
    return list(_judged(task, episodes, teacher.runs)), failed


def _judged(task: Task, episodes: Sequence[Episode], runs: int) -> Iterator[Episode]:
    if isinstance(task, SqlTask):
        yield from episodes
        return
    unaided = [e.answer for e in episodes if not e.hinted]
    truth = task.answer or majority([*unaided, *[None] * (runs - len(unaided))])
    for episode in episodes:
        if episode.answer is None:
            yield replace(episode, success=False)
        else:
            yield replace(episode, success=None if truth is None else _fold(episode.answer) == _fold(truth))


def _play(client: "OpenAI", teacher: Endpoint, task: Task, hinted: bool) -> Episode:
    world = open_world(task, teacher.budget)
    hint = f"\nhint: {task.hint}" if hinted else ""
    messages: list[Message] = [
        {"role": "system", "content": "\n\n".join(filter(None, [world.instructions, task.system]))},
        {"role": "user", "content": task.question + hint},
    ]
    steps: list[Step] = []
    outcome: Outcome | None = None
    try:
        while outcome is None:
            turn = ask(client, teacher, messages, world.tools)
            step, outcome = _read(turn)
            if outcome is None:
                heard = world.play(step.action, step.calls)
                step, outcome = replace(step, observations=heard), world.outcome
                messages += told(turn, heard)
            if outcome == "bad_call" and step.calls:  # where none was offered
                step = Step(thought=step.thought, action=canonical(turn.calls))
            steps.append(step)
    finally:
        world.close()
    episode = Episode(
        task=task.id, question=task.question, system=task.system, hint=task.hint, hinted=hinted, steps=tuple(steps), outcome=outcome,
        answer=world.answer, success=world.success, group=task.group, split=task.split,
        provenance=Provenance(teacher.model, datetime.now(UTC).date().isoformat()),
    )  # fmt: skip
    try:
        return trace.read(episode.stored())
    except RowError as error:  # half a surrogate pair, say
        raise RequestError(f"not_storable.{error.bucket}") from None


def _read(turn: Turn) -> tuple[Step, Outcome | None]:
    """A turn as a step, and the outcome where it ends the episode by itself. A broken call is kept as the text that it is."""
    if not turn.whole:
        return Step(thought=turn.thought, action=turn.text or canonical(turn.calls)), "cut_off"
    if not turn.calls:
        return Step(thought=turn.thought, action=turn.text), None
    try:
        calls = tuple(Call(call["function"]["name"], loads(call["function"].get("arguments") or "{}")) for call in turn.calls)
        for call in calls:
            trace.check_call(call)
    except (RowError, ValueError, KeyError, TypeError, RecursionError):
        return Step(thought=turn.text or turn.thought, action=canonical(turn.calls)), "bad_call"
    return Step(thought=turn.text or turn.thought, calls=calls), None


def _fold(answer: str) -> str:
    text = " ".join(clean(answer).casefold().split())
    return str(Decimal(text).normalize()) if NUMBER.fullmatch(text) else text


def _listed(account: Counter[str]) -> str:
    return ", ".join(f"{key.removeprefix('failed.')} {n}" for key, n in sorted(account.items()) if key.startswith("failed."))
