"""Nothing is lost on the way: render -> tokenise -> decode -> read back gives the same messages, or the row is counted."""

import importlib.util
import json
import re
import unicodedata
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aj.chat import Conversation, RowError, normalise
from aj.chat_template import render, tokenise
from aj.errors import DataError
from aj.hashing import canonical
from aj.sources import rows
from aj.tools import agent_tools
from aj.transcript import read_back

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

DATA = Path(__file__).parents[2] / "data"
DEEPSEEK = {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"}
DEEPSEEK_ADDED = [
    "<｜User｜>",
    "<｜Assistant｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>",
]
TOOLS = {tool["function"]["name"]: tool["function"]["parameters"]["properties"] for tool in agent_tools()}
SAME = "the same"
CALL_TEXT = '<tool_call>{"name": "bash", "arguments": {}}</tool_call>'
CHECKED = settings(deadline=None, max_examples=150)


def variant(
    tokenizer: "PreTrainedTokenizerFast", template: str, *, normaliser: bool = True, **tokens: str
) -> "PreTrainedTokenizerFast":
    """The tiny tokenizer with another template, other special tokens, or without its Unicode normaliser."""
    from tokenizers import Tokenizer

    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["normalizer"] = state["normalizer"] if normaliser else None
    made = type(tokenizer)(tokenizer_object=Tokenizer.from_str(json.dumps(state)), **{"eos_token": "<|im_end|>", **tokens})
    made.chat_template = template
    return made


@pytest.fixture(scope="module")
def deepseek(tokenizer: "PreTrainedTokenizerFast") -> "PreTrainedTokenizerFast":
    """The markers as in the base: its begin and end of sentence are special tokens, its role markers added tokens that are not."""
    made = variant(tokenizer, (DATA / "templates" / "deepseek-qwen.jinja").read_text(encoding="utf-8"), **DEEPSEEK)
    made.add_tokens(DEEPSEEK_ADDED)
    return made


@pytest.fixture(params=["chatml", "deepseek-qwen"])
def any_tokenizer(
    request: pytest.FixtureRequest, tokenizer: "PreTrainedTokenizerFast", deepseek: "PreTrainedTokenizerFast"
) -> Any:
    return {"chatml": tokenizer, "deepseek-qwen": deepseek}[request.param]


def there_and_back(tokenizer: "PreTrainedTokenizerFast", conversation: Conversation) -> list[dict[str, Any]]:
    return read_back(tokenizer, tokenizer.decode(tokenise(tokenizer, conversation).ids))


def row(*turns: tuple[str, Any], **others: Any) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns], **others}


def bash(content: Any = None, **arguments: Any) -> dict[str, Any]:
    call = {"name": "bash", "arguments": arguments}
    return {"messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": content, "tool_calls": [call]}]}


def composed(value: str) -> str:
    return unicodedata.normalize("NFC", value)


MARKERS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<tool_call>", "</tool_call>", CALL_TEXT, "tools: a(b)", *DEEPSEEK.values(), *DEEPSEEK_ADDED,
           "\n\nTools, as JSON Schema:\n"]  # fmt: skip
# Every character that a row may hold: all but control characters (a row with one is counted) and decomposed ones (below).
CHARACTERS = st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from(
    "\n\t\r\"'\\{}[]<>|/ é☕𝄞中\u2028\u00a0\u200b"
)
ANY_TEXT = st.text(CHARACTERS, max_size=25).map(composed).filter(lambda text: not any(marker in text for marker in MARKERS))
TEXT = ANY_TEXT.filter(lambda text: text.strip() != "")
VALUE = st.recursive(
    ANY_TEXT | st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)


def arguments_of(properties: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    kinds = {"string": ANY_TEXT, "integer": st.integers()}
    return st.fixed_dictionaries({}, optional={name: kinds[schema["type"]] | VALUE for name, schema in properties.items()})


CALL = st.sampled_from(sorted(TOOLS)).flatmap(
    lambda name: st.fixed_dictionaries({"name": st.just(name), "arguments": arguments_of(TOOLS[name])})
)
SAID = st.fixed_dictionaries({"role": st.just("assistant"), "content": TEXT})
CALLED = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": ANY_TEXT | st.none(), "tool_calls": st.lists(CALL, min_size=1, max_size=3)}
)
ASKED = st.fixed_dictionaries({"role": st.just("user"), "content": TEXT})
RESULT = st.fixed_dictionaries({"role": st.just("tool"), "content": ANY_TEXT | st.none()})


def conversations(asked: Any, called: Any, result: Any, said: Any) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Turns in an order that normalise accepts."""
    exchange = st.builds(
        lambda question, calls, answer: [question, *chain(*calls), answer],
        asked,
        st.lists(st.tuples(called, result), max_size=2),
        said,
    )
    return st.lists(exchange, min_size=1, max_size=3).map(lambda exchanges: list(chain(*exchanges)))


SYSTEM = st.fixed_dictionaries({"role": st.just("system"), "content": TEXT})
ROW = st.builds(
    lambda system, turns, tools: {"messages": [*system, *turns], "tools": tools},
    st.lists(SYSTEM, max_size=1),
    conversations(ASKED, CALLED, RESULT, SAID),
    st.sampled_from([[], list(agent_tools())]),
)


def test_every_conversation_comes_back_as_it_went_in(any_tokenizer: "PreTrainedTokenizerFast") -> None:
    @CHECKED
    @given(ROW)
    def check(raw: dict[str, Any]) -> None:
        conversation = normalise(raw)
        assert canonical(there_and_back(any_tokenizer, conversation)).encode() == conversation.stored[0]

    check()


PIECES = [*MARKERS, "<|im_", "|im_end|>", "<tool", "_call>", "<", "｜>", "{}", "e\u0301", "\u0338", "\u2126"]
TRICKY = st.lists(ANY_TEXT | st.sampled_from(PIECES), min_size=1, max_size=3).map("".join).filter(lambda text: text.strip() != "")


def turn(role: str, **others: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"role": st.just(role), "content": TEXT | TEXT | TRICKY, **others})


TRICKY_CALL = st.fixed_dictionaries(
    {"name": st.just("bash"), "arguments": st.dictionaries(ANY_TEXT, ANY_TEXT | TRICKY, max_size=1)}
)
TRICKY_TURNS = conversations(
    turn("user") | turn("system"),
    turn("assistant", tool_calls=st.lists(TRICKY_CALL, max_size=2)),
    turn("tool"),
    turn("assistant"),
)


def test_whatever_stands_in_a_row_it_comes_back_as_it_went_in_or_is_counted(any_tokenizer: "PreTrainedTokenizerFast") -> None:
    seen: Counter[str] = Counter()

    @CHECKED
    @given(TRICKY_TURNS, st.sampled_from([[], list(agent_tools())]))
    def check(turns: list[dict[str, Any]], tools: list[Any]) -> None:
        conversation = normalise({"messages": turns, "tools": tools})
        stored = conversation.stored[0].decode()
        try:
            found = there_and_back(any_tokenizer, conversation)
        except RowError as error:
            seen[error.bucket] += 1
            rendered = render(any_tokenizer, conversation)
            reasons = {
                "template_markers": any(marker in stored for marker in MARKERS),
                "template_loses": any(m["role"] == "system" for m in turns),
                "not_nfc": composed(rendered) != rendered,  # ">" of a marker and a U+0338 after it compose, too
            }
            assert reasons[error.bucket], "a row was dropped for nothing"
        else:
            seen[SAME] += 1
            assert canonical(found) == stored

    for text in ("a word", *MARKERS, "e\u0301"):  # each outcome at least once, whatever chance draws
        check = example([{"role": "user", "content": text}, {"role": "assistant", "content": "ok"}], [])(check)
    check()
    assert min(seen[outcome] for outcome in (SAME, "template_markers", "not_nfc")) > 0


def test_all_agent_rows_come_back(any_tokenizer: "PreTrainedTokenizerFast") -> None:
    found = list(rows.read(DATA / "sources" / "agent" / "rows.jsonl"))
    assert len(found) > 40
    for _, raw in found:
        assert not isinstance(raw, RowError)
        for tools in ([], list(agent_tools())):
            conversation = normalise(raw | {"tools": tools})
            assert canonical(there_and_back(any_tokenizer, conversation)).encode() == conversation.stored[0]


@pytest.mark.parametrize("name", TOOLS)
def test_a_call_of_every_tool_comes_back_with_every_parameter(any_tokenizer: "PreTrainedTokenizerFast", name: str) -> None:
    values = [
        'a "quote" \\ and\nline\tü☕𝄞',
        "",
        "None",
        "null",
        60,
        0,
        -1,
        2**70,
        1.5,
        1e16,
        None,
        True,
        {"z": [1, {"a": None}], "a": {}},
        [],
    ]
    for value in values:
        call = {"name": name, "arguments": dict.fromkeys(TOOLS[name], value)}
        messages = [{"role": "user", "content": "go"}, {"role": "assistant", "content": None, "tool_calls": [call, call]}]
        conversation = normalise({"messages": messages})
        back = there_and_back(any_tokenizer, conversation)
        assert canonical(back).encode() == conversation.stored[0]
        assert [c["function"] for c in back[1]["tool_calls"]] == [call, call]
        assert back[1]["content"] == ""


CASES = [
    ("chatml", SAME, row(("user", CALL_TEXT), ("assistant", "a"), ("tool", CALL_TEXT), ("assistant", "b"))),
    ("chatml", SAME, row(("user", "a"), ("assistant", "write <tool_call> and </tool_call> around it"))),
    ("chatml", SAME, row(("user", "a"), ("assistant", CALL_TEXT + " is a call"))),
    ("chatml", SAME, row(("user", "a"), ("assistant", '<tool_call>{"name": "bash"}</tool_call>'))),
    ("chatml", SAME, row(("user", "a"), ("assistant", "<tool_call>" + "[" * 3000))),
    ("chatml", SAME, bash("<tool_call>", command="ls")),
    ("chatml", SAME, bash(command=f"echo '{CALL_TEXT}' </tool_call>")),
    ("chatml", SAME, row(("system", "tools: a(b)"), ("assistant", "a"), tools=list(agent_tools()))),
    ("chatml", SAME, row(("user", "tools: a(b)"), ("assistant", "tools: a(b)"))),
    ("chatml", SAME, row(("user", "a"), ("system", "b"), ("system", "c"), ("user", "d"), ("user", "e"), ("assistant", "f"), ("assistant", "g"))),
    ("chatml", "template_markers", row(("user", "a"), ("assistant", CALL_TEXT))),
    ("chatml", "template_markers", bash("x" + CALL_TEXT, command="ls")),
    ("chatml", "template_markers", row(("user", "a<|im_end|>\n<|im_start|>assistant\nb"), ("assistant", "c"))),
    ("chatml", "template_markers", row(("user", "what is <|endoftext|>?"), ("assistant", "c"))),
    ("chatml", "template_markers", bash(command="echo '<|im_end|>'")),
    ("chatml", "template_markers", bash(**{"<|im_start|>": 1})),
    ("chatml", "template_markers", row(("user", "a"), ("assistant", "b"), tools=[{"name": "bash", "description": "<|im_end|>"}])),
    ("chatml", "template_loses", row(("system", "tools: a(b)"), ("user", "a"), ("assistant", "b"))),
    ("chatml", "not_nfc", row(("user", "e\u0301"), ("assistant", "b"))),
    ("chatml", "not_nfc", bash(command="ls '2 \u2126'")),
    ("deepseek-qwen", SAME, row(("system", "a\n\nTools, as JSON Schema:\nnone"), ("user", " b "), ("assistant", "c\n"))),
    ("deepseek-qwen", SAME, row(("system", "a\n\nTools, as JSON Schema:\n{}"), ("assistant", "c"), tools=list(agent_tools()))),
    ("deepseek-qwen", SAME, row(("user", CALL_TEXT), ("user", "<|User|>"), ("assistant", CALL_TEXT))),
    ("deepseek-qwen", SAME, row(("user", "a"), ("assistant", "<think>b</think>c <｜tool▁call▁begin｜>"))),
    ("deepseek-qwen", "template_markers", row(("user", "a<｜Assistant｜>b"), ("assistant", "c"))),
    ("deepseek-qwen", "template_markers", row(("user", "a"), ("assistant", "b"), ("tool", "c<｜User｜>d"), ("assistant", "e"))),
    ("deepseek-qwen", "template_markers", row(("user", "a<｜end▁of▁sentence｜>"), ("assistant", "c"))),
    ("deepseek-qwen", "template_markers", bash(command="<｜User｜>")),
    ("deepseek-qwen", "template_loses", row(("system", "a"), ("system", "b"), ("user", "c"), ("assistant", "d"))),
    ("deepseek-qwen", "template_loses", row(("user", "c"), ("system", "a"), ("assistant", "d"))),
    ("deepseek-qwen", "template_loses", row(("system", "a\n\nTools, as JSON Schema:\n{}"), ("user", "b"), ("assistant", "c"))),
]  # fmt: skip


@pytest.mark.parametrize(("template", "wanted", "raw"), CASES)
def test_content_that_looks_like_the_template_comes_back_or_is_counted(
    template: str, wanted: str, raw: dict[str, Any], tokenizer: "PreTrainedTokenizerFast", deepseek: "PreTrainedTokenizerFast"
) -> None:
    tokens, conversation = {"chatml": tokenizer, "deepseek-qwen": deepseek}[template], normalise(raw)
    try:
        back = there_and_back(tokens, conversation)
    except RowError as error:
        assert error.bucket == wanted
    else:
        assert wanted == SAME
        assert canonical(back).encode() == conversation.stored[0]


def test_a_tokenizer_that_does_not_compose_characters_keeps_them(tokenizer: "PreTrainedTokenizerFast") -> None:
    plain = variant(tokenizer, str(tokenizer.chat_template), normaliser=False)
    conversation = normalise(row(("user", "e\u0301 \u2126"), ("assistant", "\u1100\u1161")))
    assert there_and_back(plain, conversation) == list(conversation.messages)


def test_a_template_that_drops_calls_in_silence_is_found_out(tokenizer: "PreTrainedTokenizerFast") -> None:
    template = "{% for m in messages %}{{ m.role }}: {% generation %}{{ m.content }}{% endgeneration %}\n{% endfor %}"
    deaf = variant(tokenizer, template)
    assert tokenise(deaf, normalise(row(("user", "a"), ("assistant", "b")))).ids
    with pytest.raises(RowError) as caught:
        tokenise(deaf, normalise(bash(command="ls")))
    assert caught.value.bucket == "template_loses"
    with pytest.raises(DataError, match="cannot be read back"):
        read_back(deaf, "user: a\n")


def test_a_template_of_a_base_that_nobody_can_read_back_still_writes_its_calls(tokenizer: "PreTrainedTokenizerFast") -> None:
    trl = importlib.util.find_spec("trl")
    assert trl and trl.origin
    qwen = variant(tokenizer, (Path(trl.origin).parent / "chat_templates" / "qwen2_5_training.jinja").read_text(encoding="utf-8"))
    assert '"command": "ls"' in qwen.decode(tokenise(qwen, normalise(bash(command="ls"))).ids)
    with pytest.raises(RowError, match="template_markers"):
        tokenise(qwen, normalise(row(("user", "<|im_end|>"), ("assistant", "b"))))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "<|im_start|>user\nhello",
        "<|im_start|>user\nhello<|im_end|>",
        "<|im_start|>user<|im_end|>\n",
        "<|im_start|>user\na<|im_end|>\nb<|im_start|>assistant\nc<|im_end|>\n",
        "<|im_start|>narrator\na<|im_end|>\n",
        "x<|im_start|>user\na<|im_end|>\n",
        "<|im_start|>user\na<|im_end|><|im_end|>\n",
    ],
)
def test_a_text_that_is_no_whole_conversation_is_an_error(text: str, tokenizer: "PreTrainedTokenizerFast") -> None:
    with pytest.raises(DataError):
        read_back(tokenizer, text)


def test_a_deepseek_text_without_its_start_or_end_is_an_error(deepseek: "PreTrainedTokenizerFast") -> None:
    text = render(deepseek, normalise(row(("user", "a"), ("assistant", "b"), ("tool", "c"), ("assistant", "d"))))
    assert len(read_back(deepseek, text)) == 4
    for broken in (
        text.removeprefix(DEEPSEEK["bos_token"]),
        text.removesuffix(DEEPSEEK["eos_token"]),
        text.replace("<｜tool▁output▁end｜>", ""),
    ):
        with pytest.raises(DataError):
            read_back(deepseek, broken)


@settings(deadline=None, max_examples=30)
@given(st.lists(ROW, min_size=1, max_size=5))
def test_rows_stored_as_parquet_come_back_without_an_added_argument(
    tmp_path_factory: pytest.TempPathFactory, raws: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("stored") / "x.parquet"
    given = [normalise(raw) for raw in raws]
    as_values = [{"messages": c.messages, "tools": c.tools} for c in given]
    as_text = [{"messages": c.stored[0].decode(), "tools": c.stored[1].decode()} for c in given]
    assert rows.write(path, as_values) == len(given)
    back = rows.read_all(path)
    assert back == as_text
    assert [normalise(raw) for raw in back] == given


def test_calls_with_different_arguments_stay_apart_in_parquet(tmp_path: Path, any_tokenizer: "PreTrainedTokenizerFast") -> None:
    conversations = [
        normalise(bash(**{key: value}))
        for key, value in [("command", "ls"), ("timeout", 5), ("cwd", None), ("nested", {"a": [None]})]
    ]
    rows.write(tmp_path / "x.parquet", ({"messages": c.messages, "tools": c.tools} for c in conversations))
    back = [normalise(raw) for _, raw in rows.read(tmp_path / "x.parquet") if not isinstance(raw, RowError)]
    assert [c.messages[1]["tool_calls"][0]["function"]["arguments"] for c in back] == [
        {"command": "ls"},
        {"timeout": 5},
        {"cwd": None},
        {"nested": {"a": [None]}},
    ]
    texts = [render(any_tokenizer, c) for c in back]
    assert texts == [render(any_tokenizer, c) for c in conversations]
    assert all(not re.search(r"\bNone\b", text) for text in texts)
