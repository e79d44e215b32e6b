"""answers_task: whether a reply holds what the task asked for, beside being valid.

A valid GRANT for another table is no answer: without this a reward would be earned by one text for all tasks. The context says what
is wanted and in which form:

- ``sql``: a list of statements, compared word by word without regard to case, order of statements and final semicolons; an entry
  that is a list holds several spellings of one statement.
- ``document``: a value; every leaf of it must stand in the YAML or JSON of the reply. Further fields are allowed, further items of a list
  are not, and their order does not count.
- ``python``: calls as ``[name, argument, ...]``, a keyword argument as ``{"name": value}``, a call as an argument as such a list; each
  must be among the calls of the reply. What is wanted by place may be said by name, and a value may stand in a variable.

``value`` is the share of what is wanted that is there, less what is too much, so that a near answer earns more than a far one.
What is not covered: other ways to the same result (a join written as a subquery, a loop instead of a list); whether wanted calls belong
to one chain.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aj.hashing import canonical
from aj.validators.documents import YamlRefused, load
from aj.validators.fenced import FENCED, is_fenced
from aj.validators.score import Reason, Score
from aj.validators.sql.lexer import words_of

IDENTITIES = ("task_key", "key", "name")
MOST_REASONS = 10
MISSING = object()


def answers_task(text: str, context: Mapping[str, Any]) -> Score:
    """1 where all that is wanted is there and nothing is too much.

    Codes: unreadable, missing_statement, extra_statement, missing_value, different_value, extra_item, missing_call; no_task where the
    context wants nothing.
    """
    if is_fenced(text):
        return Score.of([Reason("unreadable", FENCED)])
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
    return Score.of(reasons[:MOST_REASONS], below_one(there / (len(wanted) + len(said))))


def _statements(words: Any) -> Iterator[tuple[str, ...]]:
    statement: list[str] = []
    for word in [w.text[1:-1] if w.kind == "string" else w.text.strip("`").upper() for w in words] + [";"]:
        if word != ";":
            statement.append(word)
        elif statement:
            yield tuple(statement)
            statement = []


def _document(text: str, wanted: Any) -> Score:
    try:
        said = load(text).value
    except YamlRefused as refused:
        return Score.of([Reason("unreadable", refused.detail)])
    found = _compared(wanted, said, ())
    return Score.of(found.reasons[:MOST_REASONS], below_one(found.right / max(found.asked + found.extra, 1)))


@dataclass
class Compared:
    """How much of a wanted value is there: leaves asked for, those that are right, and items that nobody asked for."""

    asked: int = 0
    right: int = 0
    extra: int = 0
    reasons: list[Reason] = field(default_factory=list)

    def add(self, other: "Compared") -> None:
        """Take in what was found below."""
        self.asked, self.right, self.extra = self.asked + other.asked, self.right + other.right, self.extra + other.extra
        self.reasons += other.reasons


def _compared(wanted: Any, said: Any, path: tuple[str, ...]) -> Compared:
    found = Compared()
    if isinstance(wanted, Mapping) and wanted:
        for key, inner in wanted.items():
            there = said.get(key, MISSING) if isinstance(said, Mapping) else MISSING
            found.add(_compared(inner, there, (*path, str(key))))
    elif isinstance(wanted, list) and wanted:
        left = list(said) if isinstance(said, list) else []
        nearest = _pairs(wanted, left)
        for number, inner in enumerate(wanted):
            found.add(
                _compared(
                    inner, left[nearest[number]] if number in nearest else MISSING, (*path, f"[{_identity(inner, number)}]")
                )
            )
        left = [item for place, item in enumerate(left) if place not in nearest.values()]
        found.extra = len(left)
        found.reasons += (Reason("extra_item", f"{'.'.join(path)} holds {str(item)[:80]}, which was not asked") for item in left)
    else:
        found.asked = 1
        found.right = int(_same(said, wanted))
        if not found.right:
            code = "missing_value" if said is MISSING else "different_value"
            found.reasons.append(
                Reason(code, f"{'.'.join(path)}: {'nothing' if said is MISSING else said!r} instead of {wanted!r}")
            )
    return found


def _pairs(wanted: list[Any], said: list[Any]) -> dict[int, int]:
    """Which item is held against which, in whatever order they stand: those that have most in common first."""
    common = [(-_compared(one, other, ()).right, i, j) for i, one in enumerate(wanted) for j, other in enumerate(said)]
    found: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in sorted(common):
        if i not in found and j not in taken:
            found[i] = j
            taken.add(j)
    return found


def _same(said: Any, wanted: Any) -> bool:
    return isinstance(said, bool) == isinstance(wanted, bool) and bool(said == wanted)


def _identity(item: Any, place: int) -> object:
    if isinstance(item, Mapping):
        return next((item[key] for key in IDENTITIES if isinstance(item.get(key), str)), place)
    return place


def _python(text: str, wanted: list[list[Any]]) -> Score:
    try:
        tree = ast.parse(text.strip())
        names = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        said = [_signature(node, names) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Score.of([Reason("unreadable", f"not Python: {error}")])
    missing = [call for call in wanted if not any(_calls(one, call) for one in said)]
    reasons = [Reason("missing_call", f"not called: {canonical(call)}") for call in missing]
    return Score.of(reasons[:MOST_REASONS], below_one(1 - len(missing) / len(wanted)))


def _calls(said: list[Any], wanted: list[Any]) -> bool:
    """The same function and values; what is wanted by place may be said by name."""
    if said[0] != wanted[0] or len(said) != len(wanted):
        return False
    by_name = all(argument in said for argument in wanted[1:] if isinstance(argument, dict))
    return by_name and all(_matches(_value(s), _value(w)) for s, w in zip(said[1:], wanted[1:], strict=True))


def _matches(said: Any, wanted: Any) -> bool:
    if isinstance(said, list) and isinstance(wanted, list):
        return _calls(said, wanted)
    return _same(said, wanted)


def _value(argument: Any) -> Any:
    return next(iter(argument.values())) if isinstance(argument, dict) else argument


def _signature(call: ast.Call, names: Mapping[str, ast.expr]) -> list[Any]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    positional = (_literal(a, names) for a in call.args)
    return [name, *positional, *({k.arg or "**": _literal(k.value, names)} for k in call.keywords)]


def _literal(node: ast.expr, names: Mapping[str, ast.expr]) -> Any:
    """The value of an argument; of a call its signature, of a name what it was given, of anything else its kind."""
    if isinstance(node, ast.Name) and node.id in names:
        node, names = names[node.id], {}  # one step: a = b, b = a would have no end
    if isinstance(node, ast.Call):
        return _signature(node, names)
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return f"<{type(node).__name__}>"
    return value if isinstance(value, str | bool | int | None) else repr(value)


def below_one(share: float) -> float:
    """Partial credit, which never looks like a pass."""
    return min(share, 0.99)
