"""The page on which a person reads GRPO: headline numbers, the curve of its training, and players' episodes side by side.

One HTML file without scripts or anything from outside, in the manner of the report of the mix (aj/mix/report.py); drawn by
data/templates/transcripts.html. All players answered the same questions. Questions on which they differ come first; at most
MOST are shown, some of each kind, evenly over the set, and the page says how many of each kind there are. Its bytes depend on
what it is given alone. Everything that a model or a database said is escaped.

What is not covered: a result whose own first cell begins with "error: " is marked as an error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj.errors import EpisodeError
from aj.evaluation.curves import WINDOW, line_chart, series
from aj.evaluation.statistics import wilson
from aj.evaluation.suites import spread
from aj.evaluation.told import Told
from aj.mix.report import shown
from aj.sqlenv.actions import parse
from aj.sqlenv.questions import Question, gold_text

TEMPLATE = Path(__file__).parent.parent.parent / "data" / "templates" / "transcripts.html"
MOST = 24  # questions that are shown


@dataclass(frozen=True)
class Score:
    """How one player did on one group of questions; ``low`` and ``high`` are the 95 % interval (Wilson) of the share right."""

    player: str
    questions: str
    n: int
    right: int
    low: float
    high: float
    answered: int
    cut: int
    """Episodes that ended for want of context or because the player failed."""
    parse_failures: int
    actions: int


@dataclass(frozen=True)
class Turn:
    """An action as it was written and what came back."""

    action: str
    parsed: bool
    observation: str
    error: bool


@dataclass(frozen=True)
class Played:
    """One player's episode of a question."""

    player: str
    right: bool
    ending: str
    """Why there is no answer; "" where there is one."""
    parse_failures: int
    turns: Sequence[Turn]


@dataclass(frozen=True)
class Block:
    """A question with what every player did; ``number`` is its place in the set, from 1."""

    number: int
    kind: str
    question: Question
    gold: str
    columns: Sequence[Played]


def write(
    path: Path, *, title: str, players: Mapping[str, Sequence[Told]], curve: Iterable[Mapping[str, Any]] = ()
) -> None:  # fmt: skip
    """Write the page. ``players``: name -> episodes of the same questions in the same order, the one to compare with first.

    ``curve``: rows of ``step`` and numbers, in the order of steps; a column that no row has gets no chart. Raises EpisodeError.
    """
    path.write_bytes(render(title=title, players=players, curve=curve).encode("utf-8"))


def render(*, title: str, players: Mapping[str, Sequence[Told]], curve: Iterable[Mapping[str, Any]] = ()) -> str:
    """The whole page, as ``write`` writes it."""
    import jinja2

    same_questions(players)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=shown
    )
    environment.filters |= {"number": "{:,}".format, "percent": "{:.1%}".format}
    kinds, blocks = chosen(players)
    context = {
        "title": title,
        "scores": [score for name, episodes in players.items() for score in scores(name, episodes)],
        "charts": [line_chart(name, points) for name, points in series(curve).items()],
        "kinds": kinds,
        "blocks": blocks,
        "window": WINDOW,
    }
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(context)


def same_questions(players: Mapping[str, Sequence[Told]]) -> None:
    """Raise EpisodeError unless all players have the same questions in the same order, and at least one."""
    if not players:
        raise EpisodeError("a page of 0 players shows nothing: name at least one.")
    first, *others = players
    wanted = [e.question for e in players[first]]
    if not wanted:
        raise EpisodeError(f"player {first!r} has 0 episodes: give it one a question.")
    for name in others:
        asked = [e.question for e in players[name]]
        if len(asked) != len(wanted):
            raise EpisodeError(
                f"player {name!r} has {len(asked)} episodes, {first!r} has {len(wanted)}: give both the same questions."
            )
        for number, (one, other) in enumerate(zip(wanted, asked, strict=True), 1):
            if (one.text, one.gold_sql, one.gold) != (other.text, other.gold_sql, other.gold):
                raise EpisodeError(
                    f"question {number} is {one.text!r} ({one.gold_sql}) for {first!r} and {other.text!r} ({other.gold_sql}) for "
                    f"{name!r}: give both the same questions in the same order."
                )


def scores(player: str, episodes: Sequence[Told]) -> list[Score]:
    """One row for all questions, then one a split where there are several."""
    splits = list(dict.fromkeys(e.question.split for e in episodes))
    groups = [("all", list(episodes))]
    groups += [(split, [e for e in episodes if e.question.split == split]) for split in splits if len(splits) > 1]
    return [_score(player, name, group) for name, group in groups]


def chosen(players: Mapping[str, Sequence[Told]]) -> tuple[list[tuple[str, int, int]], list[Block]]:
    """(kinds as (name, questions in all, of them shown), the blocks to show), both in the order of kinds.

    A kind with more questions than its turn allows is thinned evenly, so that no split is left out for standing last.
    """
    names = _kinds(list(players))
    found: list[list[int]] = [[] for _ in names]
    for index, episodes in enumerate(zip(*players.values(), strict=True)):
        found[_kind([e.correct for e in episodes])].append(index)
    shares = quotas([len(indices) for indices in found], MOST)
    rows = list(zip(names, found, shares, strict=True))
    blocks = [_block(players, name, index) for name, indices, share in rows for index in spread(indices, share)]
    least = (2, 2, 3, 1, 1)  # players that it takes to differ in this way
    kinds = [(name, len(indices), share) for name, indices, share in rows]
    return [kind for kind, n in zip(kinds, least, strict=True) if len(players) >= n], blocks


def quotas(counts: Sequence[int], most: int) -> list[int]:
    """How many of each to take: one of each in turn until ``most`` are taken or none is left."""
    taken = [0] * len(counts)
    while sum(taken) < min(most, sum(counts)):
        for place, count in enumerate(counts):
            taken[place] += taken[place] < count and sum(taken) < most
    return taken


def _score(player: str, name: str, episodes: Sequence[Told]) -> Score:
    right = sum(e.correct for e in episodes)
    low, high = wilson(right, len(episodes))
    return Score(
        player=player, questions=name, n=len(episodes), right=right, low=low, high=high,
        answered=sum(e.answered for e in episodes), cut=sum(bool(e.out_of_context or e.failed) for e in episodes),
        parse_failures=sum(e.parse_failures for e in episodes), actions=sum(len(e.actions) for e in episodes),
    )  # fmt: skip


def _kinds(names: Sequence[str]) -> list[str]:
    first, last = names[0], names[-1]
    disagree = [f"{last} right, {first} wrong", f"{first} right, {last} wrong", f"{first} and {last} alike, another differs"]
    return [*disagree, *(["wrong", "right"] if len(names) == 1 else ["all wrong", "all right"])]


def _kind(right: Sequence[bool]) -> int:
    if right[0] != right[-1]:
        return 0 if right[-1] else 1
    return 2 if len({*right}) > 1 else 4 if right[0] else 3


def _block(players: Mapping[str, Sequence[Told]], kind: str, index: int) -> Block:
    question = next(iter(players.values()))[index].question
    columns = [_played(name, episodes[index]) for name, episodes in players.items()]
    return Block(index + 1, kind, question, gold_text(question.gold), columns)


def _played(player: str, episode: Told) -> Played:
    turns = [
        Turn(action, parse(action).well_formed, seen, seen.startswith("error: "))
        for action, seen in zip(episode.actions, episode.observations, strict=True)
    ]
    return Played(player, episode.correct, _ending(episode), episode.parse_failures, turns)


def _ending(episode: Told) -> str:
    if episode.failed:
        return f"no answer: the player failed ({episode.failed})"
    if episode.out_of_context:
        return "no answer: out of context"
    return "" if episode.answered else "no answer: out of actions"
