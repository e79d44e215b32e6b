"""Secrets that stand in a text as they are: keys of known shape, private keys, passwords in URLs, options and assignments, bearer tokens.

A comment or a string counts too: what is written down is known. Placeholders (`<token>`, `${TOKEN}`, `xxxx`, `{{secrets/scope/key}}`, `YOUR_TOKEN`) do not.
What is not covered: secrets without a known shape or a telling name beside them, and encoded ones.
"""

import re

SHAPES = {
    "an AWS access key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a Databricks token": r"\b(?:dapi|dose|dkea|dsapi)[0-9a-f]{16,}(?:-\d+)?\b",
    "a GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})",
    "a GitLab token": r"\bglpat-[A-Za-z0-9_-]{18,}",
    "a Slack token": r"\bxox[abpors]-[A-Za-z0-9-]{15,}",
    "an API key": r"\bsk-(?:proj-|ant-|live-)?[A-Za-z0-9_-]{24,}|\b[sr]k_live_[A-Za-z0-9]{16,}",
    "a Google key": r"\bAIza[0-9A-Za-z_-]{35}",
    "a Hugging Face token": r"\bhf_[A-Za-z0-9]{30,}",
    "an npm token": r"\bnpm_[A-Za-z0-9]{36}\b",
    "an Azure storage key": r"\bAccountKey=[A-Za-z0-9+/]{40,}={0,2}",
    "a shared access signature": r"[?&]sig=[A-Za-z0-9%+/]{30,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "an AWS secret key": r"(?i:aws_?secret_?access_?key|secret_?access_?key|secretkey|s3a?\.secret\.key)[\"']?[\s:=,]+[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
}
SHAPE = re.compile("|".join(f"(?P<s{at}>{pattern})" for at, pattern in enumerate(SHAPES.values())))
PRIVATE_KEY = re.compile(
    r"-----BEGIN (?:[A-Z]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|\\r|[\"'+])*([A-Za-z0-9+/=:-]{16,})"
)
IN_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,25}://([^\s:/@'\"<>]{0,60}):([^\s/@'\"]{1,100})@([\w.-]+)", re.I)
BEARER = re.compile(r"\bBearer[ :]+[\"']?([A-Za-z0-9._~+/=-]{16,})")
BASIC = re.compile(r"\bBasic\s+([A-Za-z0-9+/]{12,}={0,2})(?![A-Za-z0-9+/])")
OPTION = re.compile(
    r"(?<![\w-])--?(?:password|passwd|pass|pwd|token|secret|api[-_]?key|secret[-_]?key|client[-_]?secret|access[-_]?token|auth[-_]?token)(?:=|\s+)(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\s\"']+))",
    re.I,
)
USER = re.compile(r"(?<![\w-])(?:-u|--user)(?:=|\s*)[\"']?([\w.@-]{1,60}):([^\s\"':@/]{3,})")
ATTACHED = re.compile(
    r"\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n|;]{0,120}?\s-p([^\s'\"-][^\s'\"]+)|\bsshpass\s+-p\s*[\"']?([^\s'\"]+)"
)
PASSWORD = re.compile(
    r"(?<![A-Za-z])[\"'`]?(?:[A-Za-z0-9]{1,20}[_.-]){0,4}(password|passwd|pwd|passphrase|secret|token|api_?key|apikey|access_?key|secret_?key|client_?secret|account_?key|auth_?token|access_?token|pgpassword|mysql_pwd)[\"'`]?"
    r"(?:\"\])?\s*(?::=|=>|[:=,]|\s(?=['\"]))\s*(?:[rbuf]{0,2}(\"{1,3}|'{1,3})([^\"'\n]{3,200})\2|([^\s\"'`,;)}\]&|]{6,120}))",
    re.I,
)
WORDS = re.compile(
    r"(?i)^(?:your|my|the|some|an?|insert|enter|replace|example|sample|dummy|fake|placeholder|todo|redacted|changeme|change_me|none|null|true|false|string|str|text|varchar"
    r"|hidden|masked|env|os|getenv|process|secret|secrets|dbutils|vault|keyvault|prompt|required|optional|var|local|data|module|self|config|conf|settings|args|params|options|input|request|file|base64|f|type|get|postgres|mysql|root|guest|airflow|minioadmin)?"
    r"(?:[-_. ]?(?:your|my|password|passwd|pass|pwd|secret|token|key|api|access|client|auth|databricks|aws|github|here|value|example|placeholder|goes|user|db|database|azure|personal|admin|service|id|scope|name|pat|strong|secure|super|s|dev|prod))*$"
)
MARKS = re.compile(
    r"[<>${}*…%\[\]()]|\.\.\.|x{4,}|X{4,}|YOUR_|your[-_]|_HERE|-here|@env|REPLACE|EXAMPLE_|example[-_]|placeholder|PLACEHOLDER|REDACTED|redacted|\bos\.|secrets?/|secret\(|getenv|environ"
)
STRONG = frozenset(("password", "passwd", "pwd", "passphrase", "pgpassword", "mysql_pwd"))


def dull(value: str) -> bool:
    """Whether a value is too uniform to be a secret: one character over and over, or all X and 0."""
    body = re.sub(r"^(?:AKIA|ASIA|dapi|dose|gh[pousr]_|sk-|hf_|glpat-|xox.-|AIza|eyJ)", "", value)
    return len(set(body.lower()) - set("-_.")) <= 3 or MARKS.search(value) is not None


def placeholder(value: str) -> bool:
    """Whether a value only marks the place of a secret."""
    value = value.strip("\"'` ,;")
    return not value or MARKS.search(value) is not None or WORDS.match(value) is not None or len(set(value.lower())) <= 2


def looks_random(value: str) -> bool:
    """Whether a value is long and mixed enough to be a token."""
    return (
        len(value) >= 16
        and any(c.isdigit() for c in value)
        and any(c.isalpha() for c in value)
        and "/" not in value[:1]
        and len(set(value)) >= 8
    )


def secret(text: str) -> str:
    """What secret stands in clear in a text, '' where none does. Never the secret itself."""
    for found in SHAPE.finditer(text):
        if not dull(found[0]):
            return list(SHAPES)[int((found.lastgroup or "s0")[1:])]
    for found in PRIVATE_KEY.finditer(text):
        if not placeholder(found[1]) and len(set(found[1])) > 6:
            return "a private key"
    for found in IN_URL.finditer(text):
        user, password, host = found.groups()
        local = host.split(":")[0] in ("localhost", "127.0.0.1", "0.0.0.0", "host", "hostname")
        if not placeholder(password) and not (local and user == password):
            return "a password in a URL"
    for found in BEARER.finditer(text):
        if not placeholder(found[1]) and not dull(found[1]) and any(c.isdigit() for c in found[1]):
            return "a bearer token"
    for found in BASIC.finditer(text):
        if not dull(found[1]) and any(c.isdigit() or c == "=" for c in found[1]) and any(c.isupper() for c in found[1]):
            return "credentials of basic authentication"
    for found in OPTION.finditer(text):
        value = found[1] or found[2] or found[3] or ""
        if (
            len(value) < 4
            or placeholder(value)
            or value.startswith(("-", "/", "./", "~", "@", "|", "&", "\\", ",", "file:", "fileb:"))
        ):
            continue
        password = "pass" in found[0].lower()
        if password or ((looks_random(value) or found[1] or found[2]) and not re.fullmatch(r"[a-z]+", value)):
            return "a secret in an option"
    for found in USER.finditer(text):
        if not placeholder(found[2]) and not re.fullmatch(r"\d+|[a-z_-]+", found[2]):
            return "a password in an option"
    for found in ATTACHED.finditer(text):
        if not placeholder(found[1] or found[2]):
            return "a password in an option"
    for found in PASSWORD.finditer(text):
        name, quoted, bare = found[1].lower(), found[3], found[4]
        value = quoted or bare
        if placeholder(value) or re.search(r"\s", value) or re.match(r"https?:|/|\./|~", value):
            continue
        if (
            name in STRONG
            and (quoted or found[0].isupper() or re.match(r"PGPASSWORD|[A-Z_]*PASSWORD|MYSQL_PWD", found[0]))
            and ("," not in found[0][len(found[1]) : len(found[1]) + 3])
        ):
            return "a password"
        if (looks_random(value) and not re.search(r"[.(]", value)) or (
            name in STRONG and re.search(r"\d", value) and re.search(r"[A-Za-z]", value) and "(" not in value and "." not in value
        ):
            return f"a value for {name}"
    return ""
