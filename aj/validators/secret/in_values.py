"""Credentials in the values of a definition: tokens anywhere, and literal values under a telling key.

``find_secrets`` walks mappings, ``name``/``value`` pairs and ``--password x`` argument lists. Comments are not there any more.
What is not covered: secrets with no form under a key with no name; encoded or split ones.
"""

import re
from typing import Any

from aj.validators.definitions.fields import Report
from aj.validators.secret.in_text import telling
from aj.validators.secret.names import is_telling
from aj.validators.secret.values import is_credential

FLAG = re.compile(r"--?([A-Za-z][\w.-]{1,40})(?:=(.*))?", re.DOTALL)
SHORTEST = 12  # of a text that can hold a token or a URL with a password


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
    found = next(telling(value), None) if isinstance(value, str) and len(value) > SHORTEST else None
    if found is not None:
        report.add("secret_in_clear", path, f"{found.detail}; use a secret scope: {{{{secrets/scope/key}}}}")
    elif isinstance(value, str | int) and not isinstance(value, bool) and key and is_telling(key) and is_credential(str(value)):
        report.add("secret_in_clear", path, f"a literal value under {key[:60]!r}; use a secret scope: {{{{secrets/scope/key}}}}")
