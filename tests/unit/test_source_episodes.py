"""Raw episodes: one schema, stored once; rows derived from them when the mix is made, never with the hint."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aj.chat import RowError, normalise
from aj.errors import DataError, ParamsError
from aj.hashing import canonical, hash_tree
from aj.mix import clean, derive, diverge, parts, preference
from aj.mix.preference import check_pair
from aj.sources import card as cards
from aj.sources import episodes, trace
from aj.sources.card import Endpoint, Episodes
from aj.sources.trace import Episode
from aj.tools import agent_tools

SQL: dict[str, Any] = {
    "task": "train-0001", "system": "Explore.", "question": "tables: herbs\nquestion: how much is ada?",
    "hint": None, "hinted": False, "group": "herbs(name,price)", "split": "train",
    "steps": [
        {"action": "DESCRIBE: herbs", "observations": ["herbs(name TEXT, price INTEGER), 7 rows"]},
        {"thought": "by name", "action": "QUERY: SELECT price FROM herbs WHERE name = 'ada'", "observations": ["42"]},
        {"action": "ANSWER: 42"},
    ],
    "outcome": "answered", "answer": "42", "success": True, "provenance": {"teacher": "big-model", "date": "2026-03-01"},
}  # fmt: skip
TOOLS: dict[str, Any] = {
    "task": "files", "question": "how many files are in /srv?", "group": "files",
    "hint": "count the lines that ls prints for the folder /srv and subtract none",
    "steps": [
        {
            "thought": "two looks at once",
            "calls": [{"name": "think", "arguments": {"thought": "ls"}}, {"name": "bash", "arguments": {"command": "ls /srv", "timeout": 5}}],
            "observations": ["", "a\nb"],
        },
        {"calls": [{"name": "complete", "arguments": {"answer": "2 files"}}]},
    ],
    "outcome": "answered", "answer": "2 files", "success": True, "provenance": {"teacher": "big-model", "date": "2026-03-01"},
}  # fmt: skip
FAILED: dict[str, Any] = {
    **SQL,
    "steps": [SQL["steps"][0], {"action": "QUERY: SELECT prize FROM herbs", "observations": ["error: no such column"]}, {"action": "ANSWER: unknown"}],
    "answer": "unknown", "success": False,
}  # fmt: skip


def changed(raw: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    """A copy with one place set; the value None with the key ``...`` as its last step removes what is there."""
    copy = json.loads(json.dumps(raw))
    place = copy
    for key in path[:-1]:
        place = place[key]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return copy


@pytest.fixture
def land(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, dict[str, int]]]:
    """Write episodes beside a card and land them under ``out``."""
    monkeypatch.chdir(tmp_path)

    def run(files: dict[str, list[Any] | bytes], *paths: str, **fields: Any) -> tuple[int, dict[str, int]]:
        for name, lines in files.items():
            path = Path("data/sources/mine", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(lines if isinstance(lines, bytes) else b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        given = {"id": "mine-1", "revision": "1", "licence": "MIT", "description": "d", "formats": ["sft"], **fields}
        card = Episodes(kind="episodes", paths=list(paths or files), **given)
        try:
            return episodes.land(card, "mine", Path("out"))
        except (DataError, ParamsError):
            assert not Path("out").exists()
            raise

    return run


# --- The schema ---


@pytest.mark.parametrize("raw", [SQL, TOOLS, FAILED])
def test_an_episode_is_read_and_written_as_the_same_trace(raw: dict[str, Any]) -> None:
    episode = trace.read(raw)
    stored = json.loads(canonical(episode.stored()))
    assert trace.read(stored) == episode
    assert stored["steps"][-1] == {"thought": "", "action": "", "calls": [], "observations": [], **raw["steps"][-1]}
    assert {key: value for key, value in stored.items() if key in raw and key != "steps"} == {
        k: v for k, v in raw.items() if k != "steps"
    }


def test_the_date_is_no_part_of_the_id_and_everything_else_is() -> None:
    known = trace.read(SQL).id
    assert trace.read(changed(SQL, "provenance", "date", value="2027-12-31")).id == known
    for path, value in (
        (["provenance", "teacher"], "other"),
        (["steps", 1, "thought"], "x"),
        (["group"], "g"),
        (["hint"], "h"),
    ):
        assert trace.read(changed(SQL, *path, value=value)).id != known
    assert trace.read({**SQL, "id": known}).id == known


@pytest.mark.parametrize(
    ("bucket", "raw"),
    [
        ("missing_question", changed(SQL, "question", value=...)),
        ("missing_success", changed(SQL, "success", value=...)),
        ("missing_date", changed(SQL, "provenance", "date", value=...)),
        ("unknown_key", {**SQL, "score": 1}),
        ("unknown_key", changed(SQL, "steps", 0, "tool", value="bash")),
        ("bad_question", {**SQL, "question": " \n"}),
        ("bad_task", {**SQL, "task": 7}),
        ("bad_success", {**SQL, "success": "true"}),
        ("bad_success", {**SQL, "success": 1}),
        ("bad_split", {**SQL, "split": "test"}),
        ("bad_outcome", {**SQL, "outcome": "won"}),
        ("bad_provenance", changed(SQL, "provenance", "date", value="1.3.2026")),
        ("bad_steps", {**SQL, "steps": []}),
        ("bad_steps", {**SQL, "steps": "DESCRIBE: herbs"}),
        ("bad_steps", changed(SQL, "steps", 0, "observations", value=[None])),
        ("bad_steps", changed(SQL, "steps", 1, "thought", value="\ud800")),
        ("bad_step", changed(SQL, "steps", 0, "action", value=" ")),
        ("bad_step", changed(TOOLS, "steps", 0, "action", value="ls")),
        ("bad_observations", changed(SQL, "steps", 0, "observations", value=[])),
        ("bad_observations", changed(TOOLS, "steps", 0, "observations", value=["a"])),
        ("bad_observations", changed(SQL, "steps", 2, "observations", value=["a", "b"])),
        ("unknown_tool", changed(TOOLS, "steps", 0, "calls", 1, "name", value="sudo")),
        ("bad_arguments", changed(TOOLS, "steps", 0, "calls", 1, "arguments", value={})),
        ("bad_arguments", changed(TOOLS, "steps", 0, "calls", 1, "arguments", "timeout", value="5")),
        ("bad_arguments", changed(TOOLS, "steps", 0, "calls", 1, "arguments", "timeout", value=0)),
        ("bad_arguments", changed(TOOLS, "steps", 0, "calls", 1, "arguments", "timeout", value=True)),
        ("bad_arguments", changed(TOOLS, "steps", 0, "calls", 1, "arguments", "shell", value="sh")),
        ("bad_arguments", changed(TOOLS, "steps", 1, "calls", 0, "arguments", value={})),
        ("bad_arguments", changed(TOOLS, "steps", 1, "calls", 0, "arguments", "error", value="x")),
        ("goes_on", {**TOOLS, "steps": [{**TOOLS["steps"][1], "observations": [""]}, *TOOLS["steps"]]}),
        ("bad_outcome", {**SQL, "answer": None}),
        ("bad_outcome", {**SQL, "outcome": "out_of_budget", "answer": None}),
        ("bad_outcome", {**FAILED, "outcome": "out_of_budget"}),
        ("bad_answer", {**SQL, "answer": "43"}),
        ("bad_answer", {**TOOLS, "answer": "2"}),
        ("bad_hint", {**SQL, "hinted": True}),
        ("wrong_id", {**SQL, "id": trace.read(FAILED).id}),
    ],
)  # fmt: skip
def test_a_broken_trace_is_named(bucket: str, raw: dict[str, Any]) -> None:
    with pytest.raises(RowError) as caught:
        trace.read(raw)
    assert caught.value.bucket == bucket


# --- Landing ---


def test_traces_are_landed_byte_for_byte_and_every_line_is_counted(land: Callable[..., Any]) -> None:
    lines = b"\n".join(
        [json.dumps(SQL).encode(), b"{broken", b"\xef\xbb\xbf{}", b"", json.dumps(changed(SQL, "group", value=...)).encode()]
    )
    count, account = land({"a.jsonl": lines, "sub/b.jsonl": [TOOLS, {**SQL, "score": 1}]}, "**/*.jsonl")
    assert count == 6
    assert account == {
        "rows.a.jsonl": 4, "rows.sub/b.jsonl": 2, "episodes": 2,
        "broken.bad_json": 1, "broken.bom": 1, "broken.missing_group": 1, "broken.unknown_key": 1,
    }  # fmt: skip
    assert Path("out/rows/a.jsonl").read_bytes() == lines
    assert set(hash_tree(Path("out"))) == {"rows/a.jsonl", "rows/sub/b.jsonl"}


@pytest.mark.parametrize(
    ("files", "paths", "said"),
    [
        ({"a.jsonl": [{**SQL, "score": 1}]}, [], r"'mine' has no whole episode \(broken.unknown_key 1\): mend its files"),
        ({"a.jsonl": b"\n"}, [], r"'mine' has no whole episode \(its files are empty\)"),
        ({"a.jsonl": [SQL]}, ["b.jsonl"], "no file matches 'data/sources/mine/b.jsonl'"),
        ({"a.json": [SQL]}, [], "'a.json' is not one of .jsonl"),
        ({"eval/a.jsonl": [SQL]}, [], "evaluation data does not go into training"),
    ],
)
def test_a_source_that_cannot_be_used_gives_one_sentence(
    land: Callable[..., Any], files: dict[str, Any], paths: list[str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        land(files, *paths)


@pytest.mark.parametrize(
    "teacher",
    [
        {"base_url": "https://example.org/v1", "key_variable": "sk-or-v1-verysecret"},
        {"base_url": "https://me:verysecret@example.org/v1", "key_variable": "KEY"},
    ],
)
def test_a_card_that_holds_a_secret_is_refused_without_repeating_it(land: Callable[..., Any], teacher: dict[str, str]) -> None:
    with pytest.raises(ParamsError, match=r"^teacher\.") as caught:
        land({"a.jsonl": [SQL]}, teacher=Endpoint(model="m", **teacher))
    assert "verysecret" not in str(caught.value)


def test_a_card_names_its_files_formats_and_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("data/sources/mine/source.yaml")
    path.parent.mkdir(parents=True)
    text = "kind: episodes\nid: x\nrevision: '1'\nlicence: MIT\ndescription: d\npaths: [a.jsonl]\nformats: [sft, preference]\n"
    path.write_text(text + "teacher:\n  base_url: https://example.org/v1\n  model: big\n  temperature: 1\n")
    card = cards.read("mine")
    assert isinstance(card, Episodes)
    assert card.formats == ["sft", "preference"]
    assert card.teacher == Endpoint(base_url="https://example.org/v1", model="big")
    path.write_text(text.replace("preference", "dpo"))
    with pytest.raises(ParamsError, match=r"formats\.1 is 'dpo'"):
        cards.read("mine")
    path.write_text(text + "teacher: {base_url: x, model: y, key: z}\n")
    with pytest.raises(ParamsError, match=r"teacher\.key"):
        cards.read("mine")


# --- What is derived ---


def read(*raw: dict[str, Any]) -> list[Episode]:
    return [trace.read(each) for each in raw]


def test_sft_is_the_whole_episode_as_sqlenv_demonstrates_it() -> None:
    [episode] = read(SQL)
    assert derive.sft(episode) == {
        "messages": [
            {"role": "system", "content": "Explore."},
            {"role": "user", "content": "tables: herbs\nquestion: how much is ada?"},
            {"role": "assistant", "content": "DESCRIBE: herbs"},
            {"role": "tool", "content": "herbs(name TEXT, price INTEGER), 7 rows"},
            {"role": "assistant", "content": "QUERY: SELECT price FROM herbs WHERE name = 'ada'"},
            {"role": "tool", "content": "42"},
            {"role": "assistant", "content": "ANSWER: 42"},
        ],
        "tools": [], "group": "herbs(name,price)", "split": "train",
    }  # fmt: skip


def test_sft_keeps_calls_thoughts_and_tools_and_ends_with_the_agent() -> None:
    [episode] = read(changed(TOOLS, "steps", 1, "observations", value=["done"]))
    row = derive.sft(episode)
    conversation = normalise(row)
    assert [(m["role"], m["content"], len(m.get("tool_calls", []))) for m in conversation.messages] == [
        ("user", "how many files are in /srv?", 0),
        ("assistant", "two looks at once", 2),
        ("tool", "", 0),
        ("tool", "a\nb", 0),
        ("assistant", "", 1),
    ]
    assert row["messages"][1]["tool_calls"][1]["function"] == {"name": "bash", "arguments": {"command": "ls /srv", "timeout": 5}}
    assert row["tools"] == list(agent_tools())
    assert row["group"] == "files"
    assert "split" not in row


def test_one_row_a_step_learns_that_step_alone() -> None:
    [episode] = read(SQL)
    rows = derive.steps(episode)
    assert [row["messages"][-1]["content"] for row in rows] == [step.action for step in episode.steps]
    assert [[m["role"] for m in row["messages"]] for row in rows] == [["system", "user", "assistant"]] * 3
    assert rows[0]["messages"][1]["content"] == "tables: herbs\nquestion: how much is ada?\n\nnext step?"
    assert rows[2]["messages"][1]["content"] == (
        "tables: herbs\nquestion: how much is ada?\n\n> DESCRIBE: herbs\nherbs(name TEXT, price INTEGER), 7 rows\n\n"
        "> QUERY: SELECT price FROM herbs WHERE name = 'ada'\n42\n\nnext step?"
    )
    [calls] = read(TOOLS)
    [first, last] = derive.steps(calls)
    assert len(first["messages"][-1]["tool_calls"]) == 2
    assert '> think {"thought":"ls"}\n> bash {"command":"ls /srv","timeout":5}\n\na\nb' in last["messages"][0]["content"]


def test_a_pair_stands_where_the_two_traces_part() -> None:
    success, failure = read(SQL, FAILED)
    pair = diverge.pair(success, failure, validation=0.5)
    assert check_pair(pair, "here") == pair
    assert json.loads(pair["prompt"]) == derive.sft(success)["messages"][:4]
    assert (pair["chosen"], pair["rejected"]) == (
        "QUERY: SELECT price FROM herbs WHERE name = 'ada'",
        "QUERY: SELECT prize FROM herbs",
    )
    assert (pair["broken_rule"], pair["group"], pair["split"]) == ("wrong_answer", "herbs(name,price)", "train")


def test_a_pair_is_on_the_side_of_its_group_where_the_task_names_none() -> None:
    for number in range(20):
        success, failure = read(*({**raw, "split": "", "group": f"g{number}"} for raw in (SQL, FAILED)))
        sides = [diverge.pair(success, failure, validation=share)["split"] for share in (0.0, 0.5, 1.0)]
        assert sides[0] == "train" and sides[2] == "held_out"
        assert sides[1] == ("held_out" if diverge.held_out(f"g{number}", 0.5) else "train")


def test_a_pair_of_turns_that_call_tools_has_their_calls_and_the_tools() -> None:
    talk = {**TOOLS, "steps": [{"action": "2 files", "calls": []}], "outcome": "no_call", "answer": None, "success": False}
    pair = check_pair(diverge.pair(*read(TOOLS, talk), validation=0.0), "here")
    assert (pair["chosen"], pair["rejected"], pair["rejected_calls"]) == ("two looks at once", "2 files", "[]")
    assert [call["function"]["name"] for call in json.loads(pair["chosen_calls"])] == ["think", "bash"]
    assert len(json.loads(pair["tools"])) == 6


@pytest.mark.parametrize(
    ("bucket", "success", "failure"),
    [
        ("not_a_pair", SQL, {**FAILED, "task": "other"}),
        ("not_a_pair", SQL, {**FAILED, "split": ""}),
        ("not_a_pair", FAILED, SQL),
        ("not_a_pair", SQL, {**FAILED, "success": None}),
        ("no_divergence", SQL, {**FAILED, "steps": SQL["steps"][:2], "outcome": "out_of_budget", "answer": None}),
        ("other_observations", SQL, changed(FAILED, "steps", 0, "observations", value=["empty"])),
        ("label_in_prompt", {**SQL, "question": "why a wrong_answer?"}, {**FAILED, "question": "why a wrong_answer?"}),
        ("hint_in_row", {**SQL, "hint": "select prize from herbs"}, {**FAILED, "hint": "select prize from herbs"}),
        ("control_characters", SQL, changed(FAILED, "steps", 1, "action", value="QUERY: \x07")),
    ],
)  # fmt: skip
def test_what_makes_no_pair_is_named(bucket: str, success: dict[str, Any], failure: dict[str, Any]) -> None:
    with pytest.raises(RowError) as caught:
        diverge.pair(*read(success, failure), validation=0.1)
    assert caught.value.bucket == bucket


# --- The hint ---


TELLING = [
    changed(TOOLS, "steps", 0, "thought", value="So: Count the lines,\nthat ls prints for the folder."),
    changed(TOOLS, "steps", 0, "calls", 0, "arguments", "thought", value="the hint: that ls prints for the folder /srv and!"),
    changed(TOOLS, "steps", 0, "observations", value=["", "LS PRINTS for THE folder srv and subtract"]),
    {**TOOLS, "question": f"how many files are in /srv? {TOOLS['hint']}"},
    {**TOOLS, "system": TOOLS["hint"].upper()},
]


@pytest.mark.parametrize("raw", TELLING)
def test_no_derived_row_tells_the_hint(raw: dict[str, Any]) -> None:
    [episode] = read({**raw, "hinted": True})
    for make in (derive.sft, derive.steps):
        with pytest.raises(RowError, match="hint_in_row"):
            make(episode)
    [without] = read({**raw, "hint": None})
    assert derive.sft(without)["messages"]  # the same text, when it is no hint


@pytest.mark.parametrize(
    ("hint", "told"), [("42", True), ("2", False), ("SELECT price", True), ("price select", False), ("???", False)]
)
def test_a_short_hint_is_looked_for_word_by_word(hint: str, told: bool) -> None:
    [episode] = read({**SQL, "hint": hint, "hinted": True})
    if told:
        with pytest.raises(RowError, match="hint_in_row"):
            derive.sft(episode)
    else:
        assert derive.sft(episode)["messages"]


def test_the_rows_of_a_source_with_hints_contain_none_of_them(land: Callable[..., Any]) -> None:
    land({"a.jsonl": [{**TOOLS, "hinted": True}, *TELLING, SQL, {**SQL, "hint": "SELECT price"}]})
    made = rows_of(["sft", "steps"])
    told = [canonical(row).casefold() for _, row in made if isinstance(row, dict)]
    assert len(told) == (1 + 2) + (1 + 3)
    assert sum(isinstance(row, RowError) and row.bucket == "hint_in_row" for _, row in made) == len(TELLING) + 1
    assert not any(TOOLS["hint"] in text or "subtract none" in text for text in told)


# --- A whole source ---


def rows_of(formats: list[str]) -> list[tuple[str, dict[str, Any] | RowError]]:
    """What prepare_mix reads of the source that ``land`` landed."""
    planned = parts.plan(Path(), {"out": {"formats": formats}})
    return [row for part in planned for row in parts.read(Path(), part)]


def test_rows_of_a_source_name_their_place_and_every_episode_is_accounted_for(land: Callable[..., Any]) -> None:
    unverified = {**FAILED, "success": None}
    land({"b.jsonl": [SQL, FAILED, {**SQL, "score": 1}], "a.jsonl": [unverified, TOOLS]})
    assert [(place, row.bucket if isinstance(row, RowError) else "") for place, row in rows_of(["sft"])] == [
        ("a.jsonl:1", "unverified"),
        ("a.jsonl:2", ""),
        ("b.jsonl:1", ""),
        ("b.jsonl:2", "failed_episode"),
        ("b.jsonl:3", "unknown_key"),
    ]
    places = [place for place, row in rows_of(["sft", "steps"]) if isinstance(row, dict)]
    assert places == [
        "a.jsonl:2",
        "a.jsonl:2 step 1",
        "a.jsonl:2 step 2",
        "b.jsonl:1",
        *(f"b.jsonl:1 step {n}" for n in (1, 2, 3)),
    ]


def test_pairs_of_a_source_take_the_success_that_goes_longest_the_same_way(land: Callable[..., Any]) -> None:
    hasty = {**SQL, "steps": SQL["steps"][1:]}
    alone = {**FAILED, "task": "other"}
    again = changed(FAILED, "provenance", "date", value="2027-01-01")
    land({"a.jsonl": [FAILED, hasty, SQL, again, alone, {**FAILED, "success": None}]})
    pairs, accounts = preference.read(Path(), {"out": {"formats": ["preference"]}}, 0.1)
    [pair] = pairs
    assert (len(json.loads(pair["prompt"])), pair["source"]) == (4, "out")
    account = accounts["out"]
    assert (account.rows_in, account.kept) == (4, 1)
    assert account.dropped == {"duplicate_pair": 1, "no_success": 1, "unverified": 1}
    assert {bucket: [place for place, _ in found] for bucket, found in account.samples.items()} == {
        "duplicate_pair": ["a.jsonl:4"], "no_success": ["a.jsonl:5"], "unverified": ["a.jsonl:6"],
    }  # fmt: skip
    assert preference.read(Path(), {"out": {"formats": ["sft"]}}, 0.1) == ([], {})


def test_a_converter_that_makes_no_pair_fails(land: Callable[..., Any]) -> None:
    land({"a.jsonl": [FAILED, {**FAILED, "success": None}]})
    with pytest.raises(DataError, match=r"'out' gives 0 preference pairs \(no_success 1, unverified 1\): mend its episodes"):
        preference.read(Path(), {"out": {"formats": ["preference"]}}, 0.1)
    land({"a.jsonl": [SQL]})
    with pytest.raises(DataError, match=r"gives 0 preference pairs \(all its episodes succeeded\)"):
        preference.read(Path(), {"out": {"formats": ["preference"]}}, 0.1)


def test_a_converter_that_makes_no_row_fails(land: Callable[..., Any], tmp_path: Path) -> None:
    land({"a.jsonl": [FAILED, {**FAILED, "success": None}]})
    [part] = parts.plan(Path(), {"out": {"formats": ["sft"]}})
    account = clean.clean_part(part, clean.Cleaning(Path(), tmp_path, None, max_length=0, validation=0.1))
    with pytest.raises(DataError, match=r"'out' has no usable row \(failed_episode 1, unverified 1\)"):
        account.check(0.0)
    account.check(0.0, wanted=False)
