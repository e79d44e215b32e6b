"""What the value of a setting is: a credential, or a placeholder, a reference to where the secret lies, or its name there.

``changeme`` and ``hunter2`` are credentials: somebody could log in with them, and so is ``{{hunter}}``: braces alone fill nothing in. What
stands within them must be a path, a call, a variable's name or say itself what it is (``{{secrets/a/b}}``, ``{{ db_pass }}``, ``{{token}}``).
The keys that AWS publishes in its documentation (``…EXAMPLE…``) are no secrets: nobody can log in with them. What is not covered: whether a credential is still valid.
"""

import re

LONGEST = 4_000
WHOLE = re.compile(
    r"""(?ix) \s* (?: <[^<>]*> | \$[a-z_]\w* | %\(?\w+\)?[s%]? | \{[\w.\[\]'"-]*\} | @\w[\w.]*(?:\(.*\))? | \[[^\[\]]*\] | [*x•.\-_\#]+ | n/?a
      | (?:your|my|the|some|an?|insert|enter|replace|todo|tbd|none|null|nil|true|false|undefined|empty|default|string|str|text|varchar|hidden|masked
        |env|process|prompt|required|optional|var|local|data|config|conf|settings|args|params|options|input|request|file|base64|type|get|bearer|basic|oauth2?|pat|value
        |postgres|mysql|root|guest|airflow|minioadmin)?
        (?:[-_. ]?(?:your|my|password|passwd|pass|pwd|secrets?|token|key|api|access|client|auth|databricks|aws|github|here|value|placeholder|goes|user|db|database|azure
        |personal|admin|service|id|scope|name|pat|strong|secure|super))* ) \s*"""
)
MARKED = re.compile(
    r"""(?ix) \$\{ | \{\{[^{}]*(?:[\s./_()|\[:-]|passw|pwd|secret|token|key|cred|pass\}|value\}|input\})[^{}]* | \$\( | <[\w /-]+> | \.\.\. | … | \*\*\* | xxxx | redacted | placeholder | replace[_ -]?me | your[_ -] | my[_ -]?(?:secret|token|password|key)
      | insert[_ -] | (?<![a-z])example | example(?![a-z]) | dummy | fill[_ -]?in | [_-]here\b | \bhere\b | secrets?/ | secret\( | dbutils\. | getenv | \benviron\b | \bos\. | @env"""
)
ELSEWHERE = re.compile(
    r"""(?ix) \s* (?: /|\./|~|https?://|secrets?(?::|\.get)|env[:.]|vault:|op://|arn:aws:secretsmanager|projects/.*/secrets/|@Microsoft|!secret\b|!Ref\b|keyvault:|ssm:|azurekv)"""
)
PUBLISHED = re.compile(r"AKIA[0-9A-Z]{9}EXAMPLE|[A-Za-z0-9/+]{29,31}EXAMPLEKEY")
NAME = re.compile(r"[a-z]+(?:[-_./][a-z]+)+", re.IGNORECASE)
"""``db-password``: what a secret is called, not what it is."""


def is_placeholder(value: str) -> bool:
    """Whether a value only marks the place of a secret, or says where it lies."""
    start = value.strip("\"'` ,;")[:300]
    return (
        not start
        or WHOLE.fullmatch(start) is not None
        or MARKED.search(start) is not None
        or ELSEWHERE.match(start) is not None
        or NAME.fullmatch(start) is not None
        or PUBLISHED.fullmatch(start) is not None
        or len(set(start.lower())) <= 2
    )


def is_credential(value: str) -> bool:
    """Whether the value of a setting with a telling name is a literal credential."""
    return 3 <= len(value.strip()) <= LONGEST and not is_placeholder(value)


def looks_random(value: str) -> bool:
    """Whether a value is long and mixed enough to be a token."""
    mixed = any(c.isdigit() for c in value) and any(c.isalpha() for c in value)
    return len(value) >= 16 and mixed and value[0] != "/" and len(set(value)) >= 8
