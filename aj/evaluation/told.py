"""An episode as a page tells it, from the episode itself or from its transcript: nothing is played to be told.

What is not covered: rewards and what the policy saw beside the observations; `aj replay` compares those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aj.errors import DataError, EpisodeError
from aj.hashing import sha256
from aj.sqlenv import transcript
from aj.sqlenv.actions import parse
from aj.sqlenv.grading import right
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Episode
from aj.sqlenv.transcript import Transcript


@dataclass(frozen=True)
class Told:
    """What was asked, what was said and heard, and how it ended."""

    question: Question
    actions: Sequence[str]
    observations: Sequence[str]
    correct: bool
    answered: bool
    parse_failures: int
    out_of_context: bool
    failed: str
    """Why the player gave no further action; "" where it did."""


def of(episode: Episode) -> Told:
    """An episode that was just played."""
    env = episode.env
    return Told(
        episode.question, tuple(episode.actions), tuple(episode.observations), correct=bool(env.correct), answered=bool(env.answered),
        parse_failures=env.parse_failures, out_of_context=episode.out_of_context, failed=episode.failed,
    )  # fmt: skip


def read(path: Path, questions: Sequence[Question]) -> list[Told]:
    """The episodes of ``questions``, in their order, from a file of transcripts whose hash chains are checked.

    Raises DataError where a question is missing, EpisodeError where a transcript was changed or is another question's.
    """
    found = {one["question"]: one for one in transcript.read(path)}
    if missing := [q.id for q in questions if q.id not in found]:
        raise DataError(f"{str(path)!r} has no transcript of question {missing[0]!r}: run eval again.")
    return [_told(found[question.id], question) for question in questions]


def _told(one: Transcript, question: Question) -> Told:
    name = f"transcript of question {question.id!r}"
    if (one["database"], one.get("gold_sql")) != (sha256(question.database), question.gold_sql):
        raise EpisodeError(f"{name} was played on another database or asked {one.get('gold_sql')!r}: run eval again.")
    actions = [parse(step["action"]) for step in one["steps"]]
    answers = [action.argument for action in actions if action.kind == "ANSWER"]
    # The verdict stands outside the chain, so the answer inside it is graded again.
    verdict, failed = one.get("correct"), one.get("failed") or ""
    if verdict is not (bool(answers) and right(answers[0], question.gold, ordered=question.ordered)):
        raise EpisodeError(f"{name} says correct: {verdict}, its answer is graded otherwise: run eval again.")
    return Told(
        question, [step["action"] for step in one["steps"]], [step["observation"] for step in one["steps"]], correct=bool(verdict),
        answered=bool(answers), parse_failures=sum(not action.well_formed for action in actions),
        out_of_context=not failed and not any(step["done"] for step in one["steps"]), failed=failed,
    )  # fmt: skip
