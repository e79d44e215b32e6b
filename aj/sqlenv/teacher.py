"""Demonstrations and preference pairs, made by playing the real environment.

The teacher is of mixed quality on purpose: a careful one looks before it queries, a hasty one guesses column names and
often gives up. SFT learns both; GRPO finds out which is better. Every pair's rejected turn breaks a named rule.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aj.sqlenv.database import QueryError
from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.family import Draft, TableData, write_database
from aj.sqlenv.questions import Question, read

Message = dict[str, str]


@dataclass(frozen=True)
class Manner:
    """How the teacher behaves, as probabilities."""

    hasty: float
    """Queries with the question's own words, without DESCRIBE."""
    gives_up: float
    """After a failed hasty query, answers "unknown"."""
    samples: float
    """A careful one also looks at rows."""


QUERY_SHARE = 0.6  # of the pairs; the others are about the answer
CAREFUL = Manner(hasty=0.0, gives_up=0.0, samples=0.15)


@dataclass(frozen=True)
class Pair:
    """A conversation up to an assistant turn, a good and a bad turn, and the rule that the bad one breaks."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    broken_rule: str


class Teacher:
    """A scratch database file that one episode after another is played on."""

    def __init__(self, folder: Path, system: str) -> None:
        self.folder, self.system = folder, system
        self.env = SQLEnv()

    def question(self, draft: Draft, tables: Sequence[TableData]) -> Question:
        """Write the draft's database and read the question back, gold checked."""
        write_database(self.folder / "database" / "scratch" / "scratch.sqlite", tables)
        row = {"question": draft.text, "db_id": "scratch", "query": draft.sql, "system": self.system}
        return read(row, self.folder, 0)

    def demonstrate(self, rng: random.Random, draft: Draft, tables: Sequence[TableData], manner: Manner) -> list[Message]:
        """One whole episode as messages."""
        question = self.question(draft, tables)
        messages = list(question.messages)
        self.env.reset(question)

        def act(action: str) -> str:
            messages.append({"role": "assistant", "content": action})
            seen = self.env.step(action)
            if not seen.done:
                messages.append({"role": "tool", "content": seen.text})
            return seen.text

        if rng.random() < manner.hasty:
            result = act(f"QUERY: {draft.hasty_sql}")
            if result.startswith("error"):
                if rng.random() < manner.gives_up:
                    act("ANSWER: unknown")
                    return messages
                act(f"DESCRIBE: {draft.table.name}")
                result = act(f"QUERY: {draft.sql}")
        else:
            act(f"DESCRIBE: {draft.table.name}")
            if rng.random() < manner.samples:
                act(f"SAMPLE: {draft.table.name}")
            result = act(f"QUERY: {draft.sql}")
        act(f"ANSWER: {result}")
        return messages

    def pair(self, rng: random.Random, draft: Draft, tables: Sequence[TableData]) -> Pair:
        """A careful episode cut before its query or its answer, with a turn that breaks a rule beside the good one.

        Whether to look before the first query is left out on purpose: that is for GRPO to find out.
        """
        messages = self.demonstrate(rng, draft, tables, CAREFUL)
        at_query = next(i for i, m in enumerate(messages) if m["content"].startswith("QUERY"))
        bad = self._bad_query(rng, draft, tables) if rng.random() < QUERY_SHARE else None
        if bad:
            cut, (rule, rejected) = at_query, bad
        else:
            cut, (rule, rejected) = len(messages) - 1, _bad_answer(rng, messages[-1]["content"], messages[at_query]["content"])
        return Pair(tuple(messages[:cut]), messages[cut]["content"], rejected, rule)

    def _bad_query(self, rng: random.Random, draft: Draft, tables: Sequence[TableData]) -> tuple[str, str] | None:
        """A query that breaks a rule and shows it: another result than the gold's, or an error. None if there is none."""
        options = [(rule, sql) for rule, sql in _wrong_queries(rng, draft, tables) if self._differs(sql)]
        if not options:
            return None
        rule, sql = rng.choice(options)
        return rule, f"QUERY: {sql}"

    def _differs(self, sql: str) -> bool:
        # Any table counts as well as the right one where both have seven rows: such a query is not worse.
        try:
            return self.env.database.query(sql).rows != self.env.question.gold
        except QueryError:
            return True


def _wrong_queries(rng: random.Random, draft: Draft, tables: Sequence[TableData]) -> list[tuple[str, str]]:
    table = draft.table
    other = rng.choice([t.name for t in tables if t is not table])
    options = [("wrong_table", draft.sql.replace(f"FROM {table.name}", f"FROM {other}"))]
    for column, wrong in ((table.number, table.category), (table.category, table.number)):
        if column in draft.sql:
            options.append(("wrong_column", draft.sql.replace(column, wrong)))
    for aggregate, wrong in (("MAX(", "MIN("), ("MIN(", "MAX("), ("SUM(", "MAX("), (" > ", " < "), (" DESC ", " ASC ")):
        if aggregate in draft.sql:
            options.append(("wrong_operation", draft.sql.replace(aggregate, wrong)))
    if draft.hasty_sql != draft.sql:
        options.append(("guessed_column", draft.hasty_sql))
    return options


def _bad_answer(rng: random.Random, good: str, query: str) -> tuple[str, str]:
    value = good.removeprefix("ANSWER: ")
    options = [("gave_up", "ANSWER: unknown"), ("prose_answer", f"ANSWER: the result is {value}"), ("repeated_query", query)]
    if value.isdecimal():
        at = rng.randrange(len(value))  # one digit wrong: what a small model does when it copies
        digit = rng.choice([d for d in "123456789" if d != value[at]])
        options.append(("miscopied", f"ANSWER: {value[:at]}{digit}{value[at + 1 :]}"))
    return rng.choice(options)
