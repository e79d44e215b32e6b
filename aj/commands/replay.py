"""`aj replay FILE`: play the transcripts of an evaluation again and compare every byte."""

import argparse
from pathlib import Path

from aj.commands import Commands
from aj.errors import EpisodeError


def register(commands: Commands) -> None:
    """Add `replay`."""
    parser = commands.add_parser("replay", help="play transcripts again and compare every byte")
    parser.add_argument("transcripts", type=Path, help="what `aj evaluate --transcripts` wrote")
    parser.add_argument("--episodes", type=Path, required=True, help="the question set they were played on")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print how many transcripts replay; the first that does not is an error."""
    from aj.sqlenv import questions, transcript

    known = {q.id: q for q in questions.sift(given.episodes)[0]}
    found = transcript.read(given.transcripts)
    for one in found:
        if one["question"] not in known:
            raise EpisodeError(
                f"transcript of question {one['question']!r}: {given.episodes} has no such question; give the set it was played on."
            )
        transcript.replay(one, known[one["question"]])
    print(f"{len(found)} transcripts replay, every byte the same.")
