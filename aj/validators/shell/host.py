"""What the rules of commands and the expansion of words ask of the shell around them.

What is not covered: how a shell walks its script (walk.py).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from aj.validators.safety.look import Look

if TYPE_CHECKING:
    from tree_sitter import Node


class Variables(Protocol):
    """What the expansion of words asks."""

    def variable(self, name: str) -> str | None:
        """The value of a variable, None where nobody set it."""
        ...

    def guarded(self, name: str) -> bool:
        """Whether the script makes sure that the variable is not empty."""
        ...

    def substitute(self, code: str) -> str:
        """The output of a command substitution."""
        ...

    def pipe(self, code: str) -> str:
        """The name of the pipe that a process substitution makes."""
        ...


class Shell(Variables, Protocol):
    """What the rules of commands ask."""

    look: Look
    functions: "dict[str, Node]"
    aliases: dict[str, str]
    files: dict[str, str]
    """What the script wrote, by name."""
    arguments: list[str] | None
    here: list[str]
    """Folders that may be the current one; "" is where the script starts."""
    errexit: bool
    wrapped: int

    def assign(self, name: str, value: str, add: bool = False) -> None:
        """Sets a variable."""
        ...

    def write(self, name: str, content: str, truncates: bool) -> None:
        """A file is written."""
        ...

    def run(self, code: str) -> str:
        """Judges code in this shell; its output where it is known."""
        ...

    def child(self, code: str, arguments: list[str] | None = None) -> str:
        """Judges code in a shell that this one starts."""
        ...

    def judge(self, argv: list[str], stdin: str = "") -> str:
        """Judges one command; its output where it is known."""
        ...

    def call(self, name: str, body: Any, arguments: list[str], stdin: str = "", defining: bool = False) -> str:
        """Runs a function of the script."""
        ...


Rule = Callable[[list[str], str, Shell], str | None]
"""(arguments, standard input, shell) -> standard output, None where nothing is known of it."""
