"""From a dataset's columns to the one message schema, and which rows a card's filters let through.

What is not covered: tool calls in ShareGPT's ``function_call`` turns, and columns of tool definitions.
"""

from collections.abc import Callable, Mapping
from typing import Any

from aj.errors import ParamsError
from aj.hashing import canonical
from aj.sources.card import Hub

COLUMNS = ({"messages"}, {"conversations"}, {"text"}, {"question", "answer"})
ROLES = {"human": "user", "gpt": "assistant", "chatgpt": "assistant", "observation": "tool"}  # as ShareGPT spells them
Row = Mapping[str, Any]


def refusal(row: Row, card: Hub) -> str | None:
    """The first filter that a row does not pass. ``false`` is not 0 here."""
    for column, accepted in card.filters.items():
        value = row[column]
        if not any(
            value == a and isinstance(value, bool) == isinstance(a, bool)
            for a in (accepted if isinstance(accepted, list) else [accepted])
        ):
            return column
    return None


def mapping(card: Hub, name: str) -> Callable[[Row], str]:
    """From a row of the dataset to its messages as JSON text. Raises ParamsError for columns that make no conversation.

    What is no conversation stays what it is (``null`` where JSON has no word for it): the mix names it and counts it.
    """
    columns = card.columns
    if set(columns) not in COLUMNS or ("text" in columns) != bool(card.speakers):
        raise ParamsError(
            f"source {name!r} maps columns {', '.join(columns) or 'none'}{' with speakers' if card.speakers else ''}: write "
            "{messages: COLUMN}, {conversations: COLUMN}, {question: COLUMN, answer: COLUMN}, or {text: COLUMN} with speakers."
        )
    match sorted(columns):
        case ["messages"]:
            return lambda row: _text(_each(row[columns["messages"]], _message))
        case ["conversations"]:
            return lambda row: _text(_each(row[columns["conversations"]], _sharegpt))
        case ["text"]:
            return lambda row: _text(_turns(row[columns["text"]], card.speakers))
        case _:
            return lambda row: _text(_question(row[columns["question"]], row[columns["answer"]]))


def _text(messages: Any) -> str:
    try:
        return messages if isinstance(messages, str) else canonical(messages)
    except (ValueError, TypeError):  # NaN, bytes
        return "null"


def _question(question: Any, answer: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def _each(turns: Any, convert: Callable[[Row], Any]) -> Any:
    return [convert(turn) if isinstance(turn, Mapping) else turn for turn in turns] if isinstance(turns, list) else turns


def _message(turn: Row) -> dict[str, Any]:
    # Other columns of a turn (WildChat's hashed addresses, say) are not part of the message.
    return {key: turn[key] for key in ("role", "content", "tool_calls") if key in turn}


def _sharegpt(turn: Row) -> dict[str, Any]:
    speaker = turn.get("from")
    return {"role": ROLES.get(speaker, speaker) if isinstance(speaker, str) else speaker, "content": turn.get("value")}


def _turns(text: Any, speakers: Mapping[str, str]) -> Any:
    """Plain text into turns. Before the first marker it is the scene, a system message. A line that starts with a marker is its
    speaker's; the lines after it belong to the role that no marker names, or go on with the same speaker where both have one."""
    if not isinstance(text, str):
        return text
    other = next((role for role in ("assistant", "user") if role not in speakers.values()), None)
    turns = [("system", "")]
    for line in text.splitlines():
        marker = next((m for m in speakers if line.startswith(m)), None)
        speaker = speakers[marker] if marker else (other if other and len(turns) > 1 else turns[-1][0])
        said = line.removeprefix(marker).strip() if marker else line
        if speaker == turns[-1][0]:
            turns[-1] = (speaker, f"{turns[-1][1]}\n{said}")
        elif said.strip():
            turns.append((speaker, said))
    return [{"role": role, "content": content.strip()} for role, content in turns if content.strip()]
