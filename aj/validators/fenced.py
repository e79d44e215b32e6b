"""Code fences around a text, and the lines of a notebook that are no Python.

One rule for all validators. What says whether a text *is* something (a statement, grants, a definition, a registration, a stream, the
agent's own call) refuses a fence around it, since the fence is no part of it and nothing would run it so: ``code_fence``, with the older
codes ``not_sql`` of sql_compiles and ``code_block`` of tool calls. What says what a text *does or holds* (policy_safety,
no_secrets_in_clear) reads what is within. Calls of somebody else's tools may be fenced, as other models write them.
"""

import re

FENCE = re.compile(r"```[\w+-]*[ \t]*\n(.*?)\n?```", re.DOTALL)
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)


FENCED = "a code fence stands around it: give the text only"


def is_fenced(text: str) -> bool:
    """Whether a text begins with a code fence."""
    return text.lstrip("\ufeff \t\r\n").startswith(("```", "~~~"))


def unfenced(text: str) -> str:
    """What stands within the one fence around a text; the text where there is none."""
    fence = FENCE.fullmatch(text.strip())
    return fence[1] if fence else text


def without_magics(code: str) -> str:
    """Code of a notebook with ``pass`` in the place of its ``%`` and ``!`` lines."""
    return MAGIC.sub(r"\1pass", code) if "%" in code or "!" in code else code
