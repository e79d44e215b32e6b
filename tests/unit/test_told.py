"""Episodes read from their transcripts are those that were played; what was changed is named, and nothing is played."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aj.errors import AJError
from aj.evaluation import harness, players, told
from aj.evaluation.players import Play
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Episode

PLAY = Play(budget=3, max_new_tokens=20, max_length=200, batch_size=2, threads=1)
SCRIPTS = [
    ["DESCRIBE: herbs", "ANSWER: 42"], ["hm", "QUERY: SELECT", "ANSWER: \u2028 41 \x85"], ["SAMPLE: herbs"] * 3, ["DESCRIBE: herbs"], [],
]  # fmt: skip


@pytest.fixture
def played(make_question: Callable[..., Question]) -> list[Episode]:
    """Right, wrong, out of actions, out of context, failed before it began."""
    episodes = []
    for number, script in enumerate(SCRIPTS):
        episode = players.start(make_question(), PLAY.budget)
        object.__setattr__(episode.question, "id", f"q{number}")
        for action in script:
            players.act(episode, action)
        episode.env.close()
        episodes.append(episode)
    episodes[3].out_of_context, episodes[4].failed = True, "status_400"
    return episodes


@pytest.fixture
def file(played: list[Episode], tmp_path: Path) -> Path:
    lines = [json.dumps(t, ensure_ascii=False) for t in harness.count("m", PLAY, played).transcripts()]
    path = tmp_path / "grpo.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def plain(one: told.Told) -> tuple[Any, ...]:
    return tuple(list(v) if isinstance(v, tuple | list) else v for v in vars(one).values())


def test_what_is_read_is_what_was_played(played: list[Episode], file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SQLEnv, "reset", lambda *_: pytest.fail("played again"))
    found = told.read(file, [e.question for e in reversed(played)])
    assert [plain(one) for one in reversed(found)] == [plain(told.of(e)) for e in played]
    assert [(t.correct, t.answered, t.parse_failures, t.out_of_context, t.failed) for t in reversed(found)] == [
        (True, True, 0, False, ""), (False, True, 1, False, ""), (False, False, 0, False, ""), (False, False, 0, True, ""),
        (False, False, 0, False, "status_400"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t["steps"][0].update(observation="x"), "transcript of question 'q0': step 1 or one before it was changed"),
        (lambda t: t.update(correct=False), "transcript of question 'q0' says correct: False, its answer is graded otherwise: run eval"),
        (lambda t: t.pop("correct"), "says correct: None"),
        (lambda t: t.update(gold_sql="SELECT 1"), "was played on another database or asked 'SELECT 1': run eval again"),
        (lambda t: t.update(question="other"), "step 1 or one before it was changed"),
        (lambda t: t.clear(), "transcript of question None is not whole"),
    ],
)  # fmt: skip
def test_a_changed_transcript_is_named(
    played: list[Episode], file: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    first, rest = file.read_text(encoding="utf-8").split("\n", 1)
    one = json.loads(first)
    change(one)
    file.write_text(json.dumps(one) + "\n" + rest, encoding="utf-8")
    with pytest.raises(AJError, match=said):
        told.read(file, [e.question for e in played])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"grpo\.jsonl' does not exist: name a file that"), ("{", r"line 1 of '.*grpo\.jsonl' is not JSON"),
        ("[]", r"line 1 of '.*' is a list: a transcript is an object a line"), ("", "has no transcript of question 'q0': run eval again"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_transcripts_gives_one_sentence(
    played: list[Episode], tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "grpo.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AJError, match=said):
        told.read(path, [e.question for e in played])
