"""Cells of a notebook that are no Python: %sh, %sql, %fs, ! lines and the MAGIC comments of exported notebooks.

What is not covered: %run and %pip, whose files the text does not hold.
"""

import re

from aj.validators.safety.look import Look
from aj.validators.safety.paths import ruinous


def cells(code: str, look: Look) -> None:
    """Judges the cells that an exported notebook keeps in comments."""
    if re.search(r"^# MAGIC ", code, re.M):
        for cell in re.split(r"^# COMMAND -+.*$", code, flags=re.M):
            magic = [line for line in cell.split("\n") if line.startswith("# MAGIC")]
            if magic:
                magics("\n".join(line.removeprefix("# MAGIC").removeprefix(" ") for line in magic), look)


def magics(code: str, look: Look) -> str:
    """Takes %sh, %sql, %fs cells and ! lines out of a notebook's text and judges them."""
    cell = re.match(r"\s*%%?(sh|bash|sql|fs|python|scala|r|md)\b[^\n]*\n?", code)
    if cell:
        rest = code[cell.end() :]
        first = code[: cell.end()].split(None, 1)[1:]
        body = (first[0] if first else "") + "\n" + rest
        if cell[1] in ("sh", "bash"):
            look.into("shell", body if not body.startswith("-") else rest)
        elif cell[1] == "md":
            return ""
        elif cell[1] == "sql":
            look.into("sql", body)
        elif cell[1] == "fs" and (found := re.match(r"\s*rm\s+(?:-r|--recurse=true|true)?\s*(\S+)(\s+true)?", body, re.I)):
            remove(found[1], ("-r" in body or "true" in body.lower()), look, "%fs rm")
        return rest if cell[1] == "python" else ""
    lines = code.split("\n")
    for at, line in enumerate(lines):
        found = re.match(r"(\s*)(?:!|%sh\s|%sx\s|%system\s)(.+)", line)
        if found:
            look.into("shell", found[2])
            lines[at] = found[1] + "pass"
        elif re.match(r"\s*%\w+\s", line):
            inner = re.match(r"\s*%sql\s+(.+)", line)
            if inner:
                look.into("sql", inner[1])
            lines[at] = re.match(r"\s*", line)[0] + "pass"  # type: ignore[index]
    return "\n".join(lines)


def remove(path: str, recursive: bool, look: Look, call: str) -> None:
    """A call that deletes a folder."""
    why = ruinous(path) if recursive else ""
    if why:
        look.found("destructive_delete", f"{call} of {path}: {why}")
