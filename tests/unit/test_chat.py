"""The message schema: spellings in, one conversation out; rendered, tokenised, masked, read back."""

import json
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.chat import Conversation, RowError, normalise, parse_line, render, tokenise, turn_frame
from aj.sources import rows

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
    assert turn_frame(tokenizer) == ("\n<|im_start|>tool\n", "<|im_end|>\n<|im_start|>assistant\n")


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
