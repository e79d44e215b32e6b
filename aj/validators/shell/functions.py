"""Functions of a shell script: judged where they stand and where they are called.

What is not covered: what a function's arguments hold that comes from outside.
"""

import re
from typing import TYPE_CHECKING

from aj.validators.shell.state import State
from aj.validators.shell.tree import commands, forks, text_of
from aj.validators.shell.values import UNKNOWN

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_CALLS = 4


class Functions(State):
    """A shell that knows functions; ``walk`` judges what stands in them."""

    def walk(self, node: "Node", stdin: str) -> str:
        """Judges a node; its standard output where it is known."""
        raise NotImplementedError

    def on_function_definition(self, node: "Node", stdin: str) -> str:
        """f() { ... }: remembered, and judged once with arguments that nobody knows."""
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is None or body is None:
            return ""
        called = text_of(name)
        again = [child for child in commands(body) if text_of(child).split()[:1] == [called]]
        if len(again) > 1 and any(forks(child) for child in again):
            self.look.found("fork_bomb", "a function that starts itself twice")
        self.call(called, body, [UNKNOWN] * 9, defining=True)
        self.functions[called] = body
        self.read_by.clear()
        return ""

    def reads(self, name: str, body: "Node") -> set[str]:
        """Variables that a function reads, with those of the functions that it calls."""
        source = text_of(body)
        known = self.read_by.get(source)
        if known is None:
            known = self.read_by[source] = set(re.findall(r"\$\{?(\w+)", source))
            for word in set(re.findall(r"[\w.-]+", source)) & self.functions.keys():
                known |= self.reads(word, self.functions[word])
        return known

    def call(self, name: str, body: "Node", arguments: list[str], stdin: str = "", defining: bool = False) -> str:
        """Runs a function's body with arguments; a recursion ends after a few calls."""
        if self.calls >= MOST_CALLS and not defining:
            return UNKNOWN
        state = (
            text_of(body),
            tuple(arguments),
            tuple(self.here),
            stdin,
            repr([(read, self.variables.get(read)) for read in sorted(self.reads(name, body))]),
        )
        if state in self.judged:  # the same call would do the same
            return UNKNOWN
        self.judged.add(state)
        outer, self.arguments = self.arguments, arguments
        here = list(self.here)
        self.calls += not defining
        self.branch += 1
        out = self.walk(body, stdin)
        self.branch -= 1
        self.calls -= not defining
        self.arguments, self.here = outer, here
        return out
