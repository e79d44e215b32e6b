"""A Databricks query in words that sqlglot 30 reads: what it does not know blanked or said in another way.

Each rewrite keeps what the query means for the checks on its tree. What is not covered: whether a blanked clause fits its table.
"""

from aj.validators.sql.grammar import Match
from aj.validators.sql.lexer import Word
from aj.validators.wordset import wordset

UNITS = ["DAYS", "HOURS", "MINUTES", "SECONDS", "WEEKS", "MONTHS", "DAY", "HOUR", "MINUTE", "SECOND", "WEEK", "MONTH"]
CLAUSES = {"WITH": ("table_options", ""), "CHANGES": ("changes", ""), "APPROX": ("nearest", "ON"), "EXACT": ("nearest", "ON")}
SAME = {"SYSTEM_VERSION": "VERSION", "SYSTEM_TIME": "TIMESTAMP"}
NOT_CALLS = wordset("COUNT SELECT IN ANY ALL SOME EXISTS NOT AND OR WHERE ON FROM VALUES AS BY UNION INTERSECT EXCEPT MINUS")
AFTER_A_TABLE = wordset(
    "AS LATERAL WHERE GROUP ORDER HAVING LIMIT JOIN LEFT RIGHT INNER FULL CROSS SORT CLUSTER DISTRIBUTE UNION EXCEPT INTERSECT MINUS WINDOW QUALIFY INSERT PIVOT UNPIVOT TABLESAMPLE NATURAL ANTI SEMI ON OFFSET SELECT"
)
NESTED_TYPES = ("ARRAY", "MAP", "STRUCT")


def readable(text: str, words: list[Word]) -> str:
    """The query; ``words`` are all of it, with their places in the text."""
    changes: list[tuple[int, int, str]] = []
    for place, word in enumerate(words):
        upper = word.upper
        if not upper:
            continue
        after = words[place + 1] if place + 1 < len(words) else word
        if upper == "WINDOW" and after.upper == "(":
            changes.append((word.start, word.end, "w1ndow"))
        if upper in CLAUSES and place and (end := Match(words, len(words)).run(CLAUSES[upper][0], place)) > 0:
            changes.append((word.start, words[end - 1].end, CLAUSES[upper][1]))
        elif upper in SAME and after.upper == "AS":
            changes.append((word.start, word.end, SAME[upper]))
            if place and words[place - 1].upper == "FOR":
                changes.append((words[place - 1].start, words[place - 1].end, ""))
        elif upper == "WATERMARK" and (end := _delay(words, place)):
            changes.append((word.start, words[end].end, ""))
        elif upper == "TABLE" and after.upper == "(" and place and words[place - 1].text in ("(", ",", "=>"):
            changes += _table_argument(words, place)
        elif upper == "IDENTIFIER" and after.text == "(" and (end := _named_by(words, place)):
            changes.append((word.start, words[end].end, "identified"))
        elif upper == "TABLESAMPLE" and after.text == "(" and (end := _sample(words, place)):
            changes.append((word.start, words[end].end, ""))
        elif upper == "MAX" and after.upper == "RECURSION" and place + 3 < len(words) and words[place + 2].upper == "LEVEL":
            changes.append((word.start, words[place + 3].end, ""))
        elif upper == "LATERAL" and after.upper == "VIEW" and (at := _generated(words, place)):
            changes.append((words[at].start, words[at].start, "AS "))
        elif upper == "OVER" and after.upper == "(" and place + 3 < len(words) and words[place + 2].upper == "CLUSTER":
            changes.append((words[place + 2].start, words[place + 3].end, "ORDER BY"))
        elif (upper == "DISTINCT" and after.text != ")" and _is_call(words, place - 2)) or (
            upper == "<>" and _is_struct(words, place)
        ):
            changes.append((word.start, word.end, ""))
        elif upper == "PIVOT" and after.upper == "(":
            changes += _combined(words, place)
        elif upper in ("!", ">", "+", "-", "~", "X"):
            changes += _operator(words, place)
    pieces, here = [], words[0].start
    for first, last, said in sorted(changes):
        if first >= here:
            pieces += [text[here:first], said, " " * (last - first - len(said))]
            here = last
    return "".join([*pieces, text[here : words[-1].end]])


def _operator(words: list[Word], place: int) -> list[tuple[int, int, str]]:
    """``!>`` and ``!<``, ``>>>``, a ``+`` that is no sum, ``1E2-3`` (one number to sqlglot), ``X '1F'`` with a blank."""
    word = words[place]
    before = words[place - 1] if place else None
    after, third = (words[place + i] if place + i < len(words) else None for i in (1, 2))
    if after is None or before is None:
        return []
    adjacent = after.start == word.end
    if word.text in ("+", "-") and before.kind == "number" and before.end == word.start:
        return [(word.start, word.start, " ")]
    if word.text == "!" and after.text in (">", "<") and adjacent and before.ends_operand:
        return [(word.start, after.end, "<= " if after.text == ">" else ">= ")]
    if (
        word.text == ">"
        and after.text == ">"
        and adjacent
        and third is not None
        and third.text == ">"
        and third.start == after.end
    ):
        nested = any(w.upper in NESTED_TYPES for w in words[max(0, place - 100) : place])
        return [] if nested else [(word.start, third.end, ">>")]
    if word.text == after.text == "~" and adjacent:
        return [(word.start, after.end, "")]
    if word.text == "+" and before.kind == "op" and before.text in ("-", "+", "~", "*", "/"):
        return [(word.start, word.end, "")]
    if word.upper == "X" and after.kind == "string" and after.text[0] in "'\"" and not adjacent:
        return [(word.start, after.start, "X".rjust(after.start - word.start))]
    return []


def _is_call(words: list[Word], place: int) -> bool:
    """Whether this is the name of a function that sqlglot reads with one value only after DISTINCT."""
    word = words[place]
    return (
        place >= 0
        and words[place + 1].text == "("
        and word.kind == "word"
        and word.end == words[place + 1].start
        and word.upper not in NOT_CALLS
    )


def _is_struct(words: list[Word], place: int) -> bool:
    return place > 0 and words[place - 1].upper == "STRUCT"


def _combined(words: list[Word], place: int) -> list[tuple[int, int, str]]:
    """What follows an operator in the aggregates of a PIVOT: ``avg(a) + 1 AS x`` is read as ``avg(a) AS x``."""
    depth, start, found = 0, 0, []
    for at in range(place + 1, len(words)):
        word = words[at]
        if depth == 1 and (word.text == "," or word.upper in ("AS", "FOR", ")")) and start:
            found.append((words[start].start, words[at - 1].end, ""))
            start = 0
        if depth == 1 and word.upper == "FOR":
            break
        if depth == 1 and not start and word.text in ("+", "-", "*", "/", "%") and words[at - 1].text == ")":
            start = at
        depth += (word.text == "(") - (word.text == ")")
        if depth == 0:
            break
    return found


def _table_argument(words: list[Word], place: int) -> list[tuple[int, int, str]]:
    """How a table that is an argument is divided: ``TABLE(t) PARTITION BY a ORDER BY b``."""
    depth = 0
    for at in range(place + 1, len(words)):
        depth += (words[at].text == "(") - (words[at].text == ")")
        if depth == 0:
            end = Match(words, len(words)).run("table_argument", at + 1)
            several = end > 0 and words[at + 1].upper in ("PARTITION", "DISTRIBUTE") and words[at + 3].text != "("
            if (
                several
                and end + 2 < len(words)
                and words[end].text == ","
                and words[end + 2].text != "=>"
                and words[end + 1].upper != "TABLE"
            ):
                return []  # without brackets it is divided by one expression: what follows is left for sqlglot to refuse
            return [(words[at + 1].start, words[end - 1].end, "")] if end > 0 else []
    return []


def _closing(words: list[Word], place: int) -> int:
    """Where the bracket that is opened at ``place`` closes; the last word where it does not."""
    depth = 0
    for at in range(place, len(words)):
        depth += (words[at].text == "(") - (words[at].text == ")")
        if depth == 0:
            return at
    return len(words) - 1


def _named_by(words: list[Word], place: int) -> int:
    """The end of an IDENTIFIER(…) that names a function, a window or a CTE; 0 where it names a column or a table."""
    end = _closing(words, place + 1)
    called = end + 1 < len(words) and words[end + 1].text == "("
    before = words[place - 1].upper if place else ""
    return end if called or before in ("OVER", "WINDOW", "WITH", "RECURSIVE") else 0


def _sample(words: list[Word], place: int) -> int:
    """The end of a TABLESAMPLE before an alias, which sqlglot reads after the alias only; 0 where none follows."""
    end = _closing(words, place + 1)
    if end + 2 < len(words) and words[end + 1].upper == "REPEATABLE":
        end = _closing(words, end + 2)
    after = words[end + 1] if end + 1 < len(words) else None
    named = after is not None and after.kind in ("word", "quoted") and after.upper not in AFTER_A_TABLE
    return end if named else 0


def _generated(words: list[Word], place: int) -> int:
    """The first column of ``LATERAL VIEW f(x) t a, b``, where AS is left out; 0 where there is none."""
    depth = 0
    for at in range(place + 2, len(words) - 2):
        depth += (words[at].text == "(") - (words[at].text == ")")
        if depth == 0 and at > place + 8 and words[at].text != ")":
            return 0  # a name of a function has three parts at most
        if depth == 0 and words[at].text == ")":
            name, column = words[at + 1], words[at + 2]
            plain = name.kind == "word" and column.kind == "word" and name.upper != "AS" and column.upper not in AFTER_A_TABLE
            return at + 2 if plain and name.upper not in AFTER_A_TABLE else 0
    return 0


def _delay(words: list[Word], place: int) -> int:
    """The last word of ``WATERMARK x DELAY OF INTERVAL n UNIT``; 0 where it is none."""
    delay = next((i for i in range(place + 1, len(words) - 4) if words[i].upper == "DELAY"), 0)
    fits = delay and [words[delay + i].upper for i in (1, 2)] == ["OF", "INTERVAL"] and words[delay + 4].upper in UNITS
    return delay + 4 if fits else 0
