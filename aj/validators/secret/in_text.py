"""Credentials in any text, comments and strings included: tokens, passwords in URLs and connection strings, headers, options of commands.

``assigned`` also finds what a sentence or a script gives to a telling name; there a value must look like a secret, since prose speaks of
passwords without holding one. What is not covered: encoded secrets, and those that a line break splits.
"""

import re
from collections.abc import Iterator

from aj.validators.score import Reason
from aj.validators.secret.names import is_password, is_telling
from aj.validators.secret.tokens import token_in
from aj.validators.secret.values import is_credential, is_placeholder, looks_random

URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://([^\s:/@'\"<>]{0,80}):([^\s/@'\"]{1,120})@([\w.-]{0,80})", re.IGNORECASE)
LOCAL = frozenset(("localhost", "127.0.0.1", "0.0.0.0", "host", "hostname"))
CONNECTION = re.compile(r"jdbc:|Server=|AccountName=|Driver=|Data Source=")
ENDS = re.compile(r"[\"'\n]")
PARAMETER = re.compile(
    r"(?:^|[;?&\s])(?:password|pwd|passwd|client_secret|access_token|api_key|apikey|aws_secret_access_key)\s*=\s*([^;&\s'\"]{1,200})",
    re.IGNORECASE,
)
LOGIN_MODULE = re.compile(r"LoginModule\s+required[^;\n]{0,300}?\bpassword=\\?[\"']([^\"'{}$\\]{1,200})")
SQL_OPTION = re.compile(
    r"\b(?:password|token|secret|client_secret|access_key|secret_key|identified\s+by|sfPassword)\s+'([^'\n]{3,200})'",
    re.IGNORECASE,
)
BEARER = re.compile(r"\bBearer[ :]{1,4}[\"']?([A-Za-z0-9._~+/=-]{16,})")
BASIC = re.compile(r"\bBasic\s{1,4}([A-Za-z0-9+/]{12,}={0,2})(?![A-Za-z0-9+/])")
OPTION = re.compile(
    r"(?<![\w-])--?(password|passwd|pass|pwd|token|secret|api[-_]?key|secret[-_]?key|client[-_]?secret|access[-_]?token|auth[-_]?token)"
    r"(?:=|\s{1,4})(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\s\"']+))",
    re.IGNORECASE,
)
USER = re.compile(r"(?<![\w-])(?:-u|--user)(?:=|\s{0,4})[\"']?([\w.@-]{1,60}):([^\s\"':@/]{3,})")
ATTACHED = re.compile(
    r"\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n|;]{0,120}?\s-p([^\s'\"-][^\s'\"]+)|\bsshpass\s{1,4}-p\s{0,4}[\"']?([^\s'\"]+)"
)
ASSIGNED = re.compile(
    r"(?i:passw|passp|pwd|secret|token|key|credential)\w{0,30}[\"'`]?(?:\"\])?\s{0,4}(:=|=>|[:=,]|\s(?=['\"]))\s{0,4}"
    r"(?:[rbuf]{0,2}(\"{1,3}|'{1,3})([^\"'\n]{3,200})\2|([^\s\"'`,;)}\]&|]{6,120}))"
)
BEFORE = re.compile(r"[\w.-]{0,60}\Z")
NO_VALUE = ("-", "/", "./", "~", "@", "|", "&", "\\", ",", "file:", "fileb:")
TEMPLATE = ("{", "$", "%", "<", '"')


def telling(text: str) -> Iterator[Reason]:
    """Credentials that need nothing beside them: token_in_clear, url_password."""
    kind = token_in(text)
    if kind:
        yield Reason("token_in_clear", f"{kind} stands in the text")
    for found in URL.finditer(text) if "://" in text else ():
        user, password, host = found.groups()
        if is_credential(password) and not password.startswith(TEMPLATE) and not (host in LOCAL and user == password):
            yield Reason("url_password", f"a URL with the password of {user[:40]!r}")
            return


def in_text(text: str) -> Iterator[Reason]:
    """What tells itself, and what connection strings, SQL, headers and options hold: also connection_string_secret, secret_in_clear."""
    yield from telling(text)
    for piece in ENDS.split(text) if CONNECTION.search(text) else ():
        given = PARAMETER.findall(piece[:2_000]) if CONNECTION.search(piece) else ()
        if any(is_credential(value) and not value.startswith(TEMPLATE) for value in given):
            yield Reason("connection_string_secret", "a connection string with its password")
            break
    for pattern, where in ((LOGIN_MODULE, "a JAAS config"), (SQL_OPTION, "an SQL option")):
        if any(is_credential(found[1]) for found in pattern.finditer(text)):
            yield Reason("secret_in_clear", f"{where} with its password")
    what = _header(text) or _option(text)
    if what:
        yield Reason("secret_in_clear", what)


def assigned(text: str) -> Iterator[Reason]:
    """What a sentence or a script gives to a telling name (secret_in_clear): a password, or a value that looks random."""
    for found in ASSIGNED.finditer(text):
        start = found.start()
        before = BEFORE.search(text[max(0, start - 60) : start])
        name = (before[0] if before else "") + re.split(r"\W", found[0], maxsplit=1)[0]
        quoted, bare = found[3], found[4]
        value = quoted or bare
        if not is_telling(name) or re.search(r"\s", value) or not is_credential(value):
            continue
        plain = "(" not in value and "." not in value
        stated = quoted or name.isupper() or (plain and re.search(r"\d", value) and re.search(r"[A-Za-z]", value))
        if (is_password(name) and found[1] != "," and stated) or (looks_random(value) and plain):
            yield Reason("secret_in_clear", f"a value for {name[-60:]}")
            return


def _header(text: str) -> str:
    """What credential a header of HTTP holds, '' where none does."""
    for found in BEARER.finditer(text):
        if not is_placeholder(found[1]) and any(c.isdigit() for c in found[1]):
            return "a bearer token"
    for found in BASIC.finditer(text):
        if len(set(found[1])) > 4 and any(c.isdigit() or c == "=" for c in found[1]) and any(c.isupper() for c in found[1]):
            return "credentials of basic authentication"
    return ""


def _option(text: str) -> str:
    """What credential an option of a command holds, '' where none does."""
    for found in OPTION.finditer(text):
        quoted = found[2] or found[3] or ""
        value = quoted or found[4] or ""
        if len(value) < 4 or not is_credential(value) or value.startswith(NO_VALUE):
            continue
        if "pass" in found[1].lower() or looks_random(value) or (quoted and not re.fullmatch(r"[a-z]+", value)):
            return "a secret in an option"
    for found in USER.finditer(text):
        if is_credential(found[2]) and not re.fullmatch(r"\d+|[a-z_-]+", found[2]):
            return "a password in an option"
    if any(is_credential(found[1] or found[2]) for found in ATTACHED.finditer(text)):
        return "a password in an option"
    return ""
