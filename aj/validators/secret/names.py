"""What the name of a setting says: whether its value is a credential (``db_password``, ``apiKey``), or only about one (``token_url``).

What is not covered: names in other languages than English, and credentials under a name that says nothing.
"""

import re

from aj.validators.wordset import wordset

PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
AZURE = re.compile(
    r"(?i)(?:spark\.hadoop\.)?fs\.azure\.(?:account\.key|sas(?:\.fixed\.token)?|account\.oauth2\.client\.secret)\b"
)
PASSWORDS = frozenset(["password", "passwd", "passwort", "pwd", "passphrase", "pgpassword"])
SECRETS = PASSWORDS | wordset(
    """secret token apikey pat credential credentials accesskey privatekey secretkey authtoken accountkey sharedkey sas"""
)
KEYS = wordset("api access private secret account auth encryption storage signing master service shared")
"""A key of this kind is a credential; ``primary_key`` and ``task_key`` are none."""
ABOUT = wordset(
    """scope scopes name names url uri endpoint path file id ids type ref field column col columns header headers length len
    policy provider manager limit limits count counts expiry expires expiration ttl lifetime hash hashed prefix suffix
    pattern regex format key keys vault arn version rotation enabled required label description hint min max store backend
    location duration seconds hours days budget usage class env var variable placeholder example input output prompt
    management reset alias"""
)
"""A name that ends so says something about a secret: token_url, secret_scope, password_file."""
COUNTED = wordset("is has use max min num n no total next page pad eos bos unk stop csrf idempotency")
"""Tokens of a text or a page, and questions: max_tokens, next_page_token, has_password."""


def is_telling(name: str) -> bool:
    """Whether a setting of this name holds a credential: ``db_password``, ``fs.azure.account.key…``, ``apiKey``."""
    if AZURE.match(name):
        return True
    words = [word.lower() for word in PART.findall(name[-200:])]
    while words and words[-1].isdigit():
        words.pop()
    if not words:
        return False
    before, last = words[-2] if len(words) > 1 else "", words[-1]
    if (before, last) == ("connection", "string"):
        return True
    if last in ABOUT:
        return last == "key" and before in KEYS and not {"public", "primary", "foreign"} & set(words)
    if words[0] in COUNTED or before in COUNTED:
        return False
    return last in SECRETS or "".join(words) in SECRETS


def is_password(name: str) -> bool:
    """Whether the name says password itself: its value need not look random."""
    words = PART.findall(name[-200:])
    return bool(words) and (words[-1].lower() in PASSWORDS or name.upper() == "MYSQL_PWD")
