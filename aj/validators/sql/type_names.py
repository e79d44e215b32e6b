"""Names of types: which Databricks has, and which of them need a length.

What is not covered: whether a value fits its type.
"""

from aj.validators.score import Reason
from aj.validators.sql.grammar import Match
from aj.validators.sql.lexer import Word
from aj.validators.wordset import wordset

TYPES = wordset(
    """BIGINT LONG BINARY BOOLEAN BYTE TINYINT DATE DEC DECIMAL NUMERIC DOUBLE FLOAT REAL INT INTEGER SHORT SMALLINT STRING
    CHAR CHARACTER VARCHAR TIMESTAMP TIMESTAMP_NTZ TIMESTAMP_LTZ TIME VARIANT VOID OBJECT GEOMETRY GEOGRAPHY INTERVAL ARRAY
    MAP STRUCT"""
)


def cast_to(words: list[Word], place: int) -> Reason | None:
    """CAST(x AS a type that Databricks does not have)."""
    depth, start, end = 0, 0, place + 1
    while end < len(words):
        if words[end].upper in ("(", "["):
            depth += 1
        elif words[end].upper in (")", "]"):
            depth -= 1
            if depth == 0:
                break
        elif depth == 1 and words[end].upper == "AS":
            start = end + 1
        end += 1
    return unknown_type(words, start, end) if 0 < start < end else None


def unknown_type(words: list[Word], first: int, last: int) -> Reason | None:
    """What is wrong with a type that stands here by itself; None where it is a type of Databricks, or no type at all."""
    match = Match(words, last)
    if match.run("type", first) != last:
        return Reason("unknown_type", f"{' '.join(word.text for word in words[first:last])[:60]} is no type of Databricks SQL")
    return next((bad for seen in match.captures if seen.rule == "type_name" and (bad := type_name(words, seen.first))), None)


def type_name(words: list[Word], place: int) -> Reason | None:
    """The same of the name of a simple type, and of the length that some need."""
    word = words[place]
    sized = place + 1 < len(words) and words[place + 1].text == "("
    if word.upper in ("VARCHAR", "CHAR", "CHARACTER") and not sized:
        return Reason("unknown_type", f"{word.text} needs a length: {word.text}(10), or STRING")
    if word.upper == "TIME" and sized and place + 2 < len(words) and words[place + 2].text not in "0123456":
        return Reason("unknown_type", "TIME keeps at most 6 digits of a second")
    return None if word.upper in TYPES else Reason("unknown_type", f"{word.text} is no type of Databricks SQL")
