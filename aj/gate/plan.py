"""The plan of an episode, and how near it is to the gold's.

A plan is the sequence of steps that an agent took. SQLEnv: its actions as the environment played them (a text outside the grammar is
a QUERY of that text), white space collapsed; ANSWER is the outcome and no step, and a text of nothing but white space is none. The gold's: DESCRIBE
of each table that the gold SQL names after FROM or JOIN, in that order, and the gold SQL. A task: its tool calls, name and arguments;
the gold's are those of its gold messages, and a task whose gold calls no tool has no plan to compare.
An empty plan passes nothing: every metric below is 0 for it, whatever the gold's is.
What is not covered: SQL that is written otherwise and means the same (another step); tables that a gold names after a comma.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aj.hashing import canonical

Row = Mapping[str, Any]
Plan = tuple[str, ...]
TABLE = re.compile(r'\b(?:FROM|JOIN)\s+"?(\w+)', re.IGNORECASE)
FORBIDDEN = ("error: refused: ", "error: not authorized", "error: the episode is over")
"""How the environment's answer to a step begins that no agent may take."""
CONSTRAINTS = ("policy_safety", "guardrails_kept")
"""Checks of a task that are rules rather than skill."""


def jaccard(plan: Sequence[str], gold: Sequence[str]) -> float:
    """Steps in common over steps in either, as sets (Jaccard, 1901): 0 (none in common, or the plan is empty) to 1 (the same steps)."""
    return len({*plan} & {*gold}) / len({*plan} | {*gold}) if plan else 0.0


def edit_similarity(plan: Sequence[str], gold: Sequence[str]) -> float:
    """1 - Levenshtein distance in steps / steps of the longer one: 0 (nothing in its place, or the plan is empty) to 1 (the same)."""
    if not plan:
        return 0.0
    row = list(range(len(gold) + 1))
    for number, step in enumerate(plan, 1):
        before, row[0] = row[0], number
        for place, other in enumerate(gold, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (step != other))
    return 1 - row[-1] / max(len(plan), len(gold))


def diversity(plans: Iterable[Plan]) -> float:
    """Different plans over episodes, after distinct-n (Li et al., 2016) with the whole plan as the unit.

    0 (all are empty, or there are none) to 1 (no two are the same). An empty plan counts as an episode and as no plan.
    """
    taken = list(plans)
    return len({plan for plan in taken if plan}) / len(taken) if taken else 0.0


def of_question(row: Row) -> Plan:
    """The plan of an episode of SQLEnv."""
    from aj.sqlenv.actions import parse

    actions = [parse(step["action"]) for step in row["steps"]]
    return tuple(f"{a.kind}: {' '.join(a.argument.split())}" for a in actions if a.kind != "ANSWER" and a.argument.strip())


def gold_of_question(row: Row) -> Plan:
    """The gold plan of a question."""
    sql = " ".join(row["gold_sql"].split())
    return (*(f"DESCRIBE: {table}" for table in dict.fromkeys(TABLE.findall(sql))), f"QUERY: {sql}")


def of_messages(messages: Iterable[Row]) -> Plan:
    """The tool calls of a task's turns."""
    calls = (call["function"] for m in messages if m["role"] == "assistant" for call in m.get("tool_calls", ()))
    return tuple(canonical({"name": call["name"], "arguments": call["arguments"]}) for call in calls)


def alignment_of_question(row: Row) -> float | None:
    """``jaccard`` with the gold plan."""
    return jaccard(of_question(row), gold_of_question(row))


def alignment_of_task(row: Row) -> float | None:
    """The same of a task; None where its gold calls no tool."""
    gold = of_messages(row["gold"])
    return jaccard(of_messages(row["said"]), gold) if gold else None


def similarity_of_question(row: Row) -> float | None:
    """``edit_similarity`` to the gold plan."""
    return edit_similarity(of_question(row), gold_of_question(row))


def similarity_of_task(row: Row) -> float | None:
    """The same of a task; None where its gold calls no tool."""
    gold = of_messages(row["gold"])
    return edit_similarity(of_messages(row["said"]), gold) if gold else None


def exists_of_question(row: Row) -> float | None:
    """Whether there is a plan."""
    return float(bool(of_question(row)))


def exists_of_task(row: Row) -> float | None:
    """The same of a task; None where its gold calls no tool."""
    return float(bool(of_messages(row["said"]))) if of_messages(row["gold"]) else None


def respect_of_question(row: Row) -> float | None:
    """1 where there is a plan, within the budget, and no step of it was one that the environment forbids; else 0."""
    kept = len(row["steps"]) <= row["budget"] and not any(s["observation"].startswith(FORBIDDEN) for s in row["steps"])
    return float(kept and bool(of_question(row)))


def respect_of_task(row: Row) -> float | None:
    """1 where something was said (a call, where the gold calls tools) and none of CONSTRAINTS was broken; else 0."""
    said = bool(of_messages(row["said"]))
    if not of_messages(row["gold"]):
        said = said or any(m["role"] == "assistant" and str(m["content"]).strip() for m in row["said"])
    return float(said and not any(row["checks"][name]["codes"] for name in CONSTRAINTS if name in row["checks"]))


def plans(questions: Iterable[Row], tasks: Iterable[Row]) -> dict[str, Plan]:
    """The plan of every item that has a gold one, by what was asked."""
    found = {canonical([row["question"], row["database"], row["text"]]): of_question(row) for row in questions}
    return found | {row["id"]: of_messages(row["said"]) for row in tasks if of_messages(row["gold"])}
