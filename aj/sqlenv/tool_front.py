"""The four actions as typed tools: SQLEnv as TRL's ``environment_factory`` wants it, and the text grammar read as calls.

TRL's loop plays as long as a reply calls tools, and has no word for "done": a reply without a call ends the episode. So ANSWER may
come as the call ``answer`` or as text, and ``finish`` plays what the last reply said. A model that was taught the text grammar
needs no other data to be trained through this front: ``reading_actions`` gives a tokenizer that reads DESCRIBE, SAMPLE and QUERY
as calls. A model whose chat template TRL knows is left as it is and writes its own calls.
What is not covered: after the call ``answer`` TRL asks for one more turn, whose tokens are learned from too.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aj.sqlenv.actions import Action, parse
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ARGUMENT = {"DESCRIBE": "table_name", "SAMPLE": "table_name", "QUERY": "sql"}
NO_TOOLS = "{%- set tools = none -%}"


class SqlTools:
    """One episode at a time; every public method but ``reset`` is a tool that the model sees, named and described as here."""

    def __init__(self, questions: Mapping[str, Question], budget: int) -> None:
        self._questions = questions
        self._env = SQLEnv(budget)
        self._finished = False

    def reset(self, prompt: Sequence[Mapping[str, Any]], **_: Any) -> None:
        """Start the episode of the question whose id the last message of ``prompt`` carries."""
        self._env.reset(self._questions[prompt[-1]["question_id"]])
        self._finished = False

    # A model may well write answer(value=42): hence str().

    def describe(self, table_name: str) -> str:
        """Show the columns, types and number of rows of a table.

        Args:
            table_name: Name of the table.
        """
        return self._env.act(Action("DESCRIBE", str(table_name))).text

    def sample(self, table_name: str) -> str:
        """Show five rows of a table.

        Args:
            table_name: Name of the table.
        """
        return self._env.act(Action("SAMPLE", str(table_name))).text

    def query(self, sql: str) -> str:
        """Run one read-only SELECT.

        Args:
            sql: The SELECT.
        """
        return self._env.act(Action("QUERY", str(sql))).text

    def answer(self, value: str) -> str:
        """Answer the question and end the episode.

        Args:
            value: The answer alone.
        """
        return self._env.act(Action("ANSWER", str(value))).text

    def _finish(self, said: str) -> SQLEnv:
        if not self._finished and not self._env.done and said.strip():
            self._env.step(said)
        self._finished = True
        self._env.close()
        return self._env


def finish(tools: SqlTools, completion: Sequence[Mapping[str, Any]]) -> SQLEnv:
    """The environment after the whole completion (messages of one episode): a last reply without a call is played as text.

    Playing it twice changes nothing, because every reward asks. A reply whose call did not come to be executed is not played.
    """
    last = completion[-1] if completion else {}
    said = "" if last.get("role") != "assistant" or last.get("tool_calls") else str(last.get("content") or "")
    return tools._finish(said)


def reading_actions(tokenizer: "PreTrainedTokenizerBase") -> Any:
    """A copy of the tokenizer whose replies in the text grammar are read as calls, and whose prompts name no tools."""

    class ReadsActions(type(tokenizer)):  # type: ignore[misc]
        def parse_response(self, response: Any, *_: Any, **__: Any) -> dict[str, Any]:
            return as_message(str(self.decode(response, skip_special_tokens=True)))

    reads = copy.copy(tokenizer)
    reads.__class__ = ReadsActions
    reads.response_template = {"defaults": {"role": "assistant"}, "fields": {"content": {"content": "text"}}}  # TRL asks for one
    reads.chat_template = NO_TOOLS + str(tokenizer.chat_template)
    return reads


def as_message(text: str) -> dict[str, Any]:
    """A reply in the text grammar as an assistant's message: a call for what explores, content for ANSWER and what does not parse."""
    action = parse(text)
    if not action.well_formed or action.kind not in ARGUMENT:
        return {"role": "assistant", "content": text}
    function = {"name": action.kind.lower(), "arguments": {ARGUMENT[action.kind]: action.argument}}
    return {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": function}]}
