"""Hugging Face datasets: a folder on this disk stands for a repository (``load_dataset`` takes both), or a small hub that is
served on loopback, so that the real clients fetch, are refused and are killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aj.chat import normalise
from aj.errors import AJError, DataError, ParamsError
from aj.hashing import hash_tree
from aj.sources import card as cards
from aj.sources import hub, rows
from aj.sources.card import Hub
from tests.unit import loopback

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
TALK = [
    {
        "conversation": [
            {"role": "user", "content": f"q{n}", "toxic": False, "turn": 1},
            {"role": "assistant", "content": f"a{n}", "toxic": True, "turn": 2},
        ],
        "question": f"how {n}?",
        "answers": f"so {n}",
        "language": ["English", "German", "French"][n % 3],
        "toxic": n == 3,
    }
    for n in range(6)
]


@pytest.fixture
def land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[dict[str, Any]]]:
    """Land a dataset folder; the rows that were written, and the account as an attribute."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    Path("talk").mkdir()
    Path("talk/train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in TALK))
    runs = iter(range(100))

    def run(account: dict[str, int] | None = None, **changes: Any) -> list[dict[str, Any]]:
        card = Hub(**fields_of(**{"id": "talk", "revision": "main", **changes}))
        out, resume = Path(f"out{(number := next(runs))}"), Path(f"resume{number}")
        try:
            count, found = hub.land(card, "talk", out, resume)
        except AJError:
            assert not out.exists()
            raise
        (account if account is not None else {}).update(found)
        landed = [row for file in sorted((out / "rows").iterdir()) for row in rows.read_all(file)]
        assert len(landed) == count == found["read"] - sum(n for key, n in found.items() if key != "read")
        return landed

    return run


def contents(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Roles and texts of a landed row, as the mix will read it."""
    return [(m["role"], m["content"]) for m in normalise(row).messages]


def test_a_column_of_messages_is_mapped_without_what_is_no_message(land: Callable[..., list[dict[str, Any]]]) -> None:
    found = land()
    assert [json.loads(row["messages"]) for row in found] == [
        [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}] for n in range(6)
    ]
    assert {row["tools"] for row in found} == {"[]"}
    assert normalise(found[0]).messages[1] == {"role": "assistant", "content": "a0"}


def test_question_and_answer_columns_become_two_turns(land: Callable[..., list[dict[str, Any]]]) -> None:
    found = land(columns={"question": "question", "answer": "answers"})
    assert json.loads(found[2]["messages"]) == [{"role": "user", "content": "how 2?"}, {"role": "assistant", "content": "so 2"}]


def test_conversations_as_sharegpt_writes_them_get_our_roles(land: Callable[..., list[dict[str, Any]]]) -> None:
    turns = [{"from": f, "value": f"by {f}"} for f in ("system", "human", "gpt", "user", "assistant", "narrator")]
    Path("talk/train.jsonl").write_text(json.dumps({"conversations": turns}) + "\n")
    [row] = land(columns={"conversations": "conversations"})
    roles = [(m["role"], m["content"]) for m in json.loads(row["messages"])]
    assert roles == [
        ("system", "by system"), ("user", "by human"), ("assistant", "by gpt"), ("user", "by user"),
        ("assistant", "by assistant"), ("narrator", "by narrator"),  # unknown: the mix counts it as unknown_role
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "speakers", "turns"),
    [
        (
            "You wake up.\nIt is dark.\n\n> You look around\nA door.\n\nAnd a cat.\n>open door\n> You go through\n\nFree!\n>",
            {">": "user"},
            [("system", "You wake up.\nIt is dark."), ("user", "You look around"), ("assistant", "A door.\n\nAnd a cat."),
             ("user", "open door\nYou go through"), ("assistant", "Free!")],
        ),
        (
            "User: one\ntwo\nBot: three\n\nfour\nUser: five\nBot: six",
            {"User:": "user", "Bot:": "assistant"},
            [("user", "one\ntwo"), ("assistant", "three\n\nfour"), ("user", "five"), ("assistant", "six")],
        ),
        ("Why?\nA: because", {"A:": "assistant"}, [("system", "Why?"), ("assistant", "because")]),
    ],
)  # fmt: skip
def test_plain_text_is_cut_at_its_markers(
    land: Callable[..., list[dict[str, Any]]], text: str, speakers: dict[str, str], turns: list[tuple[str, str]]
) -> None:
    Path("talk/train.jsonl").write_text(json.dumps({"text": text}) + "\n")
    [row] = land(columns={"text": "text"}, speakers=speakers)
    assert contents(row) == turns


def test_text_without_a_marker_is_left_to_the_mix_to_count(land: Callable[..., list[dict[str, Any]]]) -> None:
    Path("talk/train.jsonl").write_text('{"text": "Once upon a time."}\n{"text": null}\n')
    found = land(columns={"text": "text"}, speakers={">": "user"})
    assert [json.loads(row["messages"]) for row in found] == [[{"role": "system", "content": "Once upon a time."}], None]


def test_parquet_with_nested_columns_is_read_too(land: Callable[..., list[dict[str, Any]]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    Path("nested/data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(TALK), "nested/data/train-00000-of-00001.parquet")
    assert land(id="nested") == land()


def test_the_limit_takes_the_first_rows(land: Callable[..., list[dict[str, Any]]]) -> None:
    assert land(limit=2) == land()[:2]


def test_filters_drop_and_count_and_the_limit_counts_what_is_left(land: Callable[..., list[dict[str, Any]]]) -> None:
    account: dict[str, int] = {}
    kept = land(account, filters={"language": ["English", "German"], "toxic": False})
    assert [json.loads(row["messages"])[0]["content"] for row in kept] == ["q0", "q1", "q4"]
    assert account == {"read": 6, "filtered.language": 2, "filtered.toxic": 1}
    assert land(account, filters={"language": "German"}, limit=2) == [land()[1], land()[4]]
    assert account == {"read": 5, "filtered.language": 3, "filtered.toxic": 1}


def test_a_filter_that_nothing_passes_says_which(land: Callable[..., list[dict[str, Any]]]) -> None:
    with pytest.raises(DataError, match=re.escape("source 'talk': 0 of 6 rows pass its filters (language 4, toxic 2): mend")):
        land(filters={"language": "English", "toxic": 0})  # false is not 0


def test_a_missing_value_is_counted_by_the_mix_and_does_not_stop_the_landing(land: Callable[..., list[dict[str, Any]]]) -> None:
    Path("talk/train.jsonl").write_text('{"question": "a", "answers": "b"}\n{"question": null, "answers": "b"}\n')
    found = land(columns={"question": "question", "answer": "answers"})
    assert json.loads(found[1]["messages"])[0]["content"] is None


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"columns": {"messages": "chat"}}, DataError, "dataset 'talk' has no column 'chat': it has conversation, question, answers,"),
        ({"columns": {"question": "question", "answer": "answer"}}, DataError, "dataset 'talk' has no column 'answer'"),
        ({"filters": {"lang": "en"}}, DataError, "dataset 'talk' has no column 'lang'"),
        ({"columns": {"message": "conversation"}}, ParamsError, "maps columns message: write {messages: COLUMN}"),
        ({"columns": {}}, ParamsError, "maps columns none"),
        ({"columns": {"text": "question"}}, ParamsError, "maps columns text: write"),
        ({"speakers": {">": "user"}}, ParamsError, "maps columns messages with speakers: write"),
        ({"split": "test"}, DataError, "names 'test': evaluation data does not go into training"),
        ({"split": "test_sft[:10%]"}, DataError, "evaluation data does not go into training"),
        ({"split": "validation"}, DataError, "evaluation data does not go into training"),
        ({"split": "Holdout"}, DataError, "evaluation data does not go into training"),
        ({"name": "eval"}, DataError, "names 'eval': evaluation data does not go into training"),
        ({"data_files": ["train.jsonl", "data/test-*.jsonl"]}, DataError, "names 'data/test-*.jsonl': evaluation data"),
        ({"data_files": ["latest.jsonl"]}, DataError, "cannot be read ("),
        ({"split": "nosuch"}, DataError, "cannot be read (Bad split: nosuch. Available splits: ['train'])"),
        ({"id": "owner/name", "revision": "0123456"}, DataError, "dataset 'owner/name' at revision '0123456' cannot be read ("),
        ({"id": "owner/name"}, DataError, "licence (MIT) at huggingface.co/datasets/owner/name if it is gated, and set HF_TOKEN."),
    ],
)  # fmt: skip
def test_what_cannot_be_landed_gives_one_sentence(
    land: Callable[..., list[dict[str, Any]]], changes: dict[str, Any], error: type[AJError], said: str
) -> None:
    with pytest.raises(error) as caught:
        land(**changes)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_stream_that_breaks_in_the_middle_gives_one_sentence(land: Callable[..., list[dict[str, Any]]]) -> None:
    with Path("talk/train.jsonl").open("a") as stream:
        stream.write('{"conversation": [{"role"\n' * 3)
    with pytest.raises(DataError, match="dataset 'talk' at revision 'main' cannot be read"):
        land()


def test_an_empty_dataset_gives_one_sentence(land: Callable[..., list[dict[str, Any]]]) -> None:
    Path("talk/train.jsonl").write_text("")
    with pytest.raises(DataError, match="dataset 'talk' at revision 'main' has no row"):
        land()


# --- The cards of this repository, on rows in the schema that each dataset publishes ---


def wildchat(n: int, **row: Any) -> dict[str, Any]:
    moderation = {
        "categories": {"harassment": False, "self_harm": False},
        "category_scores": {"harassment": 0.1},
        "flagged": False,
    }
    turn = {"country": "Chile", "hashed_ip": "ab12", "header": {"accept-language": "en", "user-agent": "x"}, "language": "English",
            "redacted": False, "state": None, "timestamp": None, "toxic": False, "turn_identifier": n}  # fmt: skip
    talk = [{"content": f"{role} {n}", "role": role, **turn} for role in ("user", "assistant")]
    return {"conversation_hash": f"{n:032x}", "model": "gpt-4-0314", "timestamp": "2023-04-09T00:02:53+00:00", "conversation": talk,
            "turn": 1, "language": "English", "openai_moderation": [moderation] * 2, "detoxify_moderation": [{"toxicity": 0.1}] * 2,
            "toxic": False, "redacted": False, "state": None, "country": "Chile", "hashed_ip": "ab12", **row}  # fmt: skip


ULTRACHAT = {
    "prompt": "Tell a story.", "prompt_id": "f0e37e9f",
    "messages": [{"content": "Tell a story.", "role": "user"}, {"content": "Name: Ava", "role": "assistant"},
                 {"content": "More!", "role": "user"}, {"content": "Certainly!", "role": "assistant"}],
}  # fmt: skip
SKEIN = 'You open your mouth and close it again.\n\n> You ask about the experience of waking up\n\n"It was strange," she says.'
PUBLISHED: dict[str, tuple[dict[str, list[dict[str, Any]]], list[list[tuple[str, str]]], dict[str, int]]] = {
    "wildchat": (
        {
            "data/train-00000-of-00014.parquet": [wildchat(0), wildchat(1, language="Chinese"), wildchat(2, toxic=True)],
            "data/train-00001-of-00014.parquet": [wildchat(3, redacted=True), wildchat(4)],
        },
        [[("user", "user 0"), ("assistant", "assistant 0")], [("user", "user 4"), ("assistant", "assistant 4")]],
        {"read": 5, "filtered.language": 1, "filtered.toxic": 1, "filtered.redacted": 1},
    ),
    "ultrachat": (
        {"data/train_sft-00000-of-00003.parquet": [ULTRACHAT], "data/test_sft-00000-of-00001.parquet": [{**ULTRACHAT, "prompt": "no"}]},
        [[("user", "Tell a story."), ("assistant", "Name: Ava"), ("user", "More!"), ("assistant", "Certainly!")]],
        {"read": 1},
    ),
    "agriculture-qa": (
        {"data/train-00000-of-00001.parquet": [{"question": "why is crop rotation important?", "answers": "It keeps soil healthy."}]},
        [[("user", "why is crop rotation important?"), ("assistant", "It keeps soil healthy.")]],
        {"read": 1},
    ),
    "skein": (
        {"cys-split.json": [{"text": SKEIN}], "floyd-split.json": [{"text": "Cellar\n>go up\nKitchen"}], "original/cys.json": [{"text": SKEIN}]},
        [
            [("system", "You open your mouth and close it again."), ("user", "You ask about the experience of waking up"),
             ("assistant", '"It was strange," she says.')],
            [("system", "Cellar"), ("user", "go up"), ("assistant", "Kitchen")],
        ],
        {"read": 2},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_card_maps_rows_of_its_datasets_published_schema(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.chdir(ROOT)
    card = cards.read(name)
    assert isinstance(card, Hub)
    files, wanted, account = PUBLISHED[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for file, table in files.items():
        path = Path("published", file)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            pq.write_table(pa.Table.from_pylist(table), path)
        else:
            path.write_text(json.dumps(table))
    splits = sorted({Path(f).name.partition("-")[0] for f in files if f.startswith("data/")})
    configs = "".join(f"  - split: {split}\n    path: data/{split}-*\n" for split in splits)
    if splits:  # as the hub's own upload writes it
        Path("published/README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{configs}---\n")
    count, found = hub.land(replace(card, id="published"), name, Path("out"), Path("resume"))
    assert found == account
    assert [contents(row) for row in rows.read_all(Path("out/rows/part-00000.parquet"))] == wanted
    assert count == len(wanted)


# --- Killed and refused: a child process, because the kill is real and because the hub's clients read their address once ---

PART = 10  # rows a part in these tests
CHILD = """
import json, sys
from pathlib import Path
from aj.errors import AJError
from aj.sources import hub
from aj.sources.card import Hub

hub.PART = int(sys.argv[1])
for number, fields in enumerate(json.loads(sys.argv[2])):
    try:
        print(json.dumps(hub.land(Hub(**fields), "talk", Path(f"out{number}"), Path(f"resume{number}"))))
    except AJError as error:
        print(error)
"""


def fields_of(**changes: Any) -> dict[str, Any]:
    fields = {"id": "o/talk", "revision": COMMIT, "licence": "MIT", "description": "d", "kind": "hub", "split": "train"}
    return {**fields, "columns": {"messages": "conversation"}, **changes}


def start(*cards: dict[str, Any], address: str = "") -> "subprocess.Popen[str]":
    """Land in a child process, under out0, out1 …; with an address, from the hub that answers there."""
    environment = {**os.environ, "HF_HOME": str(Path("home").absolute()), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    if address:
        environment |= {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": address, "HF_HUB_DISABLE_TELEMETRY": "1", "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-c", CHILD, str(PART), json.dumps(cards)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(child: "subprocess.Popen[str]") -> list[str]:
    """What a child that ran to its end printed."""
    printed, said = child.communicate(timeout=120)
    assert child.returncode == 0, said
    return printed.splitlines()


def land_whole(monkeypatch: pytest.MonkeyPatch, folder: str, **changes: Any) -> dict[str, str]:
    """Land a folder undisturbed; what lies there then."""
    monkeypatch.setattr(hub, "PART", PART)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(Path("cache").absolute()))
    hub.land(Hub(**fields_of(id=folder, **changes)), "talk", Path("whole"), Path("unused"))
    return hash_tree(Path("whole"))


def write_talk(folder: Path, files: int, rows_each: int) -> None:
    """A dataset of several Parquet files; every third row is not in English."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (folder / "data").mkdir(parents=True)
    for file in range(files):
        table = [
            {"conversation": [{"role": r, "content": f"{r} {n} " * 5} for r in ("user", "assistant")],
             "language": "English" if n % 3 else "German"}
            for n in range(file * rows_each, (file + 1) * rows_each)
        ]  # fmt: skip
        pq.write_table(pa.Table.from_pylist(table), folder / f"data/train-{file:05d}-of-{files:05d}.parquet", row_group_size=700)


def parts_landed() -> int:
    path = Path("resume0", hub.PROGRESS)
    return int(json.loads(path.read_text())["parts"]) if path.is_file() else 0


def test_a_killed_landing_goes_on_and_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_talk(Path("talk"), files=4, rows_each=1000)
    chosen = {"filters": {"language": "English"}, "limit": 2505}
    for wanted in (5, 60):  # twice: the second time it goes on from a position that it had gone on from
        child = start(fields_of(id="talk", **chosen))
        while parts_landed() < wanted and child.poll() is None:
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert child.returncode == -signal.SIGKILL
        assert not Path("out0").exists()
    first = Path("resume0/part-00000.parquet").stat().st_mtime_ns
    assert 60 <= parts_landed() < 251
    assert finish(start(fields_of(id="talk", **chosen))) == ['[2505, {"read": 3758, "filtered.language": 1253}]']
    assert parts_landed() == 251
    assert Path("resume0/part-00000.parquet").stat().st_mtime_ns == first
    assert hash_tree(Path("out0")) == land_whole(monkeypatch, "talk", **chosen)


def test_what_another_card_left_is_not_gone_on_with(land: Callable[..., list[dict[str, Any]]]) -> None:
    for column in ("question", "answers"):
        card = Hub(**fields_of(id="talk", columns={"question": column, "answer": "answers"}))
        hub.land(card, "talk", Path(column), Path("resume"))
        assert contents(rows.read_all(Path(column, "rows/part-00000.parquet"))[0])[0] == ("user", TALK[0][column])


class Repository(loopback.Handler):
    """As much of the hub as its clients ask for: repository, folders, files in ranges, refusals."""

    def do_GET(self) -> None:
        server: Any = self.server
        repository = re.match(r"/(?:api/)?datasets/(o/[a-z]+)", self.path)
        name = repository[1] if repository else ""
        refusal = {"o/missing": (404, "RepoNotFound"), "o/private": (401, "RepoNotFound"), "o/gated": (403, "GatedRepo")}.get(
            name
        )
        if refusal and (name != "o/gated" or "/resolve/" in self.path):  # a gated one shows its page, not its files
            return self._reply(refusal[0], b"{}", {"X-Error-Code": refusal[1], "X-Error-Message": "no"})
        if "/tree/" in self.path:
            folder = server.root / self.path.partition(COMMIT)[2].partition("?")[0].strip("/")
            if not folder.is_dir():
                return self._reply(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            entries = [
                {"type": "directory" if p.is_dir() else "file", "path": p.relative_to(server.root).as_posix(),
                 "size": p.stat().st_size, "oid": "a" * 40}
                for p in sorted(folder.iterdir())
            ]  # fmt: skip
            return self._reply(200, json.dumps(entries).encode())
        if "/resolve/" in self.path:
            return self._file(server, self.path.partition(COMMIT)[2].strip("/"))
        repo = {
            "id": name,
            "sha": COMMIT,
            "private": False,
            "gated": False,
            "siblings": [],
            "tags": [],
            "downloads": 0,
            "likes": 0,
        }
        return self._reply(200, json.dumps(repo).encode())

    def _file(self, server: Any, name: str) -> None:
        path = server.root / name
        if not path.is_file():
            return self._reply(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        server.fetched.append(path.name)
        if path.name == server.held:
            self.hold()
        return self.send_file(path.read_bytes(), {"ETag": '"x"', "X-Repo-Commit": COMMIT})

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.reply(status, body, {"Content-Type": "application/json", **(headers or {})})


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A hub on loopback with one dataset of six files, o/talk, and three that it refuses."""
    monkeypatch.chdir(tmp_path)
    write_talk(tmp_path / "served", files=6, rows_each=100)
    with loopback.serving(Repository, root=tmp_path / "served", fetched=[], held="") as server:
        yield server


def test_a_killed_fetch_over_http_does_not_fetch_earlier_files_again(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    served.held = "train-00004-of-00006.parquet"
    child = start(fields_of(), address=served.address)
    assert served.reached.wait(120)
    child.kill()
    child.communicate()
    assert parts_landed() == 40  # every row of the four files that had come
    assert not Path("out0").exists()
    served.held = ""
    served.go_on.set()
    served.fetched.clear()
    assert finish(start(fields_of(), address=served.address)) == ['[600, {"read": 600}]']
    # The first file is opened for its schema, the third and fourth for the position at the fourth one's end.
    assert sorted(set(served.fetched)) == [f"train-0000{n}-of-00006.parquet" for n in (0, 2, 3, 4, 5)]
    assert hash_tree(Path("out0")) == land_whole(monkeypatch, "served")


def test_a_refused_dataset_is_named_with_its_licence_page_and_leaves_no_file(served: Any) -> None:
    refused = [f"o/{name}" for name in ("missing", "private", "gated")]
    said = finish(start(*(fields_of(id=i) for i in refused), fields_of(revision="main"), address=served.address))
    for name, sentence in zip(refused, said, strict=False):
        assert sentence.startswith(f"dataset {name!r} at revision '{COMMIT}' cannot be read (")
        assert f"accept its licence (MIT) at huggingface.co/datasets/{name} if it is gated, and set HF_TOKEN." in sentence
    branch = f"dataset 'o/talk': 'main' moves; write the commit it points to now, {COMMIT}, into the card of 'talk'."
    assert said[3:] == [branch]
    assert not [*Path().glob("out*"), *Path().glob("resume*")]
