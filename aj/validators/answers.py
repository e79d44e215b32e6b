"""answers_task: whether a reply holds what the task asked for, beside being valid; episode_done: whether an episode ended as it should.

A valid GRANT for another table is no answer: without this a reward would be earned by one text for all tasks. The context says what
is wanted and in which form:

- ``sql``: a list of statements, compared word by word without regard to case, order of statements and final semicolons; an entry
  that is a list holds several spellings of one statement.
- ``document``: a value; every leaf of it must stand in the YAML or JSON of the reply. Further fields are allowed, further items of a list
  are not. Items with a ``task_key``, ``key`` or ``name`` are found by that, others by their place.
- ``python``: calls as ``[name, argument, ...]``, a keyword argument as ``{"name": value}``; each must be among the calls of the reply.

``value`` is the share of what is wanted that is there, less what is too much, so that a near answer earns more than a far one.
What is not covered: other ways to the same result (a join written as a subquery, a loop instead of a list).
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from aj.exact_json import dumps, loads
from aj.hashing import canonical
from aj.validators.safe_yaml import YamlRefused, load
from aj.validators.score import Reason, Score
from aj.validators.sql_lexer import words_of

IDENTITIES = ("task_key", "key", "name")
MOST_REASONS = 10
Leaves = dict[tuple[str, ...], str]


def answers_task(text: str, context: Mapping[str, Any]) -> Score:
    """1 where all that is wanted is there and nothing is too much.

    Codes: unreadable, missing_statement, extra_statement, missing_value, different_value, extra_item, missing_call; no_task where the
    context wants nothing.
    """
    for form, judge in (("sql", _sql), ("document", _document), ("python", _python)):
        if form in context:
            return judge(text, context[form])
    return Score.of([Reason("no_task", "the context names no sql, document or python to compare with")])


def _sql(text: str, wanted: list[str | list[str]]) -> Score:
    words, problems = words_of(text)
    if problems:
        return Score.of([Reason("unreadable", problems[0].detail)])
    said = list(_statements(words))
    reasons = []
    for entry in wanted:
        spellings = [entry] if isinstance(entry, str) else entry
        found = next((s for w in spellings for s in _statements(words_of(w)[0]) if s in said), None)
        if found is None:
            reasons.append(Reason("missing_statement", f"not said: {spellings[0]}"))
        else:
            said.remove(found)
    there = len(wanted) - len(reasons)
    reasons += (Reason("extra_statement", f"not asked: {' '.join(words)}") for words in said)
    return Score.of(reasons[:MOST_REASONS], _below_one(there / (len(wanted) + len(said))))


def _statements(words: Any) -> Iterator[tuple[str, ...]]:
    statement: list[str] = []
    for word in [w.text if w.kind == "string" else w.text.strip("`").upper() for w in words] + [";"]:
        if word != ";":
            statement.append(word)
        elif statement:
            yield tuple(statement)
            statement = []


def _document(text: str, wanted: Any) -> Score:
    try:
        said = _leaves(load(text).value)
    except YamlRefused as refused:
        return Score.of([Reason("unreadable", refused.detail)])
    asked = _leaves(wanted)
    lists = {path[:i] for path in asked for i, step in enumerate(path) if step.startswith("[")}
    reasons = [
        Reason("different_value" if path in said else "missing_value", f"{'.'.join(path)}: {said.get(path)} instead of {value}")
        for path, value in asked.items()
        if said.get(path) != value
    ]
    there = len(asked) - len(reasons)
    items = {path[: len(at) + 1] for at in lists for path in said if path[: len(at)] == at and len(path) > len(at)}
    extra = [item for item in sorted(items) if not any(path[: len(item)] == item for path in asked)]
    reasons += (Reason("extra_item", f"{'.'.join(item)} was not asked") for item in extra)
    return Score.of(reasons[:MOST_REASONS], _below_one(there / (len(asked) + len(extra))))


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Leaves:
    if isinstance(value, Mapping) and value:
        return {p: v for key, inner in value.items() for p, v in _leaves(inner, (*path, str(key))).items()}
    if isinstance(value, list) and value:
        return {p: v for n, inner in enumerate(value) for p, v in _leaves(inner, (*path, f"[{_identity(inner, n)}]")).items()}
    return {path: dumps(value).decode() if isinstance(value, str | bool | int | float | dict | list | None) else str(value)}


def _identity(item: Any, place: int) -> object:
    if isinstance(item, Mapping):
        return next((item[key] for key in IDENTITIES if isinstance(item.get(key), str)), place)
    return place


def _python(text: str, wanted: list[list[Any]]) -> Score:
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Score.of([Reason("unreadable", f"not Python: {error}")])
    said = [canonical(_signature(node)) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    missing = [call for call in wanted if canonical(call) not in said]
    reasons = [Reason("missing_call", f"not called: {canonical(call)}") for call in missing]
    return Score.of(reasons[:MOST_REASONS], _below_one(1 - len(missing) / len(wanted)))


def _signature(call: ast.Call) -> list[Any]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    return [name, *map(_literal, call.args), *({k.arg or "**": _literal(k.value)} for k in call.keywords)]


def _literal(node: ast.expr) -> Any:
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return f"<{type(node).__name__}>"
    return value if isinstance(value, str | bool | int | None) else repr(value)


def _below_one(share: float) -> float:
    """Partial credit, which never looks like a pass."""
    return min(share, 0.99)


def episode_done(text: str, context: Mapping[str, Any]) -> Score:
    """1 where the conversation ended with ``complete``, said what was wanted, and made the calls that were wanted before.

    Context: ``complete``: ``{"answer": text}``, compared without regard to case and outer blanks, or ``{"error": true}``: any error;
    ``called``: calls ``{"name", "arguments"}`` that must have been made; ``not_called``: names of tools that must not.
    Codes: unreadable, not_completed, completed_early, wrong_answer, missing_call, forbidden_call.
    """
    try:
        messages = loads(text)["messages"]
        calls = [c["function"] for m in messages if m["role"] == "assistant" for c in m.get("tool_calls", ())]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        return Score.of([Reason("unreadable", f"no conversation: {error!r}")])
    reasons = _ending(calls, context["complete"])
    made = [canonical({"name": c["name"], "arguments": c["arguments"]}) for c in calls]
    wanted = [canonical(call) for call in context.get("called", ())]
    reasons += (Reason("missing_call", f"never called: {call}") for call in wanted if call not in made)
    forbidden = sorted({c["name"] for c in calls} & set(context.get("not_called", ())))
    reasons += (Reason("forbidden_call", f"{name} was called") for name in forbidden)
    steps = 1 + len(wanted)
    return Score.of(reasons[:MOST_REASONS], _below_one(max(0.0, 1 - len(reasons) / steps)))


def _ending(calls: list[dict[str, Any]], wanted: Mapping[str, Any]) -> list[Reason]:
    ends = [i for i, call in enumerate(calls) if call["name"] == "complete"]
    if not ends:
        return [Reason("not_completed", "complete was never called")]
    if ends[0] < len(calls) - 1:
        return [Reason("completed_early", "calls follow the one of complete")]
    said = calls[-1]["arguments"]
    if wanted.get("error") is True:
        right = bool(said.get("error"))
    else:
        right = str(said.get("answer", "")).strip().lower() == str(wanted["answer"]).strip().lower()
    return [] if right else [Reason("wrong_answer", f"{canonical(said)} instead of {canonical(wanted)}")]
