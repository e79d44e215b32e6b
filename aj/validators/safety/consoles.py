"""Console sessions and Dockerfiles as the scripts that they are.

What is not covered: what a command printed, beyond its first lines.
"""

import re

from aj.validators.safety.kinds import COMMAND_START
from aj.validators.safety.look import Look


def prompted(code: str) -> str:
    """A console session: where lines have a prompt, only those are commands, and their prompt goes."""
    lines = code.split("\n")
    marked = [line for line in lines if re.match(r"\s*(?:\$|❯|➜|[\w.-]+@[\w.-]+[:~/\w.-]*[$#%])\s+\S", line)]
    if not marked:
        return code
    out = []
    held = False
    for line in lines:
        found = re.match(r"\s*(?:\$|❯|➜|[\w.-]+@[\w.-]+[:~/\w.-]*[$#%])\s+(?=\S)", line)
        if found:
            out.append(line[found.end() :])
        elif held or (len(marked) < 2 and COMMAND_START.match(line.strip())):
            out.append(re.sub(r"^\s*>\s", "", line))
        held = bool(out) and (
            line.endswith("\\")
            or "<<" in line
            or (held and "<<" not in line and not line.strip().isupper() and any("<<" in past for past in out[-1:]))
        )
    return "\n".join(out)


def read_dockerfile(code: str, look: Look) -> None:
    """RUN lines of a Dockerfile."""
    joined = re.sub(r"\\\n", " ", code)
    for found in re.finditer(r"^\s*(?:RUN|CMD|ENTRYPOINT)\s+(?:--\S+\s+)*(.+)$", joined, re.M | re.I):
        look.into(
            "shell",
            found[1] if not found[1].startswith("[") else found[1].strip("[] ").replace('", "', '" "').replace('","', '" "'),
        )
