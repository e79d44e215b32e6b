"""Nonsense that sqlglot lets through, seen in the words of a text: commas with nothing beside them, empty clauses, misspelt keywords.

What is not covered: whether functions exist (a UDF may have any name), and everything that needs a tree (queries.py).
"""

from aj.validators.score import Reason
from aj.validators.sql.lexer import Word
from aj.validators.sql.type_names import TYPES, cast_to
from aj.validators.wordset import wordset

CLAUSES = frozenset({"FROM", "WHERE", "HAVING", "QUALIFY", "UNION", "INTERSECT", "EXCEPT", "MINUS", "LIMIT"})
NEED_MORE = frozenset({"WHERE", "HAVING", "QUALIFY", "ON", "FROM", "JOIN", "LIMIT", "USING", "OVER"})
RANKS = {"WHERE": 1, "GROUP": 2, "HAVING": 3, "QUALIFY": 4, "ORDER": 5, "LIMIT": 6, "OFFSET": 7}
RIGHTS = frozenset({"GRANT", "REVOKE", "DENY"})
DESCRIBED = ("HISTORY", "DETAIL", "EXTENDED", "FORMATTED", "CATALOG", "SCHEMA", "FUNCTION", "TABLE")
BEFORE_BY = frozenset({"GROUP", "ORDER", "PARTITION", "SORT", "CLUSTER", "DISTRIBUTE"})
NOT_AN_OPERAND = CLAUSES | NEED_MORE | wordset("SELECT AND OR NOT BY WHEN THEN ELSE IN BETWEEN LIKE SET VALUES INTO AS")
JOIN_WORDS = ("INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL", "SEMI", "ANTI")


def near(word: str, of: str) -> bool:
    """Whether one letter too many, too few, wrong or swapped with its neighbour separates two words."""
    if word == of or abs(len(word) - len(of)) > 1:
        return False
    first = next((i for i, (a, b) in enumerate(zip(word, of, strict=False)) if a != b), min(len(word), len(of)))
    a, b = word[first:], of[first:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])


def nonsense(words: list[Word]) -> list[Reason]:
    """The first thing in the words that no Databricks statement has; empty where there is none."""
    for place in range(len(words)):
        reason = _here(words, place)
        if reason:
            return [reason]
    return _order(words) or _cases(words)


def _cases(words: list[Word]) -> list[Reason]:
    """A CASE with more WHEN than THEN: sqlglot takes a value for the condition. Scripts have an IF … THEN inside theirs."""
    counts: list[int] = []
    for place, word in enumerate(words):
        if word.upper == ";":
            return []
        if word.kind != "word" or (place and words[place - 1].text == "."):
            continue
        if word.upper == "CASE":
            counts.append(0)
        elif counts and word.upper in ("WHEN", "THEN"):
            counts[-1] += 1 if word.upper == "WHEN" else -1
        elif counts and word.upper == "END" and counts.pop():
            return [Reason("syntax_error", "a CASE has not one THEN for each WHEN")]
    return []


def _dot(words: list[Word], place: int) -> Reason | None:
    """A dot with no name before it or after it."""
    before, after = words[place - 1] if place else None, words[place + 1] if place + 1 < len(words) else None
    named = after is not None and (after.kind in ("word", "quoted", "number") or after.text == "*")
    left_alone = after is None or (after.upper in CLAUSES and after.start > words[place].end)
    if not named or left_alone or before is None or not before.ends_operand or before.upper in NOT_AN_OPERAND:
        return Reason("syntax_error", "a dot has no name before it or after it")
    return None


def _order(words: list[Word]) -> list[Reason]:
    """Clauses of one SELECT that stand in the wrong order, or twice."""
    ranks, names = [0], [""]
    for place, word in enumerate(words):
        if word.upper in ("(", "["):
            ranks.append(0)
            names.append("")
        elif word.upper in (")", "]") and len(ranks) > 1:
            ranks.pop()
            names.pop()
        elif word.upper == "JOIN" and ranks[-1] and place and words[place - 1].ends_operand and place + 1 < len(words):
            return [Reason("syntax_error", f"JOIN stands after {names[-1]}")]
        elif word.upper in ("SELECT", "UNION", "INTERSECT", "EXCEPT", "MINUS", "|>", ";", "INSERT"):
            ranks[-1] = 0
        elif (
            word.kind == "word"
            and word.upper in RANKS
            and place
            and words[place - 1].ends_operand
            and words[place - 1].upper not in NOT_AN_OPERAND
        ):
            if word.upper in ("GROUP", "ORDER") and not _starts_by(words, place):
                continue
            if word.upper == "OFFSET" and (place + 1 == len(words) or words[place + 1].kind != "number"):
                continue
            if RANKS[word.upper] <= ranks[-1]:
                return [Reason("syntax_error", f"{word.upper} stands after {names[-1]}")]
            ranks[-1], names[-1] = RANKS[word.upper], word.upper
    return []


def _here(words: list[Word], place: int) -> Reason | None:
    word = words[place]
    before = words[place - 1] if place else None
    after = words[place + 1].upper if place + 1 < len(words) else ";"
    if word.upper == ",":
        return _comma(words, place, after)
    if word.upper == "." and words[0].upper != "SET":
        return _dot(words, place)
    if word.upper == "APPLY" and before is not None and before.upper in ("CROSS", "OUTER"):
        return Reason("other_dialect", "CROSS APPLY is T-SQL's: write LATERAL")
    if word.upper == "[" and (
        before is None or (not before.ends_operand and before.text != ":") or before.upper in NOT_AN_OPERAND
    ):
        return Reason("other_dialect", "a name or a list in [ ]: Databricks quotes names with backticks and writes array(1, 2)")
    if word.kind != "word" or (before is not None and before.text == "."):
        return None
    clause = _starts_clause(words, place + 1)
    if (
        place == 1
        and before is not None
        and before.upper in ("DESCRIBE", "DESC")
        and len(words) > 2
        and any(near(word.upper, known) for known in DESCRIBED)
    ):
        return Reason("misspelt_keyword", f"{word.text} is read as a table")
    if word.upper == "AS" and place + 1 < len(words) and words[place + 1].kind == "number":
        return Reason("syntax_error", f"AS {words[place + 1].text[:20]}: a number is no name")
    if (
        word.upper == "BY"
        and place > 1
        and before is not None
        and before.upper in BEFORE_BY
        and words[place - 2].upper == before.upper
    ):
        return Reason("syntax_error", f"{before.upper} stands twice")
    if word.upper == "WINDOW" and after == "AS" and place + 3 < len(words) and words[place + 3].upper in BEFORE_BY:
        return Reason("syntax_error", "WINDOW … AS has no name")
    if word.upper == "SELECT" and words[0].upper in RIGHTS:
        return None
    if word.upper == "SELECT":
        return _select(words, place)
    operand_before = before is not None and before.ends_operand and before.upper not in NOT_AN_OPERAND
    if word.upper in NEED_MORE and operand_before and (clause or (word.upper == "USING" and _empty_brackets(words, place + 1))):
        return Reason("empty_clause", f"nothing stands after {word.upper}")
    if (
        word.upper in ("AS", "OF")
        and before is not None
        and (
            (word.upper == "OF" and before.upper == "AS" and clause and after != "FROM")
            or (word.upper == "AS" and operand_before and after == "FROM")
        )
    ):
        return Reason("empty_clause", f"nothing stands after {word.upper}")
    if word.upper == "BY" and before is not None and before.upper in BEFORE_BY and place > 1 and (clause or after == "ROWS"):
        return Reason("empty_clause", f"nothing stands after {before.upper} BY")
    if word.upper == "IN" and operand_before and _empty_brackets(words, place + 1):
        return Reason("empty_clause", "IN () has nothing in it")
    if (
        word.upper == "LIMIT"
        and operand_before
        and place + 2 < len(words)
        and words[place + 2].upper == ","
        and words[place + 1].kind == "number"
    ):
        return Reason("other_dialect", "LIMIT a, b is MySQL's: write LIMIT b OFFSET a")
    if (
        operand_before
        and after in ("JOIN", "OUTER")
        and word.upper.isalpha()
        and any(near(word.upper, join) for join in JOIN_WORDS)
        and word.upper not in JOIN_WORDS
    ):
        return Reason("misspelt_keyword", f"{word.text} before JOIN is read as an alias")
    return cast_to(words, place) if word.upper in ("CAST", "TRY_CAST") and after == "(" else None


def _comma(words: list[Word], place: int, after: str) -> Reason | None:
    before = words[place - 1].upper if place else ";"
    lone = (
        (before == "DISTINCT" and place > 1 and words[place - 2].upper in ("SELECT", "("))
        or before in ("(", "[", ",", ";")
        or (before == "SELECT" and words[0].upper not in RIGHTS)
    )
    then = (
        after in (")", "]", ",", ";")
        or (after in CLAUSES - {"LIMIT", "MINUS"} and not _call(words, place + 1) and not _field(words, place + 1))
        or _starts_by(words, place + 1)
    )
    then = then or (after == "SELECT" and words[0].upper == "WITH")
    return Reason("dangling_comma", "a comma has nothing before it or after it") if lone or then else None


def _field(words: list[Word], place: int) -> bool:
    """Whether this is the name of a field in a type: ``STRUCT<a: INT, from: STRING>``."""
    return place + 2 < len(words) and words[place + 1].text == ":" and words[place + 2].upper in TYPES


def _call(words: list[Word], place: int) -> bool:
    return (
        words[place].upper not in ("FROM", "WHERE", "HAVING")
        and place + 1 < len(words)
        and words[place + 1].upper in ("(", ".", ",", ")")
    )


def _starts_by(words: list[Word], place: int) -> bool:
    return place + 1 < len(words) and words[place].upper in BEFORE_BY and words[place + 1].upper == "BY"


def _starts_clause(words: list[Word], place: int) -> bool:
    """Whether a clause, a closing bracket or the end stands here."""
    if place >= len(words):
        return True
    word = words[place]
    return (
        word.upper in (")", ";")
        or (word.upper in CLAUSES and not (place + 1 < len(words) and words[place + 1].text == "."))
        or _starts_by(words, place)
    )


def _empty_brackets(words: list[Word], place: int) -> bool:
    return place + 1 < len(words) and words[place].upper == "(" and words[place + 1].upper == ")"


def _select(words: list[Word], place: int) -> Reason | None:
    """SELECT with nothing after it, or with a misspelt DISTINCT or FROM."""
    start = place + 1
    if (
        start < len(words)
        and words[start].upper in ("DISTINCT", "ALL")
        and not (start + 1 < len(words) and words[start + 1].upper in (",", ".", "("))
    ):
        start += 1
    if _starts_clause(words, start) and not (start < len(words) and words[start].upper in ("LIMIT", "MINUS")):
        return Reason("empty_select", "SELECT has no columns")
    if start + 1 < len(words) and words[start].kind == words[start + 1].kind == "word" and near(words[start].upper, "DISTINCT"):
        return Reason("misspelt_keyword", f"{words[start].text} is read as a column, not as DISTINCT")
    last = words[-1]
    if (
        last.kind == "word"
        and near(last.upper, "FROM")
        and len(words) > start + 1
        and words[-2].ends_operand
        and words[-2].upper not in NOT_AN_OPERAND
        and not any(word.upper == "FROM" for word in words[start:])
    ):
        return Reason("misspelt_keyword", f"{last.text} at the end is read as an alias, not as FROM")
    return None
