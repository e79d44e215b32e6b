"""SQL that destroys: each statement by its leading tokens, DELETE, UPDATE and MERGE by the truth of their condition.

The tokens are sqlglot's (Databricks), so comments and strings never count; only conditions are parsed. What does not parse is judged by its tokens.
Decided: DROP of a view, function, index, policy or temporary object, ALTER … DROP COLUMN, INSERT OVERWRITE, CREATE OR REPLACE and MERGE pass:
they hold no data, are bounded, or Delta's history can undo them. DROP of a volume or streaming table does not: their data goes with them.
What is not covered: what a procedure or a variable holds, VACUUM, and conditions that are true only because of what the table holds.
"""

import logging
import re
from typing import Any

from aj.validators.safety.look import Look, TooMuch
from aj.validators.sql.truth import truth

DROPPED = frozenset(["TABLE", "SCHEMA", "DATABASE", "CATALOG", "VOLUME"])
BETWEEN = frozenset(["IF", "EXISTS", "FOREIGN", "EXTERNAL", "MANAGED", "STREAMING", "LIVE", "TRANSIENT"])
LEADS = frozenset(["BEGIN", "THEN", "ELSE", "DO", "SQL", "ATOMIC"])
MOST_TOKENS = 9_000  # dense SQL of 20,000 characters has about 8,000
MOST_CHANGES = 300  # DELETE, UPDATE and MERGE statements
LONGEST_CONDITION = 1_200  # tokens
DEEPEST_CONDITION = 40  # brackets, NOTs
INSIDE = re.compile(
    r"(?:DROP (?:STREAMING )?(?:TABLE|SCHEMA|DATABASE|CATALOG|VOLUME)|TRUNCATE TABLE|DELETE FROM|UPDATE \S+ SET|GRANT ALL|EXECUTE IMMEDIATE)\b"
)
LOOSE = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|/\*.*?\*/|\w+|[^\s\w]", re.S)


class Token:
    """One token: its text in capitals, what it is, its source."""

    __slots__ = ("kind", "source", "text", "word")

    def __init__(self, kind: str, text: str, source: str) -> None:
        self.kind = kind
        self.text = text
        self.word = text.upper() if kind == "word" else ""
        self.source = source


def tokens(sql: str) -> list[Token]:
    """Tokens by sqlglot; by a plain scanner where that does not get through (an open quote swallows nothing there)."""
    from sqlglot.dialects.databricks import Databricks
    from sqlglot.errors import SqlglotError

    if len(sql) > MOST_TOKENS and sum(1 for _ in LOOSE.finditer(sql)) > MOST_TOKENS:
        raise TooMuch("too_complex", f"SQL of more than {MOST_TOKENS} tokens")
    out: list[Token] = []
    after_command = False
    try:
        for token in Databricks().tokenize(sql):
            name = token.token_type.name
            if name == "STRING" and after_command:  # the rest of a statement that sqlglot does not read, as one string
                out += scanned(token.text)
                continue
            after_command = token.token_type in Databricks.Tokenizer.COMMANDS
            kind = (
                "string"
                if "STRING" in name
                else "name"
                if sql[token.start : token.start + 1] == "`"
                else "word"
                if token.text[:1].isalpha()
                else "sign"
            )
            out.append(Token(kind, token.text, sql[token.start : token.end + 1]))
    except (SqlglotError, ValueError, IndexError):
        out = scanned(sql)
    return out


def scanned(sql: str) -> list[Token]:
    """Tokens by a plain scanner: comments go, a quote that nothing closes is a sign."""
    out = []
    for found in LOOSE.finditer(sql):
        text = found[0]
        if not text.startswith(("--", "/*")):
            quoted = text[0] in "'\"" and len(text) > 1
            kind = "string" if quoted else "name" if text[0] == "`" and len(text) > 1 else "word" if text[0].isalpha() else "sign"
            out.append(Token(kind, text[1:-1] if kind in ("string", "name") else text, text))
    return out


def statements(all_tokens: list[Token]) -> list[list[Token]]:
    """Tokens cut at semicolons, and within BEGIN, THEN, ELSE, DO where a statement starts there."""
    out: list[list[Token]] = [[]]
    for at, token in enumerate(all_tokens):
        if token.source == ";":
            out.append([])
            continue
        now = out[-1]
        head = now[0].word if now else ""
        if (
            now
            and now[-1].word in ("BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "ATOMIC", "AS", "HANDLER")
            and head not in ("MERGE", "EXPLAIN")
        ):
            ahead = " ".join(after.word or "x" for after in all_tokens[at : at + 3])
            if INSIDE.match(ahead):
                out.append([])
        out[-1].append(token)
    return [statement for statement in out if statement]


def read_sql(sql: str, look: Look) -> None:
    """Judges every statement of a text."""
    everything = tokens(sql)
    found = statements(everything)
    if sum(one[0].word in ("DELETE", "UPDATE", "MERGE") for one in found) > MOST_CHANGES:
        raise TooMuch("too_complex", f"more than {MOST_CHANGES} statements that change rows")
    immediate = any(token.word == "IMMEDIATE" for token in everything)
    for statement in found:
        look.step()
        judge(statement, look)
        if immediate and look.level < 4:
            for token in statement:
                if token.kind == "string" and INSIDE.match(" ".join(token.text.upper().split())):
                    look.into("sql", token.text)


def judge(statement: list[Token], look: Look) -> None:
    """Judges one statement."""
    at = 0
    while at < len(statement) - 1 and (
        statement[at].word in LEADS or (not statement[at].word and statement[at].source in ("(", ":", "%", "{", "}"))
    ):
        at += 1
    statement = statement[at:]
    heads = [token.word for token in statement[:8]]
    head = heads[0] if heads else ""
    shown = " ".join(token.source for token in statement[:12])
    if head == "DROP":
        rest = [word for word in heads[1:] if word not in BETWEEN]
        if rest and rest[0] in DROPPED:
            look.found("drops_object", shown)
    elif head == "TRUNCATE" and len(statement) > 1 and statement[1].source != "(":
        look.found("truncates", shown)
    elif head == "GRANT" and heads[1:2] == ["ALL"] and (heads[2:3] in (["PRIVILEGES"], ["ON"]) or "TO" in heads):
        look.found("grants_all", shown)
    elif head in ("DELETE", "UPDATE", "MERGE"):
        judge_change(statement, head, shown, look)
    elif head == "WITH":
        depth = 0
        for at, token in enumerate(statement):
            depth += (token.source == "(") - (token.source == ")")
            if (
                depth == 0
                and token.word in ("DELETE", "UPDATE", "MERGE", "SELECT", "INSERT")
                and at > 3
                and statement[at - 1].source == ")"
            ):
                if token.word not in ("SELECT", "INSERT"):
                    judge_change(statement[at:], token.word, shown, look)
                break


def judge_change(statement: list[Token], head: str, shown: str, look: Look) -> None:
    """DELETE, UPDATE, MERGE: by their condition."""
    if head == "DELETE" and not any(token.word == "FROM" for token in statement[:4]) and len(statement) < 2:
        return
    if head == "UPDATE" and not any(token.word == "SET" for token in statement):
        return
    code = "unbounded_update" if head == "UPDATE" else "unbounded_delete"
    if head == "MERGE":
        judge_merge(statement, shown, look)
        return
    at = first(statement, ("WHERE",))
    if at is None:
        look.found(code, f"no WHERE: {shown}")
        return
    condition = statement[at + 1 :]
    end = first(condition, ("ORDER", "LIMIT", "RETURNING"))
    always = condition_truth(condition[:end], look)
    if always:
        look.found(code, f"the WHERE is always true: {shown}")


def judge_merge(statement: list[Token], shown: str, look: Look) -> None:
    """MERGE: only where it deletes every row of its target."""
    on, when = first(statement, ("ON",)), first(statement, ("WHEN",))
    if on is None or when is None:
        return
    always = condition_truth(statement[on + 1 : when], look)
    clauses = " ".join(token.word or token.source for token in statement[when:])
    if (always is True and re.search(r"WHEN MATCHED THEN DELETE", clauses)) or (
        always is False and re.search(r"WHEN NOT MATCHED BY SOURCE THEN DELETE", clauses)
    ):
        look.found("unbounded_delete", f"deletes every row: {shown}")


def first(statement: list[Token], heads: tuple[str, ...]) -> int | None:
    """Index of the first of these words outside brackets."""
    depth = 0
    for at, token in enumerate(statement):
        depth += (token.source == "(") - (token.source == ")")
        if depth <= 0 and token.word in heads:
            return at
    return None


def condition_truth(condition: list[Token], look: Look) -> bool | None:
    """Whether a condition holds for every row, for none, or for some. Raises TooMuch."""
    depth = deepest = 0
    run = longest = 0
    for token in condition:
        depth += (token.source in "([") - (token.source in ")]")
        deepest = max(deepest, depth)
        run = run + 1 if token.word == "NOT" or token.source in "-+~" or token.word == "CASE" else 0
        longest = max(longest, run)
    if len(condition) > LONGEST_CONDITION:
        raise TooMuch("too_complex", f"a condition of more than {LONGEST_CONDITION} tokens")
    if max(deepest, longest) > DEEPEST_CONDITION or sum(token.word == "CASE" for token in condition) > DEEPEST_CONDITION:
        raise TooMuch("too_deep", f"a condition nested more than {DEEPEST_CONDITION} levels")
    if not condition:
        return True
    look.characters += sum(len(token.source) for token in condition)
    parsed = parse(" ".join(token.source for token in condition))
    if parsed is not None:
        return truth(parsed)
    words = " ".join(token.source.upper() for token in condition)
    return (
        True
        if re.fullmatch(r"\(*\s*(TRUE|1|NOT FALSE|(\S+) = \2)\s*\)*", words)
        or re.search(r"\bOR (TRUE|1|NOT FALSE|(\S+) = \2)\b(?! AND)", words)
        else None
    )


def parse(condition: str) -> Any:
    """The expression of a condition; None where sqlglot does not read it."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        return sqlglot.parse_one(condition, read="databricks", into=sqlglot.exp.Condition)
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError):
        return None
    finally:
        logger.setLevel(level)
