"""no_secrets_in_clear: whether a config or notebook keeps credentials out of its text: they come from a secret scope.

What tells itself is found anywhere (in_text), Python is read by its syntax tree (in_python), other texts line by line.
``dbutils.secrets.get``, ``{{secrets/scope/key}}``, ``${var.x}``, environment variables and placeholders are no credentials.

What is not covered: a credential split over lines, a value under a harmless name, whether a scope exists, printing a secret.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aj.validators.fenced import unfenced
from aj.validators.score import Reason, Score
from aj.validators.secret.in_python import TooLarge, in_python, tree_of
from aj.validators.secret.in_text import in_text
from aj.validators.secret.names import is_telling
from aj.validators.secret.values import is_credential

MOST_LINES = 1_500
SECTION = re.compile(r"^\[[\w .:-]+\][ \t]*$", re.MULTILINE)
LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+|set[ \t]+|-[ \t]+|--?(?=\w))?["']?([A-Za-z_][\w.\-]{1,200})["']?[ \t]*+(?:=>|[:=]|(?<=[ \t]))[ \t]*+(.*)"""
)
INLINE = re.compile(r"""["']([\w.\-]{2,100})["'][ \t]*:[ \t]*["']([^"'\n]{1,400})["']""")
NO_SCALAR = ("{", "[", "|", ">", "&", "*", "(")


def no_secrets_in_clear(text: str, context: Mapping[str, Any]) -> Score:
    """1 where the text holds no credential, else 0. The context is not read.

    Codes: token_in_clear, url_password, connection_string_secret, secret_in_clear, secret_default, encoded_secret, too_large.
    """
    text = unfenced(text)
    code = text.count("\n") + text.count(";") <= MOST_LINES and SECTION.search(text) is None
    tree = tree_of(text) if code else None
    try:
        return Score.of([*in_text(text), *(in_python(tree) if tree else _in_lines(text))][:10])
    except TooLarge as error:
        return Score.of([Reason("too_large", str(error))])


def _in_lines(text: str) -> Iterator[Reason]:
    """The first line of a configuration that gives a literal value to a telling name."""
    for line in text.splitlines():
        if line.lstrip().startswith(("#", "//", ";", "*")):
            continue
        found = [m.groups() for m in INLINE.finditer(line)]
        if match := LINE.match(line[:2_000]):
            found.append((match[1], match[2].rstrip(" \t").removesuffix(",").rstrip(" \t")))
        for name, value in found:
            if is_telling(name) and _literal(line, name, value):
                yield Reason("secret_in_clear", f"{name[:60]} has a literal value")
                return


def _literal(line: str, name: str, value: str) -> bool:
    """Whether a line gives this name a literal credential: no structure, no call, and no sentence that only begins with the name."""
    value = re.sub(r"\s+#.*$", "", value) if not value.startswith(("'", '"')) else value
    quoted = value[:1] in "'\"" and len(value) > 1
    value = value.strip("'\", ")
    structure = not quoted and value.startswith(NO_SCALAR) and not value.startswith("{{")
    if not is_credential(value) or (not quoted and " " in value) or structure or re.match(r"[\w.]+\(", value):
        return False
    return quoted or "=" in line or ":" in line or name.startswith(("spark.", "fs."))
