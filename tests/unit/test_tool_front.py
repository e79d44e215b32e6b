"""The typed tools, the text grammar read as calls, and what TRL's rewards get to see."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from aj.sections import Weights
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question
from aj.sqlenv.rollout import Drawn, Roller
from aj.sqlenv.tool_front import SqlTools, as_message, finish, reading_actions
from aj.training import grpo
from aj.training.environments import SQL_COLUMNS, Environment, is_question, of_sqlenv

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

Message = dict[str, Any]


@pytest.fixture
def opened(make_question: Callable[..., Question]) -> tuple[SqlTools, Question]:
    """Tools at the start of an episode, and its question."""
    question = make_question()
    tools = SqlTools({question.id: question}, budget=6)
    tools.reset(prompt=[{**question.messages[0], "question_id": question.id}], other_column=1)
    return tools, question


def said(text: str) -> list[Message]:
    return [as_message(text)]


def test_the_typed_tools_drive_the_same_environment(opened: tuple[SqlTools, Question]) -> None:
    typed, question = opened
    spoken = SQLEnv(6)
    spoken.reset(question)
    assert typed.describe("herbs") == spoken.step("DESCRIBE: herbs").text
    assert typed.sample("herbs") == spoken.step("SAMPLE: herbs").text
    assert typed.query("SELECT 1") == spoken.step("QUERY: SELECT 1").text
    assert typed.answer(42) == spoken.step("ANSWER: 42").text  # type: ignore[arg-type]
    env = finish(typed, [])
    assert env.correct
    assert (env.reward_sum, env.history, env.operational_sum) == (spoken.reward_sum, spoken.history, spoken.operational_sum)
    spoken.close()


def test_tools_have_the_schema_that_a_model_is_shown() -> None:
    from transformers.utils import get_json_schema

    schemas = [get_json_schema(getattr(SqlTools, name))["function"] for name in ("describe", "sample", "query", "answer")]
    arguments = {f["name"]: f["parameters"]["required"] for f in schemas}
    assert arguments == {"describe": ["table_name"], "sample": ["table_name"], "query": ["sql"], "answer": ["value"]}
    public = {name for name in vars(SqlTools) if not name.startswith("_")}
    assert public == {*arguments, "reset"}  # TRL shows every public method to the model


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        ("DESCRIBE: herbs", "describe", {"table_name": "herbs"}),
        ("sample: herbs", "sample", {"table_name": "herbs"}),
        ("```\nQUERY: SELECT 1\n```", "query", {"sql": "SELECT 1"}),
    ],
)
def test_what_explores_is_read_as_a_call(text: str, name: str, arguments: Message) -> None:
    message = as_message(text)
    assert message["content"] == ""
    assert message["tool_calls"] == [{"type": "function", "function": {"name": name, "arguments": arguments}}]


@pytest.mark.parametrize(
    ("last", "answered", "correct", "failures"),
    [("ANSWER: 42", True, True, 0), ("ANSWER: 41", True, False, 0), ("no idea", False, False, 1), ("", False, False, 0)],
)
def test_a_last_reply_without_a_call_is_played_once(
    opened: tuple[SqlTools, Question], last: str, answered: bool, correct: bool, failures: int
) -> None:
    tools, _ = opened
    tools.describe("herbs")
    for _ in range(2):  # every reward asks
        env = finish(tools, said(last))
        assert (env.answered, env.correct, env.parse_failures) == (answered, correct, failures)
    assert len(env.history) == 1 + bool(last)


def test_a_call_that_was_never_executed_is_not_played(opened: tuple[SqlTools, Question]) -> None:
    tools, _ = opened
    assert finish(tools, said("QUERY: SELECT price FROM herbs WHERE name = 'ada'")).history == []
    assert finish(tools, [{"role": "tool", "name": "query", "content": "ANSWER: 42"}]).answered is False


def test_the_answer_cannot_be_changed_by_a_later_reply(opened: tuple[SqlTools, Question]) -> None:
    tools, _ = opened
    tools.answer("41")
    assert tools.answer("42") == "error: the episode is over"
    assert not finish(tools, said("ANSWER: 42")).correct


def test_prompts_and_what_is_heard_have_the_tokens_of_the_text_front(
    opened: tuple[SqlTools, Question], tokenizer: "PreTrainedTokenizerFast"
) -> None:
    """TRL renders through the tokenizer; what the model sees must be what SFT has shown it."""
    _, question = opened
    reads = reading_actions(tokenizer)
    roller = Roller(tokenizer, budget=6, max_new_tokens=40, max_length=2000)
    actions = iter(["DESCRIBE: herbs", "ANSWER: 42"])
    [episode] = roller.play(
        [question], lambda contexts, most: [reads(next(actions) + "<|im_end|>")["input_ids"] for _ in contexts]
    )
    schema = {"type": "function", "function": {"name": "describe", "description": "", "parameters": {}}}
    prompt = reads.apply_chat_template(
        [question.messages], tools=[schema], add_generation_prompt=True, tokenize=True, return_dict=True
    )
    assert prompt["input_ids"][0] == episode.prompt_ids
    messages = [*question.messages, as_message("DESCRIBE: herbs")]
    heard = {"role": "tool", "name": "describe", "content": episode.observations[0]}
    before = reads.apply_chat_template(messages, tokenize=False).rpartition("<|im_end|>")[0] + "<|im_end|>"
    after = reads.apply_chat_template([*messages, heard], tokenize=False, add_generation_prompt=True)
    assert after.startswith(before)
    environment = [i for i, written in zip(episode.completion_ids, episode.mask, strict=True) if not written]
    assert reads(after.removeprefix(before), add_special_tokens=False)["input_ids"] == environment
    ids = reads("DESCRIBE: herbs<|im_end|>")["input_ids"]
    assert reads.parse_response(ids, prefix=[], tools=[schema])["tool_calls"][0]["function"]["name"] == "describe"


def test_log_probabilities_stay_beside_their_tokens(
    make_question: Callable[..., Question], tokenizer: "PreTrainedTokenizerFast"
) -> None:
    actions = iter(["DESCRIBE: herbs", "ANSWER: 42"])

    def generate(contexts: list[list[int]], most: int) -> list[list[int]]:
        ids = tokenizer(next(actions) + "<|im_end|>")["input_ids"]
        return [Drawn(ids, [-0.5 * (n + 1) for n in range(len(ids))])]

    roller = Roller(tokenizer, budget=6, max_new_tokens=40, max_length=2000)
    [episode] = roller.play([make_question()], generate)
    assert len(episode.logprobs) == len(episode.completion_ids)
    assert [p == 0.0 for p in episode.logprobs] == [written == 0 for written in episode.mask]
    played = [Environment(is_question, [episode.question], 1.0, roller, SQL_COLUMNS, of_sqlenv)]
    assert grpo.columns([episode], played)["logprobs"] == [episode.logprobs]


def test_groups_that_teach_nothing_are_counted() -> None:
    class Section:
        group_size = 2
        weights = Weights(correctness=1.0, progress=0.1, operational=0.0, validators=1.0)

    outcome = {
        "correct": [1, 1, 0, 0, 0, 1, None, None],
        "best_progress": [1, 1, 0.5, 0.75, 0, 0, None, None],
        "operational_sum": [0, 0.1, 0, 0, 0, 0, None, None],
        "validated": [None] * 6 + [0.25, 0.25],
    }
    assert grpo.without_spread(outcome, Section) == pytest.approx(1 / 2)  # the operational signal has no weight here
