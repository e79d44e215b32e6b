"""Measure any player on any questions: the same numbers that the eval stage records, as Markdown, JSON and transcripts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aj.evaluation.players import Play
from aj.evaluation.suites import accuracy_by
from aj.sqlenv import transcript
from aj.sqlenv.rollout import Episode


@dataclass(frozen=True)
class Measured:
    """What came of the episodes of one model."""

    model: str
    play: Play
    total: dict[str, Any]
    by_split: list[dict[str, Any]]
    """Empty where the set says no splits."""
    by_difficulty: list[dict[str, Any]]
    """Empty where the set does not say how difficult its questions are."""
    episodes: Sequence[Episode]

    def numbers(self) -> dict[str, Any]:
        """Everything but the episodes, as JSON."""
        settings = {key: getattr(self.play, key) for key in ("budget", "max_new_tokens", "max_length", "temperature", "seed")}
        return {
            "model": self.model, "settings": settings, "total": self.total, "by_split": self.by_split, "by_difficulty": self.by_difficulty,
        }  # fmt: skip

    def markdown(self) -> str:
        """A table a person reads: accuracy with its 95 % interval (Wilson), and how the episodes went.

        A single split is all there is: its row stands for all.
        """
        lines = [
            f"`{self.model}`, budget {self.play.budget}, "
            + (f"temperature {self.play.temperature:g}" if self.play.temperature else "greedy"),
            "",
            "| questions | n | accuracy (95 %) | executed | turns | parse failures | answered | failed |",
            "|---|---|---|---|---|---|---|---|",
        ]
        alone = [row["n"] for row in self.by_split] == [self.total["n"]]
        named = [
            *([] if alone else [("all", self.total)]),
            *((r["split"], r) for r in self.by_split),
            *((r["difficulty"], r) for r in self.by_difficulty),
        ]
        for name, row in named:
            lines.append(
                f"| {name} | {row['n']} | {row['accuracy']:.3f} ({row['low']:.3f} to {row['high']:.3f}) | {row['executed']:.3f} | "
                f"{row['mean_actions']:.2f} | {row['parse_failures']:.3f} | {row['answered']:.3f} | {row['failed']:.3f} |"
            )
        return "\n".join(lines)

    def transcripts(self) -> list[transcript.Transcript]:
        """One a question, with its hash chain, as it was played; each replays (aj/sqlenv/transcript.py)."""
        return [
            {**transcript.written(e.env, e.actions), "split": e.question.split, "text": e.question.text,
             "gold_sql": e.question.gold_sql, "correct": bool(e.env.correct), "failed": e.failed}
            for e in self.episodes
        ]  # fmt: skip


def count(model: str, play: Play, episodes: Sequence[Episode]) -> Measured:
    """What came of episodes that ``model``, by any name, has played."""
    known = [e for e in episodes if e.question.difficulty]
    return Measured(
        model=model,
        play=play,
        total=accuracy_by("set", episodes, lambda _: "all")[0],
        by_split=accuracy_by("split", [e for e in episodes if e.question.split_said], lambda q: q.split),
        by_difficulty=accuracy_by("difficulty", known, lambda q: q.difficulty),
        episodes=episodes,
    )
