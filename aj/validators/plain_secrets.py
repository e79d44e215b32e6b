"""Secrets that stand in clear in a definition: well-known token shapes anywhere, and literal values under password-like keys.

References are fine (``${var.x}``, ``{{secrets/scope/key}}``), and so are names of secrets (``password_key: db-password``) and placeholders
(``<token>``; but ``changeme`` is a password). ``find_secrets`` walks mappings, ``name``/``value`` pairs, and ``--password x`` argument lists.

What is not covered: secrets with no shape under a key with no name; encoded or split ones; comments.
"""

import re
from typing import Any

from aj.validators.field_tables import Report

SHAPES = re.compile(
    r"\bdapi[0-9a-f]{32}(-\d)?\b|\bdose[0-9a-f]{32}\b|\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_\w{22,}"
    r"|\bglpat-[\w-]{20}|\bxox[abprs]-[\w-]{10,}|\bsk-(?:ant|proj|svcacct)-[\w-]{20,}|\bsk-[A-Za-z0-9]{28,}|\bAIza[\w-]{35}|\bhf_[A-Za-z0-9]{30,}|\bnpm_[A-Za-z0-9]{36}"
    r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY|\beyJ[\w-]{15,}\.eyJ[\w-]{15,}\.|\bAccountKey=[A-Za-z0-9+/=]{20,}|\b[?&]sig=[\w%]{20,}"
    r"|\b[a-z][a-z0-9+]{1,20}://[^\s:/@${}<>]{1,60}:(?!\*{3})[^\s:/@${}<>]{3,80}@"
)
WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
ONE = {"password", "passwd", "pwd", "passphrase", "apikey", "token", "pat", "credentials"}
TWO = {
    ("api", "key"),
    ("access", "key"),
    ("secret", "key"),
    ("account", "key"),
    ("private", "key"),
    ("client", "secret"),
    ("shared", "key"),
}
TWO |= {("sas", "token"), ("auth", "key"), ("connection", "string"), ("app", "secret"), ("signing", "key"), ("encryption", "key")}
HARMLESS = {
    ("page", "token"),
    ("idempotency", "token"),
    ("next", "token"),
    ("pad", "token"),
    ("eos", "token"),
    ("user", "token"),
    ("access", "token"),
}
NAME = re.compile(r"[a-z]+([-_./][a-z]+)+", re.IGNORECASE)
PLACEHOLDER = re.compile(
    r"<[^<>]{0,80}>|\$\w.*|x{3,}|\*+|\.{3,}|your[-_ ].*|.*[-_ ]here|todo|none|null|placeholder|redacted|dbutils\.secrets\..*|secret://.*|@Microsoft.*",
    re.IGNORECASE,
)
FLAG = re.compile(r"--?([A-Za-z][\w.-]{1,40})(?:=(.*))?", re.DOTALL)


def secret_key(name: str) -> bool:
    """Whether a key's name says that its value is a secret."""
    if name.startswith("fs.azure.account.key") or ".fs.azure.account.key" in name:
        return True
    words = [word.lower() for word in WORDS.findall(name[-80:])]
    if not words:
        return False
    last = (words[-2], words[-1]) if len(words) > 1 else ("", words[-1])
    if last in TWO or last == ("access", "token"):
        return True
    return words[-1] in ONE and last not in HARMLESS


def secret_value(value: object) -> bool:
    """Whether a value under such a key is a literal secret, not a reference, a placeholder or the name of a secret."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return False
    text = str(value).strip()
    if not text or "${" in text or "{{" in text or text.startswith("/"):
        return False
    return PLACEHOLDER.fullmatch(text) is None and NAME.fullmatch(text) is None


def find_secrets(value: Any, path: tuple[object, ...], report: Report, key: str = "") -> None:
    """Report secret_in_clear for every secret below a value; the value itself is never repeated in the reason."""
    if report.full:
        return
    if isinstance(value, dict):
        named = value.get("name")
        for inner, item in value.items():
            owner = inner
            if inner in ("value", "default"):  # parameters and variables: the name stands beside or above
                owner = named if isinstance(named, str) else key
            if isinstance(item, dict | list):
                find_secrets(item, (*path, inner), report, inner)
            else:
                _scalar(item, owner, (*path, inner), report)
    elif isinstance(value, list):
        flag = ""
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                find_secrets(item, (*path, index), report, key)
                flag = ""
            else:
                found = FLAG.fullmatch(item) if isinstance(item, str) and len(item) < 2000 else None
                _scalar(found[2] if found else item, found[1] if found else flag, (*path, index), report)
                flag = found[1] if found and found[2] is None else ""
    else:
        _scalar(value, key, path, report)


def _scalar(value: object, key: str, path: tuple[object, ...], report: Report) -> None:
    if isinstance(value, str) and len(value) > 15 and SHAPES.search(value):
        report.add("secret_in_clear", path, "this looks like a token or a key; use a secret scope: {{secrets/scope/key}}")
    elif value is not None and key and secret_key(key) and secret_value(value):
        report.add("secret_in_clear", path, f"a literal value under {key[:60]!r}; use a secret scope: {{{{secrets/scope/key}}}}")
