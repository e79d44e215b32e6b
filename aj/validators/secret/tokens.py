"""Tokens and keys that tell themselves: the forms are their issuers' documented ones (prefix, alphabet, length).

Each pattern is anchored on literal text and cannot backtrack far. What is not covered: tokens without a form of their own (Azure keys,
AWS secret keys), which need a telling name beside them.
"""

import re

TOKENS = {
    "a Databricks token": re.compile(r"\b(?:dapi|dose|dkea|dsapi)[0-9a-f]{16,64}(?:-\d{1,3})?\b"),
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "an AWS secret key": re.compile(
        r"(?i:secret_?access_?key|secretkey|s3a?\.secret\.key)[\"']?[\s:=,]{1,20}[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"
    ),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[0-9A-Za-z]{30,255}|github_pat_[0-9A-Za-z_]{22,255})"),
    "a GitLab token": re.compile(r"\bglpat-[0-9A-Za-z_-]{18,}"),
    "a Slack token": re.compile(r"\bxox[abeoprs]-[0-9A-Za-z-]{15,}|hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{20,}"),
    "a Google key": re.compile(r"\bAIza[0-9A-Za-z_-]{35}"),
    "a model provider's key": re.compile(r"\bsk-(?:(?:ant|proj|svcacct|live|or)-[0-9A-Za-z_-]{20,}|[0-9A-Za-z]{24,})"),
    "a Stripe key": re.compile(r"\b[rs]k_live_[0-9A-Za-z]{16,}"),
    "a Hugging Face token": re.compile(r"\bhf_[0-9A-Za-z]{30,}"),
    "a package registry's token": re.compile(r"\b(?:npm_[0-9A-Za-z]{36}|pypi-AgEI[0-9A-Za-z_-]{40,})"),
    "a SendGrid key": re.compile(r"\bSG\.[0-9A-Za-z_-]{20,}\.[0-9A-Za-z_-]{20,}"),
    "a JSON web token": re.compile(r"\beyJ[0-9A-Za-z_-]{10,2000}\.eyJ[0-9A-Za-z_-]{10,4000}\.[0-9A-Za-z_-]{10,}"),
    "a private key": re.compile(
        r"-----BEGIN (?:[A-Z]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n|\\r|[\"'+]){0,40}((?![A-Z-]*END)[0-9A-Za-z+/=:-]{16,}|Proc-Type)"
    ),
    "an Azure storage key": re.compile(r"\bAccountKey=[0-9A-Za-z+/]{20,}={0,2}|\bSharedAccessKey=[0-9A-Za-z+/]{20,}={0,2}"),
    "a shared access signature": re.compile(r"[?&]sig=[0-9A-Za-z%+/]{20,}"),
    "an Azure client secret": re.compile(r"(?<![\w~.-])[0-9A-Za-z_~.-]{3}8Q~[0-9A-Za-z_~.-]{31,34}(?![\w~-])"),
}
SIGNS = re.compile(
    r"dapi|dose|dkea|dsapi|A[KS]IA|secret|gh[pousr]_|github_pat_|glpat-|xox|hooks\.slack|AIza|sk-|k_live_|hf_|npm_|pypi-|SG\.|eyJ|-----BEGIN|AccountKey|SharedAccessKey|sig=|8Q~",
    re.IGNORECASE,
)
"""What every token has in it somewhere: a text without any of these is not searched for each."""
PUBLISHED = re.compile(r"EXAMPLE")
"""In the keys of AWS's documentation, which open nothing: they are no secrets, in whatever text they stand."""
DULL = re.compile(r"x{6}|(?:1234567890){2}", re.IGNORECASE)


def token_in(text: str) -> str:
    """The kind of the first token in a text, '' where there is none."""
    if SIGNS.search(text) is None:
        return ""
    for kind, pattern in TOKENS.items():
        for found in pattern.finditer(text):
            body = found[1] if pattern.groups else found[0][8:]
            if len(set(body)) > 4 and DULL.search(found[0]) is None and PUBLISHED.search(found[0]) is None:
                return kind
    return ""
