"""One request to an OpenAI-compatible endpoint: what was said before and the tools in, the next turn or a named failure out.

The key comes from the environment variable that the card names, and goes nowhere but into the request. After 429, 5xx and lost
connections the client itself tries again, each time after a longer pause.
What is not covered: streamed answers, content in parts, tools that are no functions, endpoints that want another name for
``max_tokens``.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aj.errors import DataError, ParamsError
from aj.exact_json import loads
from aj.hashing import canonical
from aj.sources.card import Endpoint
from aj.sources.episodes import refuse_secrets

if TYPE_CHECKING:
    from openai import OpenAI

Message = dict[str, Any]

THINKING = re.compile(r"\s*<think>(.*?)</think>\s*", re.DOTALL)
PASSING = {"rate_limited", "server_error", "timeout", "no_connection"}
"""Buckets of failures that are worth another try, later."""


class RequestError(Exception):
    """A request without a usable answer; ``bucket`` is the reason it is counted under."""

    def __init__(self, bucket: str) -> None:
        super().__init__(bucket)
        self.bucket = bucket


@dataclass(frozen=True)
class Turn:
    """What the teacher said: its reasoning where the endpoint gives it, text, calls as it sent them."""

    thought: str
    text: str
    calls: list[dict[str, Any]]
    whole: bool
    """False where it ran out of tokens."""


def connect(teacher: Endpoint) -> "OpenAI":
    """A client with its key. Raises ParamsError where there is none, or where the card holds one."""
    from openai import OpenAI

    refuse_secrets(teacher)
    key = os.environ.get(teacher.key_variable, "").strip()
    if not key:
        raise ParamsError(
            f"environment variable {teacher.key_variable} is not set: put the key for {teacher.base_url} there and call again."
        )
    return OpenAI(base_url=teacher.base_url, api_key=key, timeout=teacher.timeout, max_retries=teacher.max_retries)


def ask(client: "OpenAI", teacher: Endpoint, messages: list[Message], tools: Sequence[Mapping[str, Any]]) -> Turn:
    """One request. Raises RequestError where it has no usable answer, DataError where no other would have one either."""
    import openai

    said_before: Any = messages  # the library's own types are of no use to dicts that are JSON already
    offered: dict[str, Any] = {"tools": list(tools), "tool_choice": "auto"} if tools else {}
    try:
        answer = client.chat.completions.with_raw_response.create(
            model=teacher.model, messages=said_before, temperature=teacher.temperature, max_tokens=teacher.max_tokens, **offered
        )
        [choice] = loads(answer.http_response.content)["choices"]
        canonical(choice).encode()  # half a surrogate pair could not be stored
        said, calls = choice["message"], choice["message"].get("tool_calls") or []
        text, thought = said.get("content") or "", said.get("reasoning") or said.get("reasoning_content") or ""
        if not (isinstance(text, str) and isinstance(thought, str) and all(isinstance(call["function"], dict) for call in calls)):
            raise RequestError("bad_response")
    except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
        raise DataError(
            f"{teacher.base_url} refuses model {teacher.model!r} with status {error.status_code}: check teacher.base_url and "
            f"teacher.model in the card, and the key in {teacher.key_variable}."
        ) from None
    except openai.APIError as error:
        raise RequestError(_bucket(error)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # 200, and then something else than a completion
        raise RequestError("bad_response") from None
    if choice.get("finish_reason") == "content_filter":
        raise RequestError("content_filter")
    for found in THINKING.finditer(text):
        thought = "\n".join(filter(None, [thought, found[1].strip()]))
    text = THINKING.sub("", text).strip()
    if not text and not calls:
        raise RequestError("empty_response")
    return Turn(thought, text, calls, choice.get("finish_reason") != "length")


def _bucket(error: Exception) -> str:
    import openai

    match error:
        case openai.RateLimitError():
            return "rate_limited"
        case openai.InternalServerError():
            return "server_error"
        case openai.APITimeoutError():
            return "timeout"
        case openai.APIConnectionError():
            return "no_connection"
        case openai.APIStatusError():
            return f"status_{error.status_code}"
    return "bad_response"


def told(turn: Turn, heard: Sequence[str]) -> list[Message]:
    """A turn and what came back, as the endpoint wants to hear it: only calls are answered by tool messages."""
    if not turn.calls:
        return [{"role": "assistant", "content": turn.text}, *({"role": "user", "content": text} for text in heard)]
    ids = [call.get("id") or f"call_{number}" for number, call in enumerate(turn.calls)]
    calls = [{"id": i, "type": "function", "function": call["function"]} for i, call in zip(ids, turn.calls, strict=True)]
    answers = [{"role": "tool", "tool_call_id": i, "content": text} for i, text in zip(ids, heard, strict=False)]
    return [{"role": "assistant", "content": turn.text, "tool_calls": calls}, *answers]  # not every server takes null
