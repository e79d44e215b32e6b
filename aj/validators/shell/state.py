"""The state of one shell: variables, functions, files written, the current folder.

What is not covered: arrays (their words are joined), and variables that come from outside.
"""

import re
from typing import TYPE_CHECKING

from aj.validators.safety.look import Look, TooMuch
from aj.validators.safety.paths import CRITICAL, is_disk
from aj.validators.shell.values import plain

if TYPE_CHECKING:
    from tree_sitter import Node

LONGEST_VALUE = 20_000
MOST_REMEMBERED = 4  # values that branches may have given a variable


class State:
    """What a shell knows; walk.py adds how it runs."""

    def __init__(self, look: Look, arguments: list[str] | None = None) -> None:
        self.look = look
        self.variables: dict[str, list[str]] = {}
        self.functions: dict[str, Node] = {}
        self.aliases: dict[str, str] = {}
        self.files: dict[str, str] = {}
        self.arguments = arguments
        self.here = [""]  # folders that may be the current one; "" is where the script starts
        self.errexit = False
        self.tested: frozenset[str] = frozenset()
        self.nounset = False
        self.choice = 0
        self.calls = 0
        self.branch = 0
        self.wrapped = 0
        self.read_by: dict[str, set[str]] = {}
        self.judged: set[tuple[object, ...]] = set()

    def variable(self, name: str) -> str | None:
        """The value of a variable under the choice at hand, None where nobody set it."""
        if name.isdigit() or name in "@*":
            if self.arguments is None or name == "0":
                return None
            if name in "@*":
                return " ".join(self.arguments)
            return self.arguments[int(name) - 1] if 0 < int(name) <= len(self.arguments) else ""
        values = self.variables.get(name)
        return values[self.choice % len(values)] if values else None

    def guarded(self, name: str) -> bool:
        """Whether the script makes sure that the variable is set."""
        return self.nounset or name in self.tested

    def assign(self, name: str, value: str, add: bool = False) -> None:
        """Sets a variable; in a branch the old values stay possible."""
        old = self.variables.get(name, [])
        if add and old:
            value = old[-1] + value
        if len(value) > LONGEST_VALUE:
            raise TooMuch("too_complex", f"a variable of more than {LONGEST_VALUE} characters")
        self.variables[name] = [*old, value][-MOST_REMEMBERED:] if self.branch else [value]

    def write(self, name: str, content: str, truncates: bool) -> None:
        """A file is written."""
        if is_disk(name):
            self.look.found("disk_overwrite", f"writes over the disk {plain(name)}")
        elif name.startswith("/proc/sysrq-trigger"):
            self.look.found("stops_machine", "writes to sysrq-trigger")
        elif truncates and (name in CRITICAL or name.startswith("/boot/")):
            self.look.found("overwrites_system_file", f"writes over {plain(name)}")
        else:
            self.files[name.removeprefix("./")] = content if truncates else self.files.get(name.removeprefix("./"), "") + content

    def choices(self, source: str) -> int:
        """How many values the variables in a source may have."""
        names = re.findall(r"\$\{?(\w+)", source)
        return max((len(self.variables.get(name, [])) for name in names), default=1) or 1
