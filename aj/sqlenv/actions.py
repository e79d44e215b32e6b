"""The action grammar: one ``ACTION_TYPE: argument`` a turn."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["DESCRIBE", "SAMPLE", "QUERY", "ANSWER"]

ACTION = re.compile(r"\s*(DESCRIBE|SAMPLE|QUERY|ANSWER)\s*:(.*)", re.IGNORECASE | re.DOTALL)
FENCE = re.compile(r"```(?:[A-Za-z]*[ \t]*\n|sql[ \t])?(.*?)\n?```", re.DOTALL)  # ```42``` has no language


@dataclass(frozen=True)
class Action:
    """One parsed action. ``well_formed`` is False where the text did not follow the grammar."""

    kind: Kind
    argument: str
    well_formed: bool = True

    def __str__(self) -> str:
        return f"{self.kind}: {self.argument}"


def parse(text: str) -> Action:
    """Read one action; case and white space do not matter, one code fence is ignored.

    Text outside the grammar becomes a QUERY with the raw text as its argument and ``well_formed=False``.
    """
    found = ACTION.fullmatch(unfence(text))
    if not found:
        return Action("QUERY", text.strip(), well_formed=False)
    kind: Kind = found[1].upper()  # type: ignore[assignment]  # the pattern lets only the four kinds through
    return Action(kind, unfence(found[2]))


def instructions(budget: int) -> str:
    """The grammar in words, for a model that was not trained on it."""
    return (
        "You answer a question about a database that you cannot see. Each of your turns is exactly one action and nothing else: "
        "`DESCRIBE: table` shows its columns, `SAMPLE: table` five of its rows, `QUERY: sql` runs one SELECT, `ANSWER: value` "
        f"ends the task. You have {budget} actions. Answer with the value alone, rows one a line, columns separated by |."
    )


def unfence(text: str) -> str:
    """The text without surrounding white space and without one surrounding code fence."""
    text = text.strip()
    found = FENCE.fullmatch(text)
    return found[1].strip() if found else text
