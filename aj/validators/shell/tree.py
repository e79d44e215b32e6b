"""The syntax tree of a shell script, by tree-sitter, under caps.

What is not covered: what the parser does not know; its error recovery is bounded, not judged.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from aj.validators.safety.look import TooMuch

if TYPE_CHECKING:
    from tree_sitter import Node

DEEPEST_TREE = 150
MOST_OPERATIONS = 3_000  # of tree-sitter's parser, in its own unit: a 20,000-character script takes about 500
MOST_SIGNS = {"|": 300, "&": 240, "<>": 300}
MOST_STARTS = {"=(": 60, "<<": 60, "${": 800}
MOST_DOLLARS = 800  # that begin nothing
MOST_BRACKETS = 2_400_000  # ( and ) times characters: 120 of them in 20,000 characters, 480 in 5,000
"""Error recovery is quadratic in these. Set by the time hostile texts take; how many real long scripts have was not counted."""
DOLLAR = re.compile(r"""\$(?![\w({'"@*#?$!-])""")
PREFIXED = re.compile(
    r"((?:^|[;&|({)\n]|\b(?:then|do|else))[ \t]*)(?:(?:time(?:[ \t]+-p)?|!)[ \t]+)+(?=(?:case|if|while|for|until|time)\b|[{(!]|[\w-]+[ \t]*\(\))"
)
NO_ARITHMETIC = re.compile(
    r"\$\(\((?=[\s({!]*(?:\w+\(\)[\s{]*)?[A-Za-z_][\w.-]*\s+(?:-{0,2}[A-Za-z]|/[A-Za-z]|/\s+-|[$`]|(?:&&|\|\|)\s+\w+\s+[-A-Za-z]))"
)


@cache
def parser() -> Any:
    """The parser of bash, made once."""
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def tree(code: str) -> "Node":
    """The syntax tree of a script. Raises TooMuch."""
    signs = any(sum(map(code.count, kinds)) > most for kinds, most in MOST_SIGNS.items())
    signs |= sum(1 for _ in DOLLAR.finditer(code)) > MOST_DOLLARS
    signs |= (code.count("(") + code.count(")")) * len(code) > MOST_BRACKETS
    if signs or any(code.count(start) > most for start, most in MOST_STARTS.items()):
        raise TooMuch("too_complex", "more pipes, brackets, redirections or here-documents than a script has")
    source = code.replace("\0", " ").encode("utf-8", "replace")  # 20,000 NULs take the parser two seconds
    operations = 0

    def stop(offset: int, error: bool) -> bool:
        nonlocal operations
        operations += 1
        return operations > MOST_OPERATIONS

    try:
        root: Node = parser().parse(lambda offset, point: source[offset : offset + 4096], progress_callback=stop).root_node
    except ValueError as error:
        parser.cache_clear()  # a stopped parser would go on where it stopped
        raise TooMuch("too_complex", "the script takes too long to parse") from error
    cursor = root.walk()
    depth = 0
    while True:
        if cursor.goto_first_child():
            depth += 1
            if depth > DEEPEST_TREE:
                raise TooMuch("too_deep", f"a script nested more than {DEEPEST_TREE} levels")
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return root
            depth -= 1


def text_of(node: "Node") -> str:
    """Source of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def commands(node: "Node") -> Iterator["Node"]:
    """All simple commands below a node."""
    todo = [node]
    while todo:
        at = todo.pop()
        if at.type == "command":
            yield at
        todo += at.named_children


def forks(node: "Node") -> bool:
    """Whether a command is part of a pipeline or sent to the background."""
    after = node.next_sibling
    return (node.parent is not None and node.parent.type == "pipeline") or (after is not None and after.type == "&")
