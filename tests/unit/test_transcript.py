"""Transcripts with a hash chain, and episodes that replay bit for bit."""

import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aj.errors import EpisodeError
from aj.hashing import canonical, sha256
from aj.sqlenv import transcript
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question

ROOT = Path(__file__).parents[2]
ACTIONS = ["DESCRIBE: herbs", "QUERY: SELECT price FROM herbs WHERE name = 'ada'", "ANSWER: 42", "ANSWER: 43"]
WORDS = [
    "DESCRIBE: herbs", "SAMPLE: Ships", "DESCRIBE: nothing", "QUERY: SELECT * FROM herbs", "QUERY: SELECT", "QUERY: DROP TABLE herbs", "hello",
    "", "QUERY: SELECT name FROM herbs, Ships", "QUERY: SELECT avg(weight) FROM Ships", "ANSWER: 42", "ANSWER:", "ANSWER: 41",
    "QUERY: WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 5) SELECT n FROM c", "```sql\nSELECT 1\n```", "\u00e9\u4e2d",
]  # fmt: skip


@pytest.fixture
def question(make_question: Callable[..., Question]) -> Question:
    return make_question()


def test_what_was_recorded_replays(question: Question) -> None:
    made = json.loads(json.dumps(transcript.record(question, 10, ACTIONS)))
    assert [step["done"] for step in made["steps"]] == [False, False, True, True]
    assert [step["reward"] for step in made["steps"]][2:] == [pytest.approx(1.01), -0.1]
    transcript.replay(made, question)


def test_what_was_played_is_written_down_without_playing_it_again(question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = transcript.record(question, 3, ACTIONS)
    env = SQLEnv(3)
    for _ in range(2):  # an environment that is used again has forgotten the episode before
        env.reset(question)
        for action in ACTIONS:
            env.step(action)
    env.close()
    monkeypatch.setattr(SQLEnv, "act", lambda *_: pytest.fail("played again"))
    assert transcript.written(env, ACTIONS) == recorded
    with pytest.raises(ValueError, match="longer"):
        transcript.written(env, ACTIONS[:-1])


def test_the_form_of_a_transcript_is_the_one_that_was_committed(question: Question) -> None:
    """The chain of a known episode, hash for hash: what was written by an earlier version is still read."""
    made = transcript.write(
        replace(question, id="q1"), 5, [("DESCRIBE: herbs", "name text", 0.01, False), ("ANSWER: 42", "answered", 1.01, True)]
    )
    assert list(made) == ["question", "database", "budget", "steps"]
    assert [list(step) for step in made["steps"]] == [["action", "observation", "reward", "done", "hash"]] * 2
    head = canonical({"question": "q1", "database": sha256(question.database), "budget": 5})
    before = hashlib.sha256(head.encode()).hexdigest()
    for step in made["steps"]:
        before = hashlib.sha256((before + canonical({k: v for k, v in step.items() if k != "hash"})).encode()).hexdigest()
        assert step["hash"] == before


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["steps"][1].update(observation="43"), lambda t: t["steps"][0].update(reward=1.0), lambda t: t["steps"].pop(0),
        lambda t: t["steps"].insert(0, t["steps"].pop()), lambda t: t.update(budget=11), lambda t: t.update(question="other"),
        lambda t: t["steps"][2].update(action="ANSWER: 41"), lambda t: t["steps"][0].pop("hash"), lambda t: t.pop("database"),
        lambda t: t.update(steps=None), lambda t: t["steps"][3].update(done=False),
    ],
)  # fmt: skip
def test_any_change_is_found_without_the_database(question: Question, change: Callable[[dict[str, Any]], object]) -> None:
    made = transcript.record(question, 10, ACTIONS)
    transcript.check(made)
    changed = deepcopy(made)
    change(changed)
    with pytest.raises(EpisodeError, match=r"transcript of question .* (was changed|is not whole)"):
        transcript.check(changed)


def test_another_environment_is_found_by_replay(question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    made = transcript.record(question, 10, ACTIONS)
    monkeypatch.setattr("aj.sqlenv.rewards.RAN", 0.03)
    with pytest.raises(EpisodeError, match=r"reward of step 1 is 0\.02.* now, it was 0\.0099"):
        transcript.replay(made, question)


def test_a_changed_database_is_found_before_anything_is_played(question: Question) -> None:
    made = transcript.record(question, 10, ACTIONS)
    with question.database.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(EpisodeError, match=r"has SHA-256 .*: fetch it again"):
        transcript.replay(made, question)


def test_a_thousand_random_episodes_replay_bit_for_bit_and_leave_the_file_as_it_was(question: Question, tmp_path: Path) -> None:
    before, rng = sha256(question.database), random.Random(5)
    made = [transcript.record(question, 10, rng.choices(WORDS, k=rng.randint(1, 12))) for _ in range(1000)]
    for one in made:
        transcript.replay(one, question)
    assert sha256(question.database) == before
    (tmp_path / "made.json").write_text(json.dumps(made))
    code = (
        "import json, sys; from pathlib import Path; from aj.sqlenv import questions, transcript; "
        f"q = questions.read({{'question': 'how much?', 'db_id': {question.database.stem!r}, 'query': {question.gold_sql!r}}}, Path({str(tmp_path)!r}), 0); "
        f"made = json.loads(Path({str(tmp_path / 'made.json')!r}).read_text()); [transcript.replay(one, q) for one in made]; print(len(made))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True)
    assert done.stdout == "1000\n", done.stderr
