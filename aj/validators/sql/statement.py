"""sql_compiles: exactly one statement of Databricks SQL that parses and is not nonsense that a parser lets through.

Words come from lexer.py, nonsense from nonsense.py, the shape of every statement that is not a query from grammar.py
(data/validators/sql_statements.yaml), queries and expressions from sqlglot (queries.py), names from the context (names.py).
What is not covered: whether functions exist and take these arguments, types that do not fit, rights, and what the statement does (policy_safety).
"""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from aj.validators.fenced import FENCED, is_fenced
from aj.validators.score import Reason, Score
from aj.validators.sql import grammar, names, queries
from aj.validators.sql.clauses import clashing
from aj.validators.sql.hints import wrong_hint
from aj.validators.sql.lexer import Word, substituted, words_of
from aj.validators.sql.literals import wrong_literal
from aj.validators.sql.nonsense import nonsense
from aj.validators.sql.notation import QUERY_STARTS, starters
from aj.validators.sql.type_names import type_name


def sql_compiles(text: str, context: Mapping[str, Any]) -> Score:
    """1 where the text is one statement of Databricks SQL, else 0.

    Context: ``schema``, optional: ``{table: {column: type}}``, ``{schema: {table: …}}`` or ``{catalog: {schema: {table: …}}}``; with it
    the tables and columns of queries, INSERT, UPDATE, DELETE, MERGE and OPTIMIZE must exist (in any case of letters).
    Codes: unbalanced_quote, unbalanced_bracket, too_many_words, too_deep, too_complex, no_statement, many_statements, not_sql,
    unknown_statement, dangling_comma, empty_select, empty_clause, misspelt_keyword, other_dialect, unknown_type, syntax_error, not_grouped,
    aggregate_in_where, nested_aggregate, duplicate_name, duplicate_clause, unreachable_clause, stream_in_batch, arity_mismatch, unknown_table, unknown_column, ambiguous_column,
    parser_fault (sqlglot itself fails: whether the text is right is not known).
    """
    if is_fenced(text) or re.search(r"^[ \t]*```(?!.*```.)", text, re.MULTILINE):
        return Score.of([Reason("not_sql", FENCED)])
    text = substituted(text)
    words, problems = words_of(text)
    while words and words[-1].upper == ";":
        words.pop()
    problems = _form(words) or problems if any(p.code == "unbalanced_bracket" for p in problems) else problems or _form(words)
    if problems:
        return Score.of(problems)
    if hint := wrong_hint(text, words):
        return Score.of([hint])
    try:
        return Score.of(_statement(text, words, context))
    except queries.Refused as refused:
        return Score.of([refused.reason])
    except RecursionError:
        return Score.of([Reason("too_deep", "the statement is nested too deep")])
    except grammar.TooComplex:
        return Score.of([Reason("too_complex", "reading it takes more steps than any real statement does")])


def _form(words: list[Word]) -> list[Reason]:
    """What forbids to look for a statement at all."""
    if not words:
        return [Reason("no_statement", "there are only comments or semicolons")]
    for here, there in pairwise(words):
        if here.text == "{" and there.text in ("{", "%"):
            return [Reason("not_sql", "a template ({{ … }}) that nothing has filled in")]
    first = words[0].upper
    labelled = len(words) > 2 and words[1].text == ":" and words[2].upper == "BEGIN"
    if first not in starters() and not labelled:
        return [Reason("unknown_statement", f"no statement starts with {words[0].text[:30]!r}")]
    script = labelled or first == "BEGIN" or (first == "CREATE" and any(word.upper == "PROCEDURE" for word in words[:5]))
    if not script and any(word.upper == ";" for word in words):
        return [Reason("many_statements", "there is more than one statement")]
    return []


def _statement(text: str, words: list[Word], context: Mapping[str, Any]) -> list[Reason]:
    problems = nonsense(words)
    if not problems and words[0].upper != "SET" and (bad := wrong_literal(words)):
        return [bad]
    if problems:
        return problems
    schema = names.Names.of(context["schema"]) if context.get("schema") else None
    first = words[0].upper
    match = grammar.Match(words, len(words))
    fits = match.run("statement") == len(words)
    if not fits and first in QUERY_STARTS:
        tree, reasons = queries.check_query(text, words)
        return reasons or (schema.in_query(tree) if schema else [])
    if not fits:
        place = min(match.furthest, len(words) - 1)
        near = text[words[place].start : words[min(place + 4, len(words) - 1)].end]
        return [Reason("syntax_error", f"{first} … does not go on like this near {near[:80]!r}")]
    return _parts(text, words, match.captures) or (schema.in_statement(text, words, match.captures) if schema else [])


def _parts(text: str, words: list[Word], captures: list[grammar.Capture]) -> list[Reason]:
    """What is wrong in the types, expressions and queries of a statement, and in the lengths of its lists."""
    materialized = any(word.upper == "MATERIALIZED" for word in words[:6])
    for seen in captures:
        piece = words[seen.first : seen.last]
        reasons: list[Reason] = []
        if seen.rule == "type_name" and (bad := type_name(words, seen.first)):
            return [bad]
        if seen.rule in ("version", "moment") and (bad := queries.bad_moment(seen.rule, piece)):
            return [bad]
        if seen.rule in ("query", "rows"):
            tree, reasons = queries.check_query(text, piece)
            if materialized and not reasons:
                reasons = queries.streams(tree)
        elif seen.rule == "expr":
            reasons = queries.check_expression(text, piece)
        if reasons:
            return reasons
    clash = clashing(words, captures)
    return [clash] if clash else names.lengths(text, words, captures)
