"""SQL that destroys: each statement by its leading tokens, DELETE, UPDATE and MERGE by the truth of their condition.

The words are sql/lexer.py's, so comments and strings never count; only conditions are parsed, by sqlglot. What does not parse is judged by its tokens.
Decided: DROP of a view, function, index, policy or temporary object, ALTER … DROP COLUMN, INSERT OVERWRITE, CREATE OR REPLACE and MERGE pass:
they hold no data, are bounded, or Delta's history can undo them. DROP of a volume or streaming table does not: their data goes with them.
What is not covered: what a procedure or a variable holds, VACUUM, and conditions that are true only because of what the table holds.
"""

import logging
import re
from itertools import islice
from typing import Any

from aj.validators.safety.look import Look, TooMuch
from aj.validators.sql.lexer import Word, scan
from aj.validators.sql.truth import truth

DROPPED = frozenset(["TABLE", "SCHEMA", "DATABASE", "NAMESPACE", "CATALOG", "VOLUME"])
BETWEEN = frozenset(["IF", "EXISTS", "FOREIGN", "EXTERNAL", "MANAGED", "STREAMING", "LIVE", "TRANSIENT"])
LEADS = frozenset(["BEGIN", "THEN", "ELSE", "DO", "SQL", "ATOMIC"])
MOST_TOKENS = 9_000  # dense SQL of 20,000 characters has about 8,000
MOST_CHANGES = 300  # DELETE, UPDATE and MERGE statements
LONGEST_CONDITION = 1_200  # tokens
DEEPEST_CONDITION = 40  # brackets, NOTs
INSIDE = re.compile(
    r"(?:DROP (?:STREAMING )?(?:TABLE|SCHEMA|DATABASE|NAMESPACE|CATALOG|VOLUME)|TRUNCATE TABLE|DELETE FROM|UPDATE \S+ SET|GRANT ALL|EXECUTE IMMEDIATE)\b"
)


def tokens(sql: str) -> list[Word]:
    """The words of SQL, whatever it is: an open quote swallows nothing. Raises TooMuch."""
    found = list(islice(scan(sql), MOST_TOKENS + 1))
    if len(found) > MOST_TOKENS:
        raise TooMuch("too_complex", f"SQL of more than {MOST_TOKENS} tokens")
    return found


def statements(all_tokens: list[Word]) -> list[list[Word]]:
    """Tokens cut at semicolons, and within BEGIN, THEN, ELSE, DO where a statement starts there."""
    out: list[list[Word]] = [[]]
    for at, token in enumerate(all_tokens):
        if token.text == ";":
            out.append([])
            continue
        now = out[-1]
        head = now[0].upper if now else ""
        if (
            now
            and now[-1].upper in ("BEGIN", "THEN", "ELSE", "DO", "LOOP", "REPEAT", "ATOMIC", "AS", "HANDLER")
            and head not in ("MERGE", "EXPLAIN")
        ):
            ahead = " ".join(after.upper if after.kind == "word" else "x" for after in all_tokens[at : at + 3])
            if INSIDE.match(ahead):
                out.append([])
        out[-1].append(token)
    return [statement for statement in out if statement]


def read_sql(sql: str, look: Look) -> None:
    """Judges every statement of a text."""
    everything = tokens(sql)
    found = statements(everything)
    if sum(one[0].upper in ("DELETE", "UPDATE", "MERGE") for one in found) > MOST_CHANGES:
        raise TooMuch("too_complex", f"more than {MOST_CHANGES} statements that change rows")
    immediate = any(token.upper == "IMMEDIATE" for token in everything)
    for statement in found:
        look.step()
        judge(statement, look)
        if immediate and look.level < 4:
            for token in statement:
                inside = token.text.strip("rR'\"$")
                if token.kind in ("string", "body") and INSIDE.match(" ".join(inside.upper().split())):
                    look.into("sql", inside)


def judge(statement: list[Word], look: Look) -> None:
    """Judges one statement."""
    at = 0
    while at < len(statement) - 1 and (statement[at].upper in LEADS or (statement[at].text in ("(", ":", "%", "{", "}"))):
        at += 1
    statement = statement[at:]
    heads = [token.upper for token in statement[:8]]
    head = heads[0] if heads else ""
    shown = " ".join(token.text for token in statement[:12])
    if head == "DROP":
        rest = [word for word in heads[1:] if word not in BETWEEN]
        if rest and rest[0] in DROPPED:
            look.found("drops_object", shown)
    elif head == "TRUNCATE" and len(statement) > 1 and statement[1].text != "(":
        look.found("truncates", shown)
    elif head == "GRANT" and heads[1:2] == ["ALL"] and (heads[2:3] in (["PRIVILEGES"], ["ON"]) or "TO" in heads):
        look.found("grants_all", shown)
    elif head in ("DELETE", "UPDATE", "MERGE"):
        judge_change(statement, head, shown, look)
    elif head == "WITH":
        depth = 0
        for at, token in enumerate(statement):
            depth += (token.text == "(") - (token.text == ")")
            if (
                depth == 0
                and token.upper in ("DELETE", "UPDATE", "MERGE", "SELECT", "INSERT")
                and at > 3
                and statement[at - 1].text == ")"
            ):
                if token.upper not in ("SELECT", "INSERT"):
                    judge_change(statement[at:], token.upper, shown, look)
                break


def judge_change(statement: list[Word], head: str, shown: str, look: Look) -> None:
    """DELETE, UPDATE, MERGE: by their condition."""
    if head == "DELETE" and not any(token.upper == "FROM" for token in statement[:4]) and len(statement) < 2:
        return
    if head == "UPDATE" and not any(token.upper == "SET" for token in statement):
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


def judge_merge(statement: list[Word], shown: str, look: Look) -> None:
    """MERGE: only where it deletes every row of its target."""
    on, when = first(statement, ("ON",)), first(statement, ("WHEN",))
    if on is None or when is None:
        return
    always = condition_truth(statement[on + 1 : when], look)
    clauses = " ".join(token.upper or token.text for token in statement[when:])
    if (always is True and re.search(r"WHEN MATCHED THEN DELETE", clauses)) or (
        always is False and re.search(r"WHEN NOT MATCHED BY SOURCE THEN DELETE", clauses)
    ):
        look.found("unbounded_delete", f"deletes every row: {shown}")


def first(statement: list[Word], heads: tuple[str, ...]) -> int | None:
    """Index of the first of these words outside brackets."""
    depth = 0
    for at, token in enumerate(statement):
        depth += (token.text == "(") - (token.text == ")")
        if depth <= 0 and token.upper in heads:
            return at
    return None


def condition_truth(condition: list[Word], look: Look) -> bool | None:
    """Whether a condition holds for every row, for none, or for some. Raises TooMuch."""
    depth = deepest = 0
    run = longest = 0
    for token in condition:
        depth += (token.text in "([") - (token.text in ")]")
        deepest = max(deepest, depth)
        run = run + 1 if token.upper == "NOT" or token.text in "-+~" or token.upper == "CASE" else 0
        longest = max(longest, run)
    if len(condition) > LONGEST_CONDITION:
        raise TooMuch("too_complex", f"a condition of more than {LONGEST_CONDITION} tokens")
    if max(deepest, longest) > DEEPEST_CONDITION or sum(token.upper == "CASE" for token in condition) > DEEPEST_CONDITION:
        raise TooMuch("too_deep", f"a condition nested more than {DEEPEST_CONDITION} levels")
    if not condition:
        return True
    look.characters += sum(len(token.text) for token in condition)
    joins = sum((token.upper == "JOIN") - (token.upper in ("ON", "USING")) for token in condition)
    if joins > 0:  # sqlglot reads what follows a join without ON twice
        look.steps += 2 ** min(joins, 12) - 1
        look.step()
    parsed = parse(" ".join(token.text for token in condition))
    if parsed is not None:
        return truth(parsed)
    words = " ".join(token.text.upper() for token in condition)
    return (
        True
        if re.fullmatch(r"\(*\s*(TRUE|1|NOT FALSE|(\S+) = \2)\s*\)*", words)
        or re.search(r"\bOR (TRUE|1|NOT FALSE|(\S+) = \2)\b(?! AND)", words)
        else None
    )


def parse(condition: str) -> Any:
    """The expression of a condition; None where sqlglot does not read it, or only with many steps (see ``SPARE_NODES`` of sql/queries.py)."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        return sqlglot.parse_one(
            condition, read="databricks", into=sqlglot.exp.Condition, max_nodes=100 + 2 * len(condition.split())
        )
    except (SqlglotError, RecursionError, ValueError, TypeError, AttributeError):
        return None
    finally:
        logger.setLevel(level)
