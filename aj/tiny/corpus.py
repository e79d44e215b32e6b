"""The pretraining corpus of the tiny base: documents from a seed, from the training side of the family and of the tasks only.

Seven kinds: copying in chat form and repetition (copying.py), the protocol's words, synonyms, worked episodes as plain text, tables
with several queries, and tasks of the competencies with their answers as plain text. Two lessons stand behind the choice: a token
that pretraining never saw cannot be lifted by LoRA over a frozen, tied embedding, so every word of the protocol occurs here; and
``DESCRIBE: <random table>`` taught the wrong table, so it stands only where it is right.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aj.competencies.registry import Competency
from aj.competencies.task import Message, Task
from aj.competencies.template import Group, draw_one, side_of
from aj.sqlenv.family import draw_question, draw_tables, run_sql
from aj.tiny.copying import copying, repetition
from aj.tiny.tokenizer import END
from aj.tiny.words import Words

KINDS = {"copying": 8, "protocol": 3, "synonyms": 4, "repetition": 24, "episodes": 17, "queries": 12, "tasks": 32}  # per cent

TASKS, EPISODES = 3, 2  # of one pattern in a document; episodes are long


def documents(words: Words, seed: int, count: int) -> Iterator[str]:
    """``count`` documents; the same seed gives the same text."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        yield _MAKERS[kind](rng, words)


def _tasks(rng: random.Random, words: Words) -> str:
    # Several of one pattern: its shape is soon known, and what is left to learn is to copy the right words into it.
    competency, wordings = rng.choice(words.patterns)
    count = EPISODES if competency.name == "ai_agents" else TASKS
    return "\n".join(_told(_task(rng, words, competency, wordings)) for _ in range(count))


def _task(rng: random.Random, words: Words, competency: Competency, wordings: Sequence[Group]) -> Task:
    while True:
        task = draw_one(words.catalogue, competency, rng, *rng.choice(wordings))
        if side_of(task) == "train":
            return task


def _told(task: Task) -> str:
    # No chat, but a turn begins a line and ends as it will there: the tokens at its edges have to be known.
    tools = "".join(f" {name}({', '.join(arguments)})" for name, arguments in map(_signature, task.tools))
    lines = [f"tools:{tools}"] if tools else []
    lines += (f"{m['role']}:\n{_said(m)}{END}" for m in (*task.messages, *task.gold))
    return "\n".join(lines) + "\n"


def _signature(tool: Mapping[str, Any]) -> tuple[str, list[str]]:
    function = tool["function"]
    return function["name"], list(function["parameters"]["properties"])


def _said(message: Message) -> str:
    functions = (call["function"] for call in message.get("tool_calls", ()))
    calls = (json.dumps({"name": f["name"], "arguments": dict(sorted(f["arguments"].items()))}) for f in functions)
    return str(message["content"]) + "".join(f"<tool_call>{call}</tool_call>" for call in calls)


def _protocol(rng: random.Random, words: Words) -> str:
    lexicon = words.lexicon
    lines = []
    for _ in range(4):
        table, other = rng.choice(lexicon.tables), rng.choice(lexicon.tables)
        column = rng.choice(rng.choice(lexicon.numbers))
        lines.append(
            rng.choice(
                [
                    "ANSWER: unknown",
                    f"error: no such table: {table}; tables: {table}, {other}",
                    f"error: no such column: {column}",
                    "empty",
                    "null",
                    f"tables: {table}, {other}",
                    "tool",
                ]
            )
        )
    return "\n".join(lines) + "\n"


def _synonyms(rng: random.Random, words: Words) -> str:
    lexicon = words.lexicon
    pairs = (rng.sample(rng.choice(lexicon.synonyms), 2) for _ in range(6))
    return "".join(f"same: {a}, {b}\n" for a, b in pairs)


def _episodes(rng: random.Random, words: Words) -> str:
    lexicon = words.lexicon
    # Question before schema: the order that the episodes will have, without chat markup.
    parts = []
    for _ in range(2):
        tables = draw_tables(rng, lexicon, held_out=False)
        draft = draw_question(rng, lexicon, tables, templates=lexicon.templates)
        result = run_sql(tables, draft.sql)
        sample = ""
        if rng.random() < 0.15:
            sample = f"SAMPLE: {draft.table.name}\n{run_sql(tables, f'SELECT * FROM {draft.table.name} LIMIT 5')}\n"
        parts.append(
            f"tables: {', '.join(t.name for t in tables)}\nquestion: {draft.text}\n"
            f"DESCRIBE: {draft.table.name}\n{draft.table.description}\n{sample}"
            f"QUERY: {draft.sql}\nresult: {result}\nANSWER: {result}\n"
        )
    return "\n".join(parts)


def _queries(rng: random.Random, words: Words) -> str:
    lexicon = words.lexicon
    tables = draw_tables(rng, lexicon, held_out=False, count=1)
    parts = [f"table {tables[0].name}\n{tables[0].description}"]
    for _ in range(rng.randint(4, 6)):
        draft = draw_question(rng, lexicon, tables, templates=lexicon.templates)
        parts.append(f"question: {draft.text}\nQUERY: {draft.sql}")
        if rng.random() < 0.7:
            result = run_sql(tables, draft.sql)
            parts.append(f"result: {result}\nANSWER: {result}")
    return "\n".join(parts) + "\n"


_MAKERS = {
    "copying": copying,
    "protocol": _protocol,
    "synonyms": _synonyms,
    "repetition": repetition,
    "episodes": _episodes,
    "queries": _queries,
    "tasks": _tasks,
}
