"""GRANT, REVOKE and DENY statements read from one text or a JSON list, each as a Right.

What is not covered: whether principals and securables exist.
"""

import json
import re
from dataclasses import dataclass

from aj.validators.score import Reason
from aj.validators.sql.grammar import Match
from aj.validators.sql.lexer import Word, substituted, words_of

VERBS = frozenset({"GRANT", "REVOKE", "DENY"})
MOST_STATEMENTS = 320
MOST_WORDS = 6_000  # nothing here recurses or parses twice
PLAIN = re.compile(r"[^\W\d]\w*|\d+[^\W\d]\w*")
LEGACY = frozenset({"hive_metastore"})
PARTS = {
    "CATALOG": 1,
    "METASTORE": 0,
    "SCHEMA": 2,
    "TABLE": 3,
    "VIEW": 3,
    "MATERIALIZED VIEW": 3,
    "STREAMING TABLE": 3,
    "VOLUME": 3,
    "FUNCTION": 3,
    "MODEL": 3,
    "PROCEDURE": 3,
}

KINDS = frozenset({*PARTS, "SHARE", "CONNECTION", "DATABASE"})


@dataclass(frozen=True)
class Right:
    """One statement. ``path`` is in lower case, as many parts as were written; ``principal`` in lower case without quotes."""

    verb: str
    privileges: tuple[str, ...]
    kind: str
    path: tuple[str, ...]
    principal: str
    to_recipient: bool = False

    @property
    def legacy(self) -> bool:
        """Whether this is the Hive metastore's model, not Unity Catalog's."""
        return self.kind in ("ANY FILE", "ANONYMOUS FUNCTION") or (bool(self.path) and self.path[0] in LEGACY)


def statements(text: str) -> tuple[list[tuple[str, list[Word]]], list[Reason]]:
    """The statements (each its text and its words), split at ``;`` and at lines that start with GRANT, REVOKE or DENY."""
    stripped = text.strip()
    texts = [text]
    if stripped.startswith("["):
        try:
            read = json.loads(stripped)
        except (ValueError, RecursionError):
            return [], [Reason("not_a_grant", "it starts like a JSON list and is none")]
        if not isinstance(read, list) or not all(isinstance(item, str) for item in read):
            return [], [Reason("not_a_grant", "the JSON list must hold statements as strings")]
        texts = read
    found: list[tuple[str, list[Word]]] = []
    for one in texts:
        one = substituted(one)
        if "```" in one:
            return [], [Reason("not_a_grant", "a code fence stands around it: give the statements only")]
        words, problems = words_of(one, MOST_WORDS)
        if problems:
            return [], problems
        start = 0
        for place in range(len(words) + 1):
            cut = (
                place == len(words)
                or words[place].upper == ";"
                or (place > start and words[place].upper in VERBS and "\n" in one[words[place - 1].end : words[place].start])
            )
            if cut:
                if words[start:place]:
                    found.append((one, words[start:place]))
                start = place + (place < len(words) and words[place].upper == ";")
    if len(found) > MOST_STATEMENTS:
        return [], [Reason("too_many_statements", f"{len(found)} statements, {MOST_STATEMENTS} are read")]
    return found, [] if found else [Reason("no_statement", "there is no statement")]


def right(words: list[Word]) -> Right | Reason:
    """One statement as a Right, or what is wrong with it."""
    verb = words[0].upper
    if verb not in VERBS:
        return Reason("not_a_grant", f"{words[0].text[:30]!r} starts no GRANT, REVOKE or DENY")
    uppers = [word.upper for word in words]
    if uppers[-3:] == ["WITH", "GRANT", "OPTION"]:
        return Reason("grant_option", "Unity Catalog has no WITH GRANT OPTION: grant MANAGE instead")
    turn = "FROM" if verb == "REVOKE" else "TO"
    on = next((i for i, word in enumerate(uppers) if word == "ON"), 0)
    to = next((i for i in range(len(words) - 1, on, -1) if uppers[i] == turn), 0)
    if on < 2 or to <= on + 1 or to + 1 >= len(words) or uppers[on - 1] == ",":
        return Reason("syntax_error", f"{verb} privileges ON securable {turn} principal")
    privileges = tuple(" ".join(part.split()) for part in " ".join(uppers[1:on]).split(","))
    for privilege, pieces in zip(privileges, _split(words[1:on]), strict=True):
        match = Match(pieces, len(pieces))
        if not pieces or match.run("privilege") != len(pieces):
            return Reason(
                "unknown_privilege"
                if pieces and verb not in uppers[1:on] and len(pieces) < 6 and uppers[1] not in VERBS
                else "syntax_error",
                f"{privilege} is no privilege",
            )
    who = words[to + 1 :]
    recipient = who[0].upper == "RECIPIENT" and len(who) == 2
    kind, path = _securable(words[on + 1 : to])
    if not kind:
        return Reason("syntax_error", f"{' '.join(uppers[on + 1 : to])[:60]} is no securable")
    if any(word.upper == "," for word in who):
        return Reason("syntax_error", "one principal a statement")
    who = who[1:] if recipient else who
    if len(who) != 1 or who[0].kind == "string" or (who[0].kind != "quoted" and not PLAIN.fullmatch(who[0].text)):
        return Reason("unquoted_principal", "a principal with more than letters, digits and _ stands between backticks")
    return Right(verb, privileges, kind, path, who[0].text.strip("`").lower(), recipient)


def _split(words: list[Word]) -> list[list[Word]]:
    parts: list[list[Word]] = [[]]
    for word in words:
        if word.upper == ",":
            parts.append([])
        else:
            parts[-1].append(word)
    return parts


def _securable(words: list[Word]) -> tuple[str, tuple[str, ...]]:
    """Type and path; a type of "" where it is none."""
    match = Match(words, len(words))
    if match.run("securable") != len(words):
        return "", ()
    named = next((seen for seen in match.captures if seen.rule in ("object", "table")), None)
    head = words[: named.first] if named else words
    path = _path(words[named.first :]) if named else ()
    kind = " ".join(word.upper for word in head).replace("DATABASE", "SCHEMA").replace("SERVER", "CONNECTION") or "TABLE"
    unnamed = (kind == "CATALOG" and not path) or (not head and len(words) == 1 and words[0].upper in KINDS)
    return ("" if unnamed else kind), path


def _path(words: list[Word]) -> tuple[str, ...]:
    """The parts of a name; those of the string in IDENTIFIER('…'), none where it is made when it runs."""
    if words[0].upper == "IDENTIFIER" and len(words) > 1:
        said = words[2].text[1:-1] if len(words) == 4 and words[2].kind == "string" else ""
        return tuple(part.strip("`").lower() for part in said.split(".") if part)
    return tuple(word.text.strip("`").lower() for word in words if word.text != ".")
