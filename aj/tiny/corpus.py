"""The pretraining corpus of the tiny base: documents from a seed, from the training side of the family and of the tasks only.

Seven kinds: copying in chat form, the protocol's words, synonyms, repetition, worked episodes as plain text, tables with several
queries, and tasks of the competencies with their answers as plain text. Two lessons stand behind the choice: a token that pretraining never saw cannot be lifted by LoRA
over a frozen, tied embedding, so every word of the protocol occurs here; and ``DESCRIBE: <random table>`` taught the
wrong table, so it stands only where it is right.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aj.competencies.registry import Catalogue, Competency
from aj.competencies.task import Message, Task
from aj.competencies.template import Group, draw_one, groups, side_of
from aj.sqlenv.family import Lexicon, draw_question, draw_tables, run_sql
from aj.tiny.tokenizer import END

KINDS = {"copying": 11, "protocol": 4, "synonyms": 5, "repetition": 10, "episodes": 22, "queries": 16, "tasks": 32}  # per cent

TASKS, EPISODES = 3, 2  # of one pattern in a document; episodes are long


@dataclass(frozen=True)
class Words:
    """What documents are drawn from: SQLEnv's lexicon, and the catalogue of the competencies."""

    lexicon: Lexicon
    catalogue: Catalogue

    @cached_property
    def patterns(self) -> Sequence[tuple[Competency, Sequence[Group]]]:
        """Of every pattern its template groups of the training side."""
        found: dict[tuple[str, str, str], tuple[Competency, list[Group]]] = {}
        for competency in self.catalogue.competencies:
            for task, pattern, wording in groups(self.catalogue, competency, "train"):
                found.setdefault((competency.name, task, pattern), (competency, []))[1].append((task, pattern, wording))
        return list(found.values())


def documents(words: Words, seed: int, count: int) -> Iterator[str]:
    """``count`` documents; the same seed gives the same text."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        yield _tasks(rng, words) if kind == "tasks" else _MAKERS[kind](rng, words.lexicon)


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


def _copying(rng: random.Random, lexicon: Lexicon) -> str:
    # A result is read off and answered thousands of times: copying is what a two-layer model has to learn first.
    return "".join(_exchange(rng, lexicon) for _ in range(4))


def _exchange(rng: random.Random, lexicon: Lexicon) -> str:
    number = rng.randint(0, 10 ** rng.randint(1, 3) - 1)
    value = str(number) if rng.random() < 0.7 else rng.choice(lexicon.names)
    role, heard, said = rng.choice(
        [
            ("tool", value, f"ANSWER: {value}"),
            ("tool", value, f"ANSWER: {value}"),
            ("user", f"say '{value}'", f"'{value}'"),
            ("user", f"the result is {value}. what is the result?", value),
        ]
    )
    return f"<|im_start|>{role}\n{heard}<|im_end|>\n<|im_start|>assistant\n{said}<|im_end|>\n"


def _protocol(rng: random.Random, lexicon: Lexicon) -> str:
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


def _synonyms(rng: random.Random, lexicon: Lexicon) -> str:
    pairs = (rng.sample(rng.choice(lexicon.synonyms), 2) for _ in range(6))
    return "".join(f"same: {a}, {b}\n" for a, b in pairs)


def _repetition(rng: random.Random, lexicon: Lexicon) -> str:
    values = [v for _, group in lexicon.categories for v in group]
    words = [
        rng.choice(lexicon.names)
        if rng.random() < 0.4
        else str(rng.randint(0, 999))
        if rng.random() < 0.5
        else rng.choice(values)
        for _ in range(rng.randint(6, 12))
    ]
    line = ", ".join(f"'{w}'" for w in words)
    return f"list: {line}\nagain: {line}\nagain: {line}\n"


def _episodes(rng: random.Random, lexicon: Lexicon) -> str:
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


def _queries(rng: random.Random, lexicon: Lexicon) -> str:
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
    "copying": _copying,
    "protocol": _protocol,
    "synonyms": _synonyms,
    "repetition": _repetition,
    "episodes": _episodes,
    "queries": _queries,
}
