"""What credentials look like: tokens that tell themselves, names of settings that hold one, values that hold none.

The forms are the issuers' documented ones (prefix, alphabet, length). Each pattern is anchored on literal text and cannot backtrack far.

What is not covered: tokens without a form of their own (Azure keys, AWS secret keys) outside an assignment to a telling name.
"""

import re

TOKENS = {
    "databricks": re.compile(r"\b(?:dapi[0-9a-f]{32}(?:-\d)?|dose[0-9a-f]{32}|dkea[0-9a-f]{32})\b"),
    "aws": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "github": re.compile(r"\b(?:gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{40,255})\b"),
    "gitlab": re.compile(r"\bglpat-[0-9A-Za-z_-]{20,}"),
    "slack": re.compile(r"\bxox[abprs]-[0-9A-Za-z-]{20,}|hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20,}"),
    "google": re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    "openai or anthropic": re.compile(r"\bsk-(?:ant-|proj-)?[0-9A-Za-z_-]{20,}"),
    "stripe": re.compile(r"\b[rs]k_live_[0-9A-Za-z]{20,}"),
    "hugging face": re.compile(r"\bhf_[0-9A-Za-z]{30,}"),
    "npm or pypi": re.compile(r"\b(?:npm_[0-9A-Za-z]{36}|pypi-AgEI[0-9A-Za-z_-]{40,})"),
    "sendgrid": re.compile(r"\bSG\.[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}"),
    "jwt": re.compile(r"\beyJ[0-9A-Za-z_-]{15,2000}\.eyJ[0-9A-Za-z_-]{15,4000}\.[0-9A-Za-z_-]{20,}"),
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY-----\s*(?:\\n|\n)?\s*(?:[0-9A-Za-z+/=]{20,}|Proc-Type)"),
    "azure storage key": re.compile(r"\bAccountKey=[0-9A-Za-z+/]{40,}={0,2}|\bSharedAccessKey=[0-9A-Za-z+/]{30,}={0,2}"),
    "azure sas": re.compile(r"[?&]sig=[0-9A-Za-z%+/]{30,}"),
    "azure client secret": re.compile(r"(?<![\w~.-])[0-9A-Za-z_~.-]{3}8Q~[0-9A-Za-z_~.-]{31,34}(?![\w~-])"),
}
URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://([^\s:/@'\"<>]{1,80}):([^\s/@'\"]{1,120})@")
PARAMETER = re.compile(
    r"(?:^|[;?&\s])(?:password|pwd|passwd|client_secret|access_token|api_key|apikey|aws_secret_access_key)\s*=\s*([^;&\s'\"]{1,200})",
    re.IGNORECASE,
)

WORDS = "password passwd passwort pwd passphrase secret token apikey credential credentials accesskey privatekey secretkey authtoken accountkey sharedkey sas"
SECRET_WORDS = frozenset(WORDS.split())
PAIRS = frozenset(
    {
        ("api", "key"),
        ("access", "key"),
        ("private", "key"),
        ("secret", "key"),
        ("account", "key"),
        ("auth", "key"),
        ("encryption", "key"),
        ("storage", "key"),
        ("signing", "key"),
        ("master", "key"),
        ("service", "key"),
        ("shared", "key"),
    }
)
HARMLESS = "scope scopes name names url uri endpoint path file id ids type ref field column col columns header headers length len policy provider manager limit limits count counts expiry expires expiration ttl lifetime hash hashed prefix suffix pattern regex format key keys vault arn version rotation enabled required label description hint min max store backend location duration seconds hours days budget usage class env var variable placeholder example input output prompt management reset alias"
HARMLESS_WORDS = frozenset(HARMLESS.split())
"""A name that ends so says something about a secret: token_url, secret_scope, password_file."""

PLACEHOLDER = re.compile(
    r"""(?ix) \s* (?: <[^<>]*> | \{\{.*\}\} | \$\{.*\} | \$\(.*\) | \$[a-z_]\w* | %\(?\w+\)?[s%] | \{[\w.\[\]'"-]*\} | @\w[\w.]*\(.*\)
      | \[[^\[\]]*\] | [*x•.\-_#]+ | (?:none|null|nil|true|false|undefined|todo|tbd|n/?a|empty|default|string|str|secret|password|token|bearer|basic|oauth|oauth2|pat|key|value)
      | .*(?:redacted|placeholder|replace[_ -]?me|your[_ -]|my[_ -]?(?:secret|token|password|key)|insert[_ -]|changeit|example|dummy|fill[_ -]?in|\bhere\b|\*\*\*|\.\.\.|xxxx).* ) \s*"""
)
REFERENCE = re.compile(
    r"(?is)\s*(?:secrets?(?:/|:|\.get)|/?secrets?/|env[:.]|vault:|op://|arn:aws:secretsmanager|projects/.*/secrets/|https://[\w-]+\.vault\.azure\.net|@Microsoft\.KeyVault|!secret\b|!Ref\b|keyvault:|ssm:|azurekv).*"
)


def is_telling(name: str) -> bool:
    """Whether a setting of this name holds a credential: ``db_password``, ``fs.azure.account.key…``, ``apiKey``."""
    if re.match(
        r"(?i)(?:spark\.hadoop\.)?fs\.azure\.(?:account\.key|sas(?:\.fixed\.token)?|account\.oauth2\.client\.secret)\b", name
    ):
        return True
    words = [w.lower() for w in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name[-200:])]
    while words and words[-1].isdigit():
        words.pop()
    if not words:
        return False
    if words[-1] in HARMLESS_WORDS:
        return len(words) > 1 and (words[-2], words[-1]) in PAIRS and not {"public", "primary", "foreign"} & set(words)
    if words[0] in (
        "is",
        "has",
        "use",
        "max",
        "min",
        "num",
        "n",
        "no",
        "total",
        "next",
        "page",
        "pad",
        "eos",
        "bos",
        "unk",
        "stop",
        "csrf",
    ):
        return False
    return words[-1] in SECRET_WORDS or "".join(words) in SECRET_WORDS


def is_credential(value: str) -> bool:
    """Whether the value of such a setting could be one: not empty, no placeholder, no reference to where the secret lies."""
    value = value.strip()
    return (
        len(value) >= 3
        and len(value) <= 4_000
        and not PLACEHOLDER.fullmatch(value[:300])
        and not REFERENCE.fullmatch(value[:300])
    )
