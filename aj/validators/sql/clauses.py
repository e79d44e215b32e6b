"""Clauses and names of a statement that must not stand together: twice the same, two that exclude each other, a MERGE whose later clauses never run.

They are read from what grammar.py captured. What is not covered: clauses that need the table to be judged.
"""

from collections.abc import Iterator

from aj.validators.score import Reason
from aj.validators.sql.grammar import Capture
from aj.validators.sql.lexer import Word

ONCE = frozenset({"table_clause", "view_clause", "schema_clause", "column_option", "added_option", "identity", "function_clause"})
REPEATED = frozenset({"CONSTRAINT", "CHECK", "PRIMARY", "FOREIGN", "REFERENCES", "EXPECT", ","})
EXCLUDE = ({"CLUSTER", "CLUSTERED"}, {"CLUSTER", "PARTITIONED"}, {"FIRST", "AFTER"}, {"USING", "ROW"}, {"USING", "STORED"})
NAMED_ONCE = {
    "table_columns": "column_definition", "create_function": "argument", "create_procedure": "argument",
    "update": "assignment", "when_matched": "assignment", "when_source": "assignment",
}  # fmt: skip
WHOLE_NUMBERS = frozenset({"BIGINT", "LONG", "INT", "INTEGER"})


def clashing(words: list[Word], captures: list[Capture]) -> Reason | None:
    """The first pair that clashes; None where there is none."""
    return (
        _twice(words, captures)
        or _repeated(words, captures)
        or _defaults(words, captures)
        or _hive(words, captures)
        or _identity(words, captures)
        or _partitions(words, captures)
        or _merge(words, captures)
    )


def _twice(words: list[Word], captures: list[Capture]) -> Reason | None:
    """A clause that stands twice beside itself, or beside one that it excludes."""
    lists: dict[str, tuple[int, set[str]]] = {}  # rule -> where its last clause ended, the names of those that stand together
    for seen in captures:
        if seen.rule not in ONCE:
            continue
        name = _name(words, seen)
        end, names = lists.get(seen.rule, (-1, set()))
        names = names if end == seen.first else set()
        if name in names and name not in REPEATED:
            return Reason("duplicate_clause", f"{name} stands twice")
        for pair in EXCLUDE:
            if name in pair and (other := (pair - {name}) & names):
                return Reason("duplicate_clause", f"{other.pop()} and {name} exclude each other")
        lists[seen.rule] = seen.last, names | {name}
    return None


def _repeated(words: list[Word], captures: list[Capture]) -> Reason | None:
    """A column of a table, a parameter or a column that is assigned, which is named twice in one list."""
    for place, seen in enumerate(captures):
        if seen.rule in NAMED_ONCE:
            member = NAMED_ONCE[seen.rule]
            names = [_named(words, item) for item in _within(captures, place) if item.rule == member]
        elif seen.rule == "columns" and place and captures[place - 1].rule == "insert_source":
            names = [_path(words, item) for item in _within(captures, place) if item.rule == "column"]
        else:
            continue
        if twice := next((name for at, name in enumerate(names) if name and name in names[:at]), ""):
            return Reason("duplicate_name", f"{twice[:60]} is named twice")
    return None


def _named(words: list[Word], seen: Capture) -> str:
    """The name that a column, a parameter or an assignment starts with; '' where it is made when it runs."""
    if words[seen.first].upper == "IDENTIFIER" and words[seen.first + 1].text == "(":
        return ""
    if seen.rule == "argument":
        mode = words[seen.first].upper in ("IN", "OUT", "INOUT") and seen.last - seen.first > 2
        return words[seen.first + mode].text.strip("`").lower()
    equals = next((at for at in range(seen.first, seen.last) if words[at].text == "="), seen.first + 1)
    return _path(words, Capture("", seen.first, equals if seen.rule == "assignment" else seen.first + 1))


def _path(words: list[Word], seen: Capture) -> str:
    return "".join(word.text.strip("`").lower() for word in words[seen.first : seen.last])


def _name(words: list[Word], seen: Capture) -> str:
    """A clause by its first word; WITH by the one after it, NOT DETERMINISTIC as DETERMINISTIC."""
    first = words[seen.first].upper
    return (
        words[seen.first + 1].upper
        if first in ("WITH", "DEFAULT", "NOT")
        and seen.last > seen.first + 1
        and (first != "DEFAULT" or words[seen.first + 1].upper == "COLLATION")
        else first
    )


def _defaults(words: list[Word], captures: list[Capture]) -> Reason | None:
    """A query in the default of a column, or of a session's variable; in a script a variable may have one."""
    for seen in captures:
        column = seen.rule in ("column_option", "added_option") and words[seen.first].upper == "DEFAULT"
        session = seen.rule == "declare" and seen.first == 0
        if (column or session) and any(word.upper == "SELECT" for word in words[seen.first : seen.last]):
            return Reason("syntax_error", "a DEFAULT holds no query")
    return None


def _hive(words: list[Word], captures: list[Capture]) -> Reason | None:
    """A row format that a file format does not take; CHANGE COLUMN with another name."""
    stored = [[word.upper for word in words[seen.first : seen.last]] for seen in captures if seen.rule == "stored"]
    files = next((clause[2] for clause in stored if clause[:2] == ["STORED", "AS"] and len(clause) > 2), "")
    rows = next((clause[2] for clause in stored if clause[:2] == ["ROW", "FORMAT"]), "")
    taken = {"DELIMITED": ("TEXTFILE",), "SERDE": ("TEXTFILE", "SEQUENCEFILE", "RCFILE")}
    if rows and files not in ("", "INPUTFORMAT", *taken[rows]):
        return Reason("duplicate_clause", f"STORED AS {files[:30]} and ROW FORMAT {rows} exclude each other")
    for seen in captures:
        if seen.rule == "changed" and words[seen.first].text.strip("`").lower() != words[seen.first - 1].text.strip("`").lower():
            return Reason("syntax_error", "CHANGE COLUMN keeps the name: RENAME COLUMN gives another")
    return None


def _within(captures: list[Capture], outer: int) -> Iterator[Capture]:
    """The captures inside of one, which follow it."""
    for place in range(outer + 1, len(captures)):
        if captures[place].first >= captures[outer].last:
            return
        yield captures[place]


def _identity(words: list[Word], captures: list[Capture]) -> Reason | None:
    """An IDENTITY column that does not count, or that is no whole number."""
    kind = ""
    for place, seen in enumerate(captures):
        if seen.rule == "column_definition":
            kind = ""
        elif seen.rule == "type" and not kind:
            kind = words[seen.first].upper
        elif seen.rule == "column_option" and any(word.upper == "IDENTITY" for word in words[seen.first : seen.last]):
            if kind not in WHOLE_NUMBERS:
                return Reason("unknown_type", f"an IDENTITY column is a BIGINT, not {kind[:30]}")
            for step in _within(captures, place):
                if words[step.first].upper == "INCREMENT" and words[step.last - 1].text == "0":
                    return Reason("syntax_error", "INCREMENT BY 0 never counts on")
    return None


def _partitions(words: list[Word], captures: list[Capture]) -> Reason | None:
    """New columns beside expressions in PARTITIONED BY; IF NOT EXISTS where a partition has no value yet."""
    last: tuple[Capture, int] | None = None  # the last PARTITION, and how many columns it names
    for place, seen in enumerate(captures):
        inside = list(_within(captures, place)) if seen.rule in ("partitioned", "partition") else []
        if seen.rule == "partitioned":
            new = [item for item in inside if item.rule == "column_definition"]
            old = [
                item
                for item in inside
                if item.rule == "expr" and not any(c.first <= item.first < c.last for c in new[:1] + new[-1:])
            ]
            if new and old:
                return Reason("syntax_error", "PARTITIONED BY has columns with types beside columns without")
        elif seen.rule == "partition":
            last = seen, sum(item.rule == "column" for item in inside)
        elif seen.rule == "unless_exists":
            if last is None or last[0].last != seen.first or not any(word.upper == "OVERWRITE" for word in words[: seen.first]):
                return Reason("syntax_error", "IF NOT EXISTS belongs to the PARTITION of an INSERT OVERWRITE")
            if sum(word.text == "=" for word in words[last[0].first : last[0].last]) < last[1]:
                return Reason("syntax_error", "IF NOT EXISTS needs a value for each column of the PARTITION")
    return None


def _merge(words: list[Word], captures: list[Capture]) -> Reason | None:
    """A WHEN after one of its kind that takes all rows; an INSERT whose columns and values are not equally many."""
    closed: set[str] = set()
    for place, when in enumerate(captures):
        if when.rule not in ("when_matched", "when_source", "when_not"):
            continue
        if when.rule in closed:
            return Reason("unreachable_clause", "a WHEN follows one of its kind without a condition, and never runs")
        then = next(at for at in range(when.first, when.last) if words[at].upper == "THEN")
        if words[then - 1].upper in ("MATCHED", "TARGET", "SOURCE"):
            closed.add(when.rule)
        inside = list(_within(captures, place))
        columns = next((seen for seen in inside if seen.rule == "columns" and words[seen.first - 1].upper == "INSERT"), None)
        values = sum(seen.rule == "insert_value" for seen in inside)
        named = sum(seen.rule == "column" and seen.last <= columns.last for seen in inside) if columns else values
        if values != named and values:
            return Reason("arity_mismatch", f"{named} columns are named, {values} values are given")
    return None
