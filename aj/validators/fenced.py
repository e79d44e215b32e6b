"""Code fences around a whole text, and the lines of a notebook that are no Python."""

import re

FENCE = re.compile(r"```[\w+-]*[ \t]*\n(.*?)\n?```", re.DOTALL)
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)


def unfenced(text: str) -> str:
    """What stands within the one fence around a text; the text where there is none."""
    fence = FENCE.fullmatch(text.strip())
    return fence[1] if fence else text


def without_magics(code: str) -> str:
    """Code of a notebook with ``pass`` in the place of its ``%`` and ``!`` lines."""
    return MAGIC.sub(r"\1pass", code) if "%" in code or "!" in code else code
