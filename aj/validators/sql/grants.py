"""grants_audit_passes: rights of Unity Catalog that exist, work, and give no more than is needed.

Privileges a type: data/validators/privileges.yaml. What is not covered: whether principals and securables exist, owners (they need no
grant), row filters and masks.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aj.validators.fenced import FENCED, is_fenced
from aj.validators.score import Reason, Score
from aj.validators.sql.rights import PARTS, Right, right, statements

FILE = Path(__file__).parents[3] / "data" / "validators" / "privileges.yaml"
EVERYONE = frozenset({"account users", "users", "all users", "all account users", "everyone", "public"})
INSIDE_SCHEMA = frozenset(kind for kind, parts in PARTS.items() if parts == 3)


@cache
def privileges() -> dict[str, frozenset[str]]:
    """Privileges by type of securable."""
    from ruamel.yaml import YAML

    read: dict[str, list[str]] = YAML(typ="safe", pure=True).load(FILE.read_text(encoding="utf-8"))
    return {kind: frozenset(names) for kind, names in read.items()}


def grants_audit_passes(text: str, context: Mapping[str, Any]) -> Score:
    """1 where every statement is a valid GRANT, REVOKE or DENY and all together give working, least privilege; else 0.

    Text: statements divided by ``;`` or by lines, or a JSON list of strings.
    Context, all optional: ``granted``: statements that hold already; ``groups``: {principal: [groups it is in]};
    ``needs``: [{principal, privileges: [...], on: "TABLE main.sales.orders"}]: exactly these, with the USE grants above them, may be given.
    Codes: code_fence, no_statement, not_a_grant, too_many_statements, syntax_error, unknown_privilege, wrong_privilege, bad_name, unquoted_principal,
    grant_option, deny_unsupported, all_privileges_to_everyone, manage_to_everyone, excess_privilege, missing_use_catalog,
    missing_use_schema, missing_privilege, and those of lexer.py (unbalanced_quote, unbalanced_bracket, too_many_words, too_deep).
    """
    if is_fenced(text):
        return Score.of([Reason("code_fence", FENCED)])
    found, problems = statements(text)
    if problems:
        return Score.of(problems)
    rights: list[Right] = []
    for _, words in found:
        read = right(words)
        problem = read if isinstance(read, Reason) else _alone(read)
        if problem:
            return Score.of([problem])
        assert isinstance(read, Right)
        rights.append(read)
    before = [
        read for said in context.get("granted", ()) for _, words in statements(said)[0] if isinstance(read := right(words), Right)
    ]
    held = _held([*before, *rights])
    groups = {
        str(who).lower(): frozenset(str(name).lower() for name in names) for who, names in context.get("groups", {}).items()
    }
    given = [one for one in rights if one.verb == "GRANT"]
    needs = [_need(need) for need in context.get("needs", ())]
    return Score.of((_least(given, needs) if needs else []) or _ancestors(given, held, groups) or _missing(needs, held))


def _alone(one: Right) -> Reason | None:
    """What is wrong with one statement by itself."""
    if one.legacy:
        return None
    if one.verb == "DENY":
        return Reason("deny_unsupported", "Unity Catalog has no DENY: revoke, or do not grant")
    most = PARTS.get(one.kind, 1)
    if len(one.path) > most or (one.kind == "METASTORE" and one.path):
        return Reason("bad_name", f"{'.'.join(one.path)} has too many parts for a {one.kind}")
    if one.kind == "SHARE" and not one.to_recipient:
        return Reason("wrong_privilege", "a share is granted TO RECIPIENT")
    for privilege in one.privileges:
        if not any(privilege in names for names in privileges().values()):
            return Reason("unknown_privilege", f"{privilege} is no privilege of Unity Catalog")
        if privilege not in privileges()[one.kind]:
            return Reason("wrong_privilege", f"{privilege} cannot be granted on a {one.kind}")
        if one.verb == "GRANT" and one.principal in EVERYONE and privilege in ("ALL PRIVILEGES", "MANAGE"):
            code = "all_privileges_to_everyone" if privilege == "ALL PRIVILEGES" else "manage_to_everyone"
            return Reason(code, f"{privilege} for {one.principal} is for everyone")
    return None


Held = dict[tuple[str, str, tuple[str, ...]], set[str]]


def _held(rights: list[Right]) -> Held:
    """Privileges by (principal, type, path) after all statements, in their order."""
    held: Held = {}
    for one in rights:
        have = held.setdefault((one.principal, one.kind, one.path), set())
        if one.verb == "GRANT":
            have.update(one.privileges)
        elif one.verb == "REVOKE":
            have.difference_update(have.copy() if "ALL PRIVILEGES" in one.privileges else one.privileges)
    return held


def _has(held: Held, who: frozenset[str], privilege: str, kind: str, path: tuple[str, ...]) -> bool:
    """Whether one of these principals holds a privilege on this securable or above it."""
    for (principal, on, at), names in held.items():
        if principal not in who or not (privilege in names or "ALL PRIVILEGES" in names):
            continue
        above = (
            (on == kind and _same(at, path))
            or (on == "CATALOG" and _covers(at, path, kind))
            or (on == "SCHEMA" and kind in INSIDE_SCHEMA and _covers_schema(at, path))
        )
        if above:
            return True
    return False


def _same(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether two names can be one: the shorter is the end of the longer."""
    short, long = sorted((a, b), key=len)
    return not short or long[-len(short) :] == short


def _covers(catalog: tuple[str, ...], path: tuple[str, ...], kind: str) -> bool:
    """Whether a catalog is, or can be, the one that a path lies in."""
    return len(path) < PARTS.get(kind, 1) or path[0] == catalog[-1]


def _covers_schema(schema: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return _same(schema, path[:-1])


def _ancestors(given: list[Right], held: Held, groups: Mapping[str, frozenset[str]]) -> list[Reason]:
    """Grants that do nothing, because a USE grant above is missing."""
    for one in given:
        if one.legacy or one.kind not in PARTS or one.kind == "METASTORE" or set(one.privileges) <= {"BROWSE"}:
            continue
        who = groups.get(one.principal, frozenset()) | EVERYONE | {one.principal}
        if not _has(held, who, "USE CATALOG", "CATALOG", one.path[:1] if len(one.path) == PARTS[one.kind] else ()):
            return [
                Reason("missing_use_catalog", f"{one.principal} cannot use {one.kind} {'.'.join(one.path)} without USE CATALOG")
            ]
        if one.kind == "CATALOG" and (
            set(one.privileges) <= {"USE CATALOG", "BROWSE", "CREATE SCHEMA", "MANAGE", "APPLY TAG"}
            or _some_schema(held, who, one.path)
        ):
            continue
        path = one.path if one.kind in ("CATALOG", "SCHEMA") else one.path[:-1]
        kind = "CATALOG" if one.kind == "CATALOG" else "SCHEMA"
        if not _has(held, who, "USE SCHEMA", kind, path):
            return [
                Reason("missing_use_schema", f"{one.principal} cannot use {one.kind} {'.'.join(one.path)} without USE SCHEMA")
            ]
    return []


def _some_schema(held: Held, who: frozenset[str], catalog: tuple[str, ...]) -> bool:
    """Whether USE SCHEMA is held on any schema of a catalog: SELECT on the catalog then works there."""
    return any(
        p in who and on == "SCHEMA" and "USE SCHEMA" in names and (len(at) < 2 or at[0] == catalog[0])
        for (p, on, at), names in held.items()
    )


def _need(need: Mapping[str, Any]) -> Right:
    """A need as the Right that fills it."""
    kind, _, name = str(need["on"]).strip().rpartition(" ")
    named = [need["privilege"]] if "privilege" in need else need["privileges"]
    kind = " ".join(kind.upper().split()).replace("DATABASE", "SCHEMA") or (
        "METASTORE" if name.upper() == "METASTORE" else "TABLE"
    )
    path = () if kind == "METASTORE" else tuple(part.strip("`").lower() for part in name.split("."))
    return Right("GRANT", tuple(str(one).upper() for one in named), kind, path, str(need["principal"]).strip("`").lower())


def _least(given: list[Right], needs: list[Right]) -> list[Reason]:
    """Grants that no need asks for, and that are no USE grant above one."""
    for one in given:
        for privilege in one.privileges:
            wanted = any(need.principal == one.principal and _fills(one, privilege, need) for need in needs)
            if not wanted:
                return [
                    Reason(
                        "excess_privilege", f"{privilege} on {one.kind} {'.'.join(one.path)} for {one.principal} is not needed"
                    )
                ]
    return []


def _fills(one: Right, privilege: str, need: Right) -> bool:
    if privilege in need.privileges and one.kind == need.kind and _same(one.path, need.path):
        return True
    if privilege == "USE CATALOG" and one.kind == "CATALOG":
        return need.kind in PARTS and _covers(one.path, need.path, need.kind)
    if privilege == "USE SCHEMA" and one.kind == "SCHEMA":
        return (need.kind in INSIDE_SCHEMA and _covers_schema(one.path, need.path)) or (
            need.kind == "SCHEMA" and _same(one.path, need.path)
        )
    return privilege == "USE SCHEMA" and one.kind == need.kind == "CATALOG" and _same(one.path, need.path)


def _missing(needs: list[Right], held: Held) -> list[Reason]:
    """Needs that nothing fills."""
    for need in needs:
        for privilege in need.privileges:
            if not _has(held, frozenset({need.principal}), privilege, need.kind, need.path):
                return [Reason("missing_privilege", f"{need.principal} needs {privilege} on {need.kind} {'.'.join(need.path)}")]
    return []
