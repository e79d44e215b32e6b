"""Players without weights: chance, and an endpoint that answers by a script; and what is no model."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aj import cli
from aj.errors import ParamsError
from aj.evaluation import contenders, harness, players
from aj.evaluation.players import Play
from aj.sqlenv import transcript
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question
from tests.unit import loopback

PLAY = Play(budget=5, max_new_tokens=20, max_length=200, batch_size=2, threads=1, name="tiny", key_variable="SOME_KEY")


def measure(model: str, asked: list[Question]) -> harness.Measured:
    with contenders.opened(model, PLAY) as player:
        return harness.count(model, PLAY, player(asked))


class Talker(loopback.Handler):
    """Says the n-th of ``server.script`` in the n-th turn of a conversation; a number is a status."""

    def do_POST(self) -> None:
        server: Any = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said = server.script[sum(m["role"] == "assistant" for m in body["messages"])]
        if isinstance(said, int):
            return self.reply(said, b"{}", {"Content-Type": "application/json"})
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
        answer = json.dumps({"id": "x", "object": "chat.completion", "model": "tiny", "choices": [choice]}).encode()
        return self.reply(200, answer, {"Content-Type": "application/json"})


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("SOME_KEY", "sk-secret")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with loopback.serving(Talker, script=[]) as server:
        yield server


def test_an_endpoint_plays_and_is_measured(
    talk: Any, make_question: Callable[..., Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    talk.script = ["DESCRIBE: herbs", "what?", "ANSWER: 42"]
    asked = [make_question(), make_question("SELECT price FROM herbs WHERE name = 'ben'")]
    found = measure(f"{talk.address}/v1", asked)
    assert [e.actions for e in found.episodes] == [talk.script] * 2
    assert (found.total["n"], found.total["accuracy"]) == (2, 0.5)
    assert (found.total["executed"], found.total["parse_failures"]) == (pytest.approx(2 / 3), 1.0)
    assert "| all | 2 | 0.500 (0.095 to 0.905) | 0.667 | 3.00 | 1.000 | 1.000 | 0.000 |" in found.markdown()
    monkeypatch.setattr(SQLEnv, "act", lambda *_: pytest.fail("played again"))
    written = found.transcripts()
    monkeypatch.undo()
    for one, question in zip(written, asked, strict=True):
        transcript.replay(one, question)


def test_an_endpoint_that_fails_is_counted_and_not_right(talk: Any, make_question: Callable[..., Question]) -> None:
    talk.script = [400]
    found = measure(f"{talk.address}/v1", [make_question()])
    assert (found.total["failed"], found.total["accuracy"], found.episodes[0].failed) == (1.0, 0.0, "status_400")


def test_chance_is_the_same_for_the_same_seed_and_rarely_right(make_question: Callable[..., Question]) -> None:
    asked = [make_question(f"SELECT price + {n} FROM herbs WHERE name = 'ada'") for n in range(100)]
    one, other = (players.play_by_chance(asked, PLAY.budget, seed=PLAY.seed) for _ in range(2))
    assert [e.actions for e in one] == [e.actions for e in other]
    assert len({tuple(e.actions) for e in one}) > 50
    assert sum(e.env.correct for e in one) < 10


@pytest.mark.parametrize(
    ("model", "changes", "said"),
    [
        ("nowhere", {}, "'nowhere' is no model: give a folder with adapter_config.json"),
        ("http://127.0.0.1:1/v1", {"name": ""}, "serves models by name: say which one"),
        ("http://127.0.0.1:1/v1", {}, "environment variable SOME_KEY is not set"),
        ("model.gguf", {"temperature": 0.5}, "a GGUF is decoded greedily here"),
        ("model.gguf", {}, "the tokenizer of model.gguf is 'None'"),
    ],
)
def test_what_cannot_play_gives_one_sentence(
    model: str, changes: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.gguf").write_bytes(b"GGUF")
    with pytest.raises(ParamsError, match=said), contenders.opened(model, Play(**{**vars(PLAY), **changes})):
        pass


def test_the_command_writes_a_table_numbers_and_transcripts(
    make_database: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_database()
    rows = [{"question": f"{n}?", "db_id": "shop", "query": "SELECT 5", "difficulty": "simple"} for n in range(3)] + [
        {"db_id": "shop"}
    ]
    (tmp_path / "questions.json").write_text(json.dumps(rows))
    out = {name: tmp_path / "out" / name for name in ("json", "markdown", "transcripts")}
    options = [text for name, file in out.items() for text in (f"--{name}", str(file))]
    assert cli.main(["evaluate", "--model", "random", "--episodes", str(tmp_path), *options]) == 0
    assert "1 questions refused (no_question 1)" in capsys.readouterr().out
    numbers = json.loads(out["json"].read_text())
    assert (numbers["total"]["n"], numbers["by_difficulty"][0]["difficulty"], numbers["refused"]) == (
        3,
        "simple",
        {"no_question": 1},
    )
    assert "| simple | 3 |" in out["markdown"].read_text()
    assert cli.main(["replay", str(out["transcripts"]), "--episodes", str(tmp_path)]) == 0
    changed = out["transcripts"].read_text().replace('"reward": ', '"reward": 1', 1)
    out["transcripts"].write_text(changed)
    assert cli.main(["replay", str(out["transcripts"]), "--episodes", str(tmp_path)]) == 1
    assert cli.main(["evaluate", "--model", "random", "--episodes", str(tmp_path), "--split", "no"]) == 1
    assert "has split no: it has none; leave --split out." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("splits", "shown"),
    [
        (["", "", ""], ["all"]), (["dev", "dev", "dev"], ["dev"]), (["a", "b", "a"], ["all", "a", "b"]), (["a", "", "a"], ["all", "a"]),
        (["train"] * 3, ["train"]),
    ],
)  # fmt: skip
def test_a_row_stands_for_the_questions_that_no_other_row_is_about(
    splits: list[str], shown: list[str], make_database: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_database()
    rows = [{"question": "?", "db_id": "shop", "query": "SELECT 5", **({"split": split} if split else {})} for split in splits]
    (tmp_path / "questions.json").write_text(json.dumps(rows))
    out = tmp_path / "out.json"
    assert cli.main(["evaluate", "--model", "random", "--episodes", str(tmp_path), "--json", str(out)]) == 0
    printed = [line.split(" | ")[0].strip("| ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert printed == ["questions", *shown]
    numbers = json.loads(out.read_text())
    assert numbers["total"]["n"] == 3
    assert [row["split"] for row in numbers["by_split"]] == [name for name in shown if name != "all"]
    if "" in splits:
        assert cli.main(["evaluate", "--model", "random", "--episodes", str(tmp_path), "--split", "train"]) == 1
