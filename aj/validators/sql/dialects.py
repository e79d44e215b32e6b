"""What sqlglot takes in a query from other dialects, or more loosely than Databricks does: in the words and in the tree.

What is not covered: functions of other dialects, which may be somebody's own.
"""

from typing import TYPE_CHECKING

from aj.validators.score import Reason
from aj.validators.sql.lexer import Word
from aj.validators.wordset import wordset

if TYPE_CHECKING:
    from sqlglot import exp

WITH_A_UNIT = wordset("DATEADD DATE_ADD DATEDIFF DATE_DIFF TIMESTAMPADD TIMESTAMPDIFF")
AFTER_A_STAR = wordset("SELECT ALL DISTINCT TABLE VALUES FROM WITH (")
MOST_OF_A_FRAME = 60  # words
OF_A_STAR = wordset("EXCLUDE REPLACE RENAME")


def foreign_words(words: list[Word]) -> Reason | None:
    """The first thing in the words of a query that Databricks does not take; None where there is none."""
    for place, word in enumerate(words[:-1]):
        before, after = words[place - 1] if place else word, words[place + 1]
        said = _foreign(words, place, before, after) if word.kind == "word" and before.text != "." else ""
        if said:
            return Reason("syntax_error", said)
    return None


def _foreign(words: list[Word], place: int, before: Word, after: Word) -> str:
    """What is wrong at one word; '' where nothing is."""
    upper = words[place].upper
    if upper == "USING" and after.kind in ("word", "quoted") and before.ends_operand:
        return f"USING {after.text[:30]}: the columns stand in brackets"
    if upper == "AS" and after.kind == "string":
        return f"AS {after.text[:30]}: a string is no name, backticks quote one"
    if (
        upper == "FILTER"
        and after.text == "("
        and before.text == ")"
        and place + 2 < len(words)
        and words[place + 2].upper != "WHERE"
    ):
        return "FILTER (…) starts with WHERE"
    if upper == "TABLESAMPLE" and after.text == "(" and not _sized(words, place + 2):
        return "TABLESAMPLE takes … PERCENT, … ROWS or BUCKET … OUT OF …"
    if upper == "NULL" and after.text == "::" and before.upper in ("IS", "NOT"):
        return "IS NULL :: … casts a condition: it stands in brackets"
    if upper == "EXCEPT" and before.text == "*" and after.upper not in AFTER_A_STAR:
        return "* EXCEPT takes its columns in brackets"
    if upper in OF_A_STAR and before.text == "*" and after.text == "(":
        return f"* {upper} is another dialect's: Databricks has * EXCEPT (…)"
    if upper in ("ROWS", "RANGE") and after.upper == "BETWEEN" and not _holds(words, place, "AND"):
        return f"{upper} BETWEEN … AND … has no AND"
    if (
        upper == "WITH"
        and before.text == ")"
        and place + 3 < len(words)
        and words[place + 2].upper == "AS"
        and words[place + 3].text == "("
    ):
        return "one WITH names all: a comma divides them"
    if (
        upper in WITH_A_UNIT
        and after.text == "("
        and place + 2 < len(words)
        and words[place + 2].kind == "string"
        and _commas(words, place + 1) == 2
    ):
        return f"{upper} takes a unit without quotes: {words[place + 2].text[1:-1][:20]}"
    return ""


def _holds(words: list[Word], place: int, wanted: str) -> bool:
    """Whether a word stands before the bracket around ``place`` closes; true where that is not seen soon."""
    depth = 0
    for word in words[place : place + MOST_OF_A_FRAME]:
        depth += (word.text == "(") - (word.text == ")")
        if depth < 0:
            return False
        if depth == 0 and word.upper == wanted:
            return True
    return len(words) > place + MOST_OF_A_FRAME


def _sized(words: list[Word], place: int) -> bool:
    """Whether the brackets of a TABLESAMPLE say what its number counts."""
    close = next((at for at in range(place, len(words)) if words[at].text == ")"), len(words))
    return any(word.upper in ("PERCENT", "ROWS", "BUCKET") for word in words[place:close])


def _commas(words: list[Word], place: int) -> int:
    """How many commas divide what the bracket at ``place`` holds."""
    depth = count = 0
    for word in words[place:]:
        depth += (word.text in ("(", "[")) - (word.text in (")", "]"))
        if depth == 0:
            return count
        count += depth == 1 and word.text == ","
    return count


def foreign(node: "exp.Expr") -> Reason | None:
    """What is wrong with one node of a tree; None where nothing is."""
    from sqlglot import exp

    if isinstance(node, exp.Fetch | exp.Lock | exp.Into | exp.Connect | exp.WithTableHint | exp.SimilarTo | exp.Glob) or (
        isinstance(node, exp.Distinct) and node.args.get("on")
    ):
        return Reason("other_dialect", f"{node.key.upper()} is not in Databricks SQL")
    if isinstance(node, exp.Any | exp.All) and isinstance(node.this, exp.Query):
        return Reason(
            "other_dialect",
            f"{node.key.upper()} (SELECT …) is not in Databricks SQL: write IN, EXISTS, or compare with max or min",
        )
    if isinstance(node, exp.Limit) and node.args.get("limit_options"):
        return Reason("other_dialect", "LIMIT … PERCENT is not in Databricks SQL")
    if isinstance(node, exp.Group) and node.args.get("totals"):
        return Reason("other_dialect", "WITH TOTALS is not in Databricks SQL")
    if isinstance(node, exp.WindowSpec) and node.args.get("exclude"):
        return Reason("other_dialect", "a frame has no EXCLUDE in Databricks SQL")
    if isinstance(node, exp.Join) and node.side in ("RIGHT", "FULL") and node.kind in ("SEMI", "ANTI"):
        return Reason("syntax_error", f"there is no {node.side} {node.kind} JOIN: a {node.kind} JOIN keeps rows of its left side")
    if isinstance(node, exp.Bracket) and len(node.expressions) > 1:
        return Reason("other_dialect", f"{node.sql('databricks')[:60]}: [ ] takes one index, array(…) makes a list")
    if isinstance(node, exp.Array) and node.args.get("bracket_notation"):
        return Reason("other_dialect", "a list in [ ]: Databricks writes array(1, 2)")
    if isinstance(node, exp.Anonymous) and any(isinstance(item, exp.Select | exp.SetOperation) for item in node.expressions):
        return Reason("syntax_error", f"{node.name[:40]}(SELECT …): a query that is a value stands in brackets of its own")
    if isinstance(node, exp.CTE) and not isinstance(node.this, exp.Query | exp.Values):
        return Reason("syntax_error", f"WITH {node.alias[:40]} AS (…) holds no query")
    if isinstance(node, exp.Tuple) and not node.expressions and isinstance(node.parent, exp.Select):
        return Reason("syntax_error", "() is no value")
    if isinstance(node, exp.Paren) and isinstance(node.this, exp.Alias):
        return Reason("syntax_error", f"{node.sql('databricks')[:60]} names a value within brackets")
    if isinstance(node, exp.Alias) and isinstance(node.this, exp.Star):
        return Reason("syntax_error", f"* {node.alias[:40]}: a star has no alias, or FROM is missing")
    return None
