"""The message schema: spellings in, one conversation out; rendered, tokenised, masked, read back."""

import hashlib
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.chat import Conversation, RowError, normalise, parse_line
from aj.chat_template import render, tokenise, turn_frame
from aj.hashing import canonical
from aj.sources import rows
from aj.tools import agent_tools

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

AGENT_ROWS = Path(__file__).parents[2] / "data" / "sources" / "agent" / "rows.jsonl"
CALL = {"name": "bash", "arguments": {"command": "ls", "timeout": 5}}
ARGUMENTS = json.dumps(CALL["arguments"])
SPELLINGS = {
    "OpenAI, arguments as text": {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": ARGUMENTS}},
    "OpenAI, arguments as an object": {"type": "function", "function": CALL},
    "name and arguments": CALL,
    "name and arguments as text": {"name": "bash", "arguments": ARGUMENTS},
    "tool and params": {"tool": "bash", "params": CALL["arguments"]},
    "tool and params as text": {"tool": "bash", "params": ARGUMENTS},
    "function as a name": {"function": "bash", "arguments": ARGUMENTS},
}


def row(*turns: tuple[str, Any], **others: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns], **others}


def calling(call: Any, content: Any = None, **others: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": "list"}, {"role": "assistant", "content": content, "tool_calls": [call]}]
    return {"messages": turns, **others}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_tool_call_gives_the_same_conversation(spelling: str) -> None:
    wanted = {"type": "function", "function": {"name": "bash", "arguments": {"command": "ls", "timeout": 5}}}
    conversation = normalise(calling(SPELLINGS[spelling]))
    assert conversation.messages[1] == {"role": "assistant", "content": "", "tool_calls": [wanted]}
    assert conversation.id == normalise(calling(SPELLINGS["name and arguments"])).id


def test_messages_tools_and_calls_are_read_from_json_text_too() -> None:
    plain = calling(CALL, tools=[{"type": "function", "function": {"name": "bash"}}])
    plain["messages"][1]["tool_calls"] = json.dumps(plain["messages"][1]["tool_calls"])
    assert normalise({k: json.dumps(v) for k, v in plain.items()}) == normalise(plain)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    for call in (
        {"name": "list_agents"},
        {"name": "list_agents", "arguments": None},
        {"name": "list_agents", "arguments": "null"},
    ):
        assert normalise(calling(call)).messages[1]["tool_calls"][0]["function"]["arguments"] == {}


def test_content_null_never_becomes_the_text_none(tokenizer: "PreTrainedTokenizerFast") -> None:
    conversation = normalise(calling(CALL))
    assert conversation.messages[1]["content"] == ""
    assert "None" not in render(tokenizer, conversation)
    assert "None" not in tokenizer.decode(tokenise(tokenizer, conversation).ids)


def test_the_id_is_that_of_the_content_whatever_else_the_row_holds() -> None:
    one = normalise(row(("user", "hi"), ("assistant", "yo"), source="x", split="train"))
    assert one.id == normalise(row(("user", "hi"), ("assistant", "yo"))).id == "130e6daff1956e0b"
    assert one.id != normalise(row(("user", "hi"), ("assistant", "yo!"))).id


def bash(**arguments: Any) -> dict[str, Any]:
    return calling({"name": "bash", "arguments": arguments})


HI = (("user", "hi"), ("assistant", "yo"))
# What commit 5ae0584 gave, before orjson: an id is written in every report and decides on which side of the split a row is.
IDS: list[tuple[str, dict[str, Any]]] = [
    ("130e6daff1956e0b", row(*HI)),
    ("2170c6cd10764031", row(("system", "be short"), ("user", "naïve ☕ 𝄞 中文 e\u0301"), ("assistant", '"quoted" \\ back\tslash\r\nline \u2028 '), ("tool", ""), ("assistant", " x "))),
    ("e01e8baeeb3de8d4", bash(command="ls", timeout=5)),
    ("e01e8baeeb3de8d4", bash(timeout=5, command="ls")),
    ("e5cd7cb4feb68a5f", calling(CALL, content="looking")),
    ("e4c6537e6e6db6bd", bash(timeout=1.0)),
    ("4d74037d3586b116", bash(timeout=1e16)),
    ("a77d7cd57407c769", bash(timeout=1e-5)),
    ("43b5c3a1bc16ea5c", bash(timeout=-0.0)),
    ("a5e36cdd6f1771ff", bash(timeout=2**64)),
    ("7f5d4808ec92f8eb", bash(timeout=-(2**63) - 1)),
    ("364709a4874fbdb9", bash(timeout=1e300)),
    ("ce05bf28be370f62", bash(timeout=123456789.123)),
    ("021a4e8ec2ddb2b8", bash(b={"z": [1, None, True, {"y": "ü", "x": {}}], "a": []}, a="\x00\x1f\u2029\b\f")),
    ("33d17691766e81bc", bash(**{"é": 1, "z": 2, "𝄞": 3, "\uffff": 4, "": 5, "A": 6})),
    ("6e487305cfc0f6ef", row(*HI, tools=[{"type": "function", "function": {"name": "b", "parameters": {"type": "object", "minimum": 0.5}}}, {"name": "a"}])),
    ("ff378b2a060e288a", row(*HI, tools=[{"type": "function", "function": {"name": "b", "description": "ü"}}])),
]  # fmt: skip


@pytest.mark.parametrize(("wanted", "given"), IDS)
def test_ids_stay_what_they_were(wanted: str, given: dict[str, Any]) -> None:
    assert normalise(given).id == wanted
    assert normalise(parse_line(json.dumps(given).encode())).id == wanted
    assert normalise({k: json.dumps(v, ensure_ascii=False) for k, v in given.items()}).id == wanted


WORDS = ["a", "ls -la", "é☕𝄞", "", " \n", "\x00", "\b", "\x7f", "\ud800", "<|im_end|>", "bash", "user", "assistant", "9" * 20]
NUMBERS = [0, -1, 2**63, 2**64, -(2**63) - 1, 1.5, 1e16, -0.0, float("inf"), True, None]


def any_value(rng: random.Random, depth: int = 0) -> Any:
    kind = rng.randrange(5 if depth < 3 else 2)
    if kind == 0:
        return rng.choice(WORDS)
    if kind == 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return [any_value(rng, depth + 1) for _ in range(rng.randrange(3))]
    return {
        rng.choice(["name", "arguments", "function", "content", *WORDS]): any_value(rng, depth + 1)
        for _ in range(rng.randrange(3))
    }


def any_row(rng: random.Random) -> dict[str, Any]:
    """A row that is right in most places."""

    def mostly(right: Any, share: float = 0.95) -> Any:
        value = right if rng.random() < share else any_value(rng)
        return json.dumps(value) if rng.random() < 0.04 else value

    turns = []
    for _ in range(rng.randrange(1, 5)):
        turn = {
            "role": mostly(rng.choice(["user", "assistant", "tool"])),
            "content": mostly(rng.choice(["hi", "hello ü"] * 20 + WORDS)),
        }
        if rng.random() < 0.3:
            arguments = {"command": any_value(rng), "timeout": rng.choice(NUMBERS)}
            call = {"name": mostly(rng.choice(["bash", "think"])), "arguments": mostly(arguments)}
            turn |= {"role": "assistant", "tool_calls": mostly([mostly(call)])}
        turns.append(mostly(turn))
    found = {"messages": mostly(turns)}
    return (
        found
        if rng.random() < 0.7
        else {**found, "tools": mostly([mostly({"name": "bash", "x": any_value(rng)}), {"name": "think"}])}
    )


def outcome(bucket_or_id: Callable[[], str]) -> str:
    try:
        return bucket_or_id()
    except RowError as error:
        return error.bucket


def test_four_thousand_mixed_rows_have_the_buckets_and_ids_they_always_had() -> None:
    rng = random.Random(11)
    found = []
    for _ in range(4000):
        raw = any_row(rng)
        found.append(outcome(lambda raw=raw: normalise(raw).id))  # type: ignore[misc]
        line = json.dumps(raw, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
        found.append(outcome(lambda line=line: normalise(parse_line(line)).id))  # type: ignore[misc]
    buckets = {f for f in found if "_" in f}
    assert len(buckets) >= 12
    assert len(found) - sum(f in buckets for f in found) > 1000
    assert hashlib.sha256("\n".join(found).encode()).hexdigest()[:16] == "e3bba768d3c28e17"


def test_what_is_stored_is_the_canonical_text_and_gives_the_same_conversation_in_the_same_order() -> None:
    conversation = normalise(bash(timeout=5, command="ü", b={"z": 1, "a": [1.5, None]}) | {"tools": list(agent_tools())})
    messages, tools = (text.decode() for text in conversation.stored)
    assert (messages, tools) == (canonical(conversation.messages), canonical(conversation.tools))
    back = normalise({"messages": messages, "tools": tools})
    assert back == conversation
    assert repr(back.messages[1]) == repr(conversation.messages[1])  # the order of the keys is that of the rendered text
    assert repr(back.tools) == repr(conversation.tools)


def test_a_conversation_made_by_hand_has_the_same_id_and_stored_text() -> None:
    made = normalise(bash(timeout=1e16, command="\u2028"))
    by_hand = Conversation(made.messages, made.tools)
    assert (by_hand.id, by_hand.stored) == (made.id, made.stored)


def test_the_text_holds_every_content_and_every_call_with_the_values_of_its_arguments() -> None:
    given = bash(command="ls ü", timeout=5, b={"k": ["x", None, {"l": 1.5}], "a": True})
    given["messages"] += [{"role": "tool", "content": "12\n13"}, {"role": "assistant", "content": "done"}]
    assert normalise(given).text == "list\n\nbash\ntrue\nx\nnull\n1.5\nls ü\n5\n12\n13\ndone".encode()


def test_rows_with_the_same_tools_share_them() -> None:
    one, other = (normalise(row(*HI, tools=json.loads(json.dumps(agent_tools())))) for _ in range(2))
    assert one.tools is other.tools


def test_rows_in_the_manner_of_sharegpt_are_read() -> None:
    turns = [{"from": "system", "value": "s"}, {"from": "human", "value": "h"}, {"from": "gpt", "value": "g", "weight": 1}]
    turns += [{"from": "tool", "value": "t"}, {"from": "gpt", "value": "done"}]
    wanted = normalise(row(("system", "s"), ("user", "h"), ("assistant", "g"), ("tool", "t"), ("assistant", "done")))
    assert normalise({"conversations": turns}) == wanted
    assert normalise({"conversations": json.dumps(turns), "messages": None, "id": 3}) == wanted
    assert normalise({"messages": turns}) == wanted
    assert normalise({**row(*HI), "conversations": turns}) == normalise(row(*HI))


@pytest.mark.parametrize(
    ("bucket", "turn"),
    [
        ("unknown_role", {"from": "function_call", "value": "x"}),
        ("unknown_role", {"from": ["human"], "value": "x"}),
        ("unknown_role", {"from": None, "value": "x"}),
        ("unknown_role", {"value": "x"}),
        ("empty_message", {"from": "human", "value": None}),
        ("bad_content", {"from": "human", "value": 3}),
    ],
)
def test_a_sharegpt_turn_that_cannot_be_read_is_counted_in_its_bucket(bucket: str, turn: dict[str, Any]) -> None:
    assert outcome(lambda: normalise({"conversations": [turn, {"from": "gpt", "value": "x"}]}).id) == bucket


@pytest.mark.parametrize("depth", [100, 260, 700, 960, 1010, 1030, 100_000])
def test_nesting_of_any_depth_is_read_or_counted(depth: int, tokenizer: "PreTrainedTokenizerFast") -> None:
    nested = f'{{"command": {"[" * depth}{"]" * depth}}}'
    line = json.dumps(calling({"name": "bash", "arguments": "NESTED"})).replace('"NESTED"', nested).encode()

    def read(raw: Callable[[], dict[str, Any]]) -> str:
        conversation = normalise(raw())
        conversation.text, conversation.stored, tokenise(tokenizer, conversation)
        return conversation.id

    for raw in (lambda: parse_line(line), lambda: calling({"name": "bash", "arguments": nested})):
        found = outcome(lambda raw=raw: read(raw))  # type: ignore[misc]
        assert len(found) == 16 if depth <= 260 else len(found) == 16 or found in ("bad_json", "template_refused")


BUCKETS: list[tuple[str, dict[str, Any]]] = [
    ("no_messages", {}),
    ("no_messages", {"messages": []}),
    ("no_messages", {"messages": {"role": "user"}}),
    ("bad_json", {"messages": "[{"}),
    ("bad_json", {"messages": "[NaN]"}),
    ("bad_json", calling({"name": "bash", "arguments": "{"})),
    ("bad_json", calling({"name": "bash", "arguments": f'{{"timeout": {"9" * 5000}}}'})),
    ("bad_tools", {**row(("assistant", "a")), "tools": [1]}),
    ("bad_tools", {**row(("assistant", "a")), "tools": [{"function": None}]}),
    ("bad_tools", {**row(("assistant", "a")), "tools": [{"function": "bash"}]}),
    ("bad_tools", {**row(("assistant", "a")), "tools": [{"function": {"name": 3}}]}),
    ("bad_tools", {**row(("assistant", "a")), "tools": {"name": "bash"}}),
    ("unknown_role", row(("human", "hi"), ("assistant", "yo"))),
    ("unknown_role", {"messages": ["hi"]}),
    ("unknown_role", {"messages": [{"content": "hi"}]}),
    ("bad_content", row(("user", [{"type": "text", "text": "hi"}]), ("assistant", "yo"))),
    ("bad_content", row(("user", "half a pair \ud83d"), ("assistant", "yo"))),
    ("bad_content", calling({"name": "bash", "arguments": {"timeout": float("inf")}})),
    ("bad_content", calling({"name": "bash", "arguments": {"command": "\udc00"}})),
    ("control_characters", row(("user", "a\x00b"), ("assistant", "yo"))),
    ("control_characters", row(("user", "a\x1b[0m"), ("assistant", "yo"))),
    ("bad_tool_call", calling("bash")),
    ("bad_tool_call", calling({"arguments": {}})),
    ("bad_tool_call", calling({"function": None})),
    ("bad_tool_call", calling({"name": "bash", "arguments": [1]})),
    ("bad_tool_call", {"messages": [{"role": "assistant", "content": "a", "tool_calls": {"name": "bash"}}]}),
    ("bad_tool_call", {"messages": [{"role": "user", "content": "a", "tool_calls": [CALL]}, {"role": "assistant", "content": "a"}]}),
    ("unknown_tool", calling({"name": "rm_rf", "arguments": {}})),
    ("unknown_tool", calling(CALL, tools=[{"name": "other"}])),
    ("empty_message", row(("user", "hi"), ("assistant", " \n"))),
    ("empty_message", row(("user", None), ("assistant", "yo"))),
    ("orphan_tool_message", row(("tool", "12"), ("assistant", "yo"))),
    ("orphan_tool_message", row(("user", "hi"), ("tool", "12"), ("assistant", "yo"))),
    ("no_assistant_turn", row(("user", "hi"))),
]  # fmt: skip


@pytest.mark.parametrize(("bucket", "bad"), BUCKETS)
def test_a_row_that_cannot_be_used_is_counted_in_its_bucket(bucket: str, bad: dict[str, Any]) -> None:
    with pytest.raises(RowError) as caught:
        normalise(bad)
    assert caught.value.bucket == bucket


@pytest.mark.parametrize(
    ("bucket", "line"),
    [
        ("bom", b'\xef\xbb\xbf{"a": 1}'),
        ("bad_encoding", '{"a": "ü"}'.encode("latin-1")),
        ("bad_json", b'{"a": '),
        ("bad_json", b'{"a": NaN}'),
        ("bad_json", b'{"a": "\x01"}'),
        ("bad_json", b"[" * 200_000),
        ("bad_json", b'{"a": ' + b"9" * 5000 + b"}"),
        ("not_an_object", b"[1]"),
        ("not_an_object", b'"text"'),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_is_counted_in_its_bucket(bucket: str, line: bytes) -> None:
    with pytest.raises(RowError) as caught:
        parse_line(line)
    assert caught.value.bucket == bucket


BROKEN: list[tuple[str, bytes]] = [
    ("bad_json", b'{"messages": [{"role": "user"'),
    ("bom", b'\xef\xbb\xbf{"messages": [{"role": "assistant", "content": "a"}]}'),
    ("bad_encoding", '{"messages": [{"role": "assistant", "content": "ü"}]}'.encode("latin-1")),
    ("not_an_object", b'["user", "hi"]'),
    ("no_messages", b'{"messages": []}'),
    ("unknown_role", b'{"messages": [{"role": "bot", "content": "a"}]}'),
    ("control_characters", b'{"messages": [{"role": "assistant", "content": "a\\u0007"}]}'),
    ("bad_content", b'{"messages": [{"role": "assistant", "content": {"text": "a"}}]}'),
    ("empty_message", b'{"messages": [{"role": "user", "content": " "}, {"role": "assistant", "content": "a"}]}'),
    ("bad_tool_call", b'{"messages": [{"role": "assistant", "tool_calls": [{"name": "bash", "arguments": "3"}]}]}'),
    ("unknown_tool", b'{"messages": [{"role": "assistant", "tool_calls": [{"name": "format_disk", "arguments": {}}]}]}'),
    ("orphan_tool_message", b'{"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}, {"role": "assistant", "content": "c"}]}'),
    ("no_assistant_turn", b'{"messages": [{"role": "user", "content": "anybody?"}]}'),
    ("bad_tools", b'{"tools": ["bash"], "messages": [{"role": "assistant", "content": "a"}]}'),
]  # fmt: skip


def test_of_a_thousand_rows_the_broken_ones_and_no_others_are_counted_each_in_its_bucket(tmp_path: Path) -> None:
    rng = random.Random(5)
    good = [row(("user", f"question {n}: ü\n{'7' * 25}"), ("assistant", f"answer {n}")) for n in range(700)]
    good += [bash(command=f"echo {n}", timeout=n) for n in range(1000 - len(good))]
    lines = [json.dumps(raw, ensure_ascii=n % 2 == 0).encode() for n, raw in enumerate(good)]
    wanted: dict[str, str] = {}
    for place, (bucket, line) in zip(rng.sample(range(1000), 3 * len(BROKEN)), 3 * BROKEN, strict=True):
        lines[place] = line
        wanted[f"x.jsonl:{place + 1}"] = bucket
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(lines) + b"\n")

    found, read = {}, 0
    for place, raw in rows.read(tmp_path / "x.jsonl"):
        read += 1
        try:
            if isinstance(raw, RowError):
                raise raw
            normalise(raw)
        except RowError as error:
            found[place] = error.bucket
    assert read == 1000
    assert found == wanted


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "name", "function"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
TURN = st.fixed_dictionaries(
    {"role": st.sampled_from(["system", "user", "assistant", "tool", "x"]) | JSON, "content": st.text(max_size=5) | JSON},
    optional={"tool_calls": JSON | st.lists(st.fixed_dictionaries({"name": st.sampled_from(["bash", "x"]), "arguments": JSON}))},
)


@settings(deadline=None, max_examples=150)
@given(st.fixed_dictionaries({"messages": JSON | st.lists(TURN, max_size=4)}, optional={"tools": JSON}))
def test_any_row_is_either_normalised_or_counted(raw: dict[str, Any]) -> None:
    try:
        conversation = normalise(raw)
    except RowError:
        return
    again = normalise({"messages": list(conversation.messages), "tools": list(conversation.tools)})
    assert again.id == conversation.id


def agent_conversations() -> list[Conversation]:
    return [normalise(found) for _, found in rows.read(AGENT_ROWS) if not isinstance(found, RowError)]


def test_all_tool_calls_of_the_agent_rows_survive_render_tokenise_decode_and_parse(tokenizer: "PreTrainedTokenizerFast") -> None:
    conversations = agent_conversations()
    assert len(conversations) == len(AGENT_ROWS.read_text().splitlines())
    for conversation in conversations:
        text = tokenizer.decode(tokenise(tokenizer, conversation).ids)
        wanted = [call["function"] for m in conversation.messages for call in m.get("tool_calls", [])]
        assert [json.loads(found) for found in re.findall(r"<tool_call>(.*?)</tool_call>", text)] == wanted
        assert wanted
        for said in conversation.messages:
            assert f"<|im_start|>{said['role']}\n{said['content']}" in text


def test_the_mask_covers_exactly_what_the_assistant_wrote_and_its_end_of_turn(tokenizer: "PreTrainedTokenizerFast") -> None:
    conversation = normalise(
        row(("system", "be short"), ("user", "how many herbs?"), ("assistant", "DESCRIBE: herbs"), ("tool", "assistant\n12"), ("assistant", "ANSWER: 12"))
    )  # fmt: skip
    tokens = tokenise(tokenizer, conversation)
    assert len(tokens.ids) == len(tokens.learned)
    runs, text = [], ""
    for token, learned in zip([*tokens.ids, 0], [*tokens.learned, 0], strict=True):
        if learned:
            text += tokenizer.decode([token])
        elif text:
            runs, text = [*runs, text], ""
    assert runs == ["DESCRIBE: herbs<|im_end|>", "ANSWER: 12<|im_end|>"]


def test_the_mask_of_a_tool_call_covers_the_call(tokenizer: "PreTrainedTokenizerFast") -> None:
    tokens = tokenise(tokenizer, normalise(calling(CALL, content="looking")))
    learned = tokenizer.decode([t for t, m in zip(tokens.ids, tokens.learned, strict=True) if m])
    assert learned.startswith("looking<tool_call>{")
    assert learned.endswith("}</tool_call><|im_end|>")


def test_ids_and_mask_are_those_of_the_library(tokenizer: "PreTrainedTokenizerFast") -> None:
    special = normalise(row(("user", " ü☕"), ("assistant", " 中文\n\n "), ("user", "again"), ("assistant", "𝄞")))
    for conversation in [*agent_conversations(), special, normalise(bash(command="ü") | {"tools": list(agent_tools())})]:
        wanted = tokenizer.apply_chat_template(
            list(conversation.messages),
            tools=list(conversation.tools) or None,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        found = tokenise(tokenizer, conversation)
        assert (found.ids, found.learned) == (wanted["input_ids"], wanted["assistant_masks"])


def test_a_conversation_that_the_template_refuses_is_counted(tokenizer: "PreTrainedTokenizerFast") -> None:
    strict = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, eos_token="<|im_end|>")
    strict.chat_template = "{% for m in messages %}{{ raise_exception('roles must alternate') }}{% endfor %}"
    with pytest.raises(RowError) as caught:
        tokenise(strict, normalise(row(("user", "a"), ("assistant", "b"))))
    assert caught.value.bucket == "template_refused"
    assert "roles must alternate" in str(caught.value)


@pytest.mark.parametrize("marker", ["<|im_start|>", "<|im_end|>", "<|endoftext|>"])
def test_role_markers_are_single_tokens(tokenizer: "PreTrainedTokenizerFast", marker: str) -> None:
    ids = tokenizer(f"a{marker}b", add_special_tokens=False)["input_ids"]
    assert ids.count(tokenizer.convert_tokens_to_ids(marker)) == 1
    assert tokenizer.decode([tokenizer.convert_tokens_to_ids(marker)]) == marker
    assert len(ids) == 3


def test_the_turn_frame_is_what_the_template_writes(tokenizer: "PreTrainedTokenizerFast") -> None:
    assert turn_frame(tokenizer) == ["\n<|im_start|>tool\n", "<|im_end|>\n<|im_start|>assistant\n"]
    between = "<|im_end|>\n<|im_start|>user\n"
    assert turn_frame(tokenizer, ("tool", "user")) == ["\n<|im_start|>tool\n", between, "<|im_end|>\n<|im_start|>assistant\n"]


def test_turns_encoded_piece_by_piece_give_the_tokens_of_the_whole(tokenizer: "PreTrainedTokenizerFast") -> None:
    before, after = turn_frame(tokenizer)
    rng = random.Random(3)
    words = [
        "12",
        "ada",
        "",
        " oslo",
        "error: no such column: fee\n",
        "naïve ☕ 𝄞",
        "name text\nrows: 7",
        "a | b",
        "  ",
        "\n\n",
        "'quoted'",
    ]
    for _ in range(60):
        turns: list[tuple[str, str]] = [("user", "question: " + rng.choice(words))]
        for _ in range(rng.randint(1, 4)):
            turns += [
                ("assistant", "QUERY: " + rng.choice(words) + rng.choice(words)),
                ("tool", rng.choice(words) + rng.choice(words)),
            ]
        turns.append(("assistant", "ANSWER: 1"))
        messages = tuple({"role": role, "content": content} for role, content in turns)
        pieces = [render(tokenizer, Conversation(messages[:1]), generate=True)]
        for role, content in turns[1:]:
            pieces.append(f"{content}<|im_end|>" if role == "assistant" else f"{before}{content}{after}")
        ids = [i for piece in pieces for i in tokenizer(piece, add_special_tokens=False)["input_ids"]]
        newline = tokenizer("\n", add_special_tokens=False)["input_ids"]
        assert ids + newline == tokenise(tokenizer, Conversation(messages)).ids
