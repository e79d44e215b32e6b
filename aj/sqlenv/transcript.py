"""Transcripts that prove themselves: every step carries the hash of all before it, and ``replay`` plays it again.

A transcript is JSON: what was asked of which database (SHA-256), the budget, and the steps, each with action, observation, reward
and hash. The hash of a step is the SHA-256 of the one before and of the step's canonical JSON; the first is that of the head. So
a line that was changed, dropped or moved is found without the database, and a changed environment is found with it.
What is not covered: somebody who changes a transcript and all its hashes (replay sees that, the chain alone does not).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from aj.errors import EpisodeError
from aj.hashing import canonical, sha256
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question

Transcript = dict[str, Any]
STEP = ("action", "observation", "reward", "done")


def write(question: Question, budget: int, steps: Iterable[Sequence[Any]]) -> Transcript:
    """A transcript of steps as (action, observation, reward, done)."""
    head = {"question": question.id, "database": sha256(question.database), "budget": budget}
    before, chained = _link("", head), []
    for step in steps:
        row = dict(zip(STEP, step, strict=True))
        before = _link(before, row)
        chained.append({**row, "hash": before})
    return {**head, "steps": chained}


def written(env: SQLEnv, actions: Sequence[str]) -> Transcript:
    """The transcript of what ``env`` has played: ``actions``, the texts of all its steps, beside what came of each."""
    steps = ((action, seen.text, seen.reward, seen.done) for action, seen in zip(actions, env.seen, strict=True))
    return write(env.question, env.budget, steps)


def record(question: Question, budget: int, actions: Sequence[str]) -> Transcript:
    """Play actions, as text, and write down what happened; actions after the end are played too."""
    env = SQLEnv(budget)
    env.reset(question)
    try:
        for action in actions:
            env.step(action)
    finally:
        env.close()
    return written(env, actions)


def read(path: Path) -> list[Transcript]:
    """The transcripts of a file, a line each, every chain checked. Raises EpisodeError naming what cannot be read."""
    if not path.is_file():
        raise EpisodeError(f"{str(path)!r} does not exist: name a file that `aj evaluate --transcripts` or the eval stage wrote.")
    found = []
    # Only a line feed ends a line: the line separators of Unicode stand unescaped in what a model wrote.
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="surrogatepass").split("\n"), 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except ValueError as error:
            raise EpisodeError(f"line {number} of {str(path)!r} is not JSON ({error}): write the transcripts again.") from None
        if not isinstance(one, dict):
            raise EpisodeError(f"line {number} of {str(path)!r} is a {type(one).__name__}: a transcript is an object a line.")
        check(one)
        found.append(one)
    return found


def check(transcript: Mapping[str, Any]) -> None:
    """Raise EpisodeError naming the first step that is not as it was written."""
    name = f"transcript of question {transcript.get('question')!r}"
    try:
        before = _link("", {key: transcript[key] for key in ("question", "database", "budget")})
        for number, step in enumerate(transcript["steps"], 1):
            before = _link(before, {key: step[key] for key in STEP})
            if step["hash"] != before:
                raise EpisodeError(f"{name}: step {number} or one before it was changed ({step['hash']} is not {before}).")
    except (KeyError, TypeError) as error:
        raise EpisodeError(f"{name} is not whole ({type(error).__name__}: {error}): write it again.") from None


def replay(transcript: Mapping[str, Any], question: Question) -> None:
    """Check the chain, then play the actions again: same database, same observations, same rewards, byte for byte.

    Raises EpisodeError naming what differs.
    """
    check(transcript)
    name = f"transcript of question {transcript['question']!r}"
    if question.id != transcript["question"]:
        raise EpisodeError(f"{name} is replayed with question {question.id!r}: give it its own.")
    if (found := sha256(question.database)) != transcript["database"]:
        raise EpisodeError(f"{name}: {question.database.name} has SHA-256 {found}, not {transcript['database']}: fetch it again.")
    again = record(question, transcript["budget"], [step["action"] for step in transcript["steps"]])
    for number, (then, now) in enumerate(zip(transcript["steps"], again["steps"], strict=True), 1):
        for key in STEP:
            if then[key] != now[key]:
                raise EpisodeError(f"{name}: {key} of step {number} is {now[key]!r} now, it was {then[key]!r}.")


def _link(before: str, content: Mapping[str, Any]) -> str:
    return hashlib.sha256((before + canonical(content)).encode("utf-8", "surrogatepass")).hexdigest()
