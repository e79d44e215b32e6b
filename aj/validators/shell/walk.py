"""Walks a shell script the way bash would run it: tree.py gives the structure, words.py the values, judge.py judges each command.

Every branch is taken, every loop runs its body once for each of its known words (at most 8), functions are judged where they stand and where they are called.
What is not covered: files that the text does not hold, arithmetic, coprocesses, and what a variable holds that comes from outside.
"""

import re
from typing import TYPE_CHECKING

from aj.validators.brackets import deepest
from aj.validators.safety.look import Look, TooMuch
from aj.validators.shell.broken import judge_piece, pieces
from aj.validators.shell.functions import Functions
from aj.validators.shell.judge import judge
from aj.validators.shell.quotes import split
from aj.validators.shell.redirects import input_of, output_to
from aj.validators.shell.tree import NO_ARITHMETIC, PREFIXED, text_of, tree
from aj.validators.shell.values import UNKNOWN
from aj.validators.shell.words import expand_text, words

if TYPE_CHECKING:
    from tree_sitter import Node

DEEPEST_BRACKETS = 30
MOST_VALUES = 8  # words of a loop
TESTED = re.compile(r"""-[nzdef]\s+["']?\$\{?(\w+)|\$\{(\w+)(?:\[\w+\])?:?\?""")
NOUNSET = re.compile(r"^[ \t]*set\s+-\w*u|\bnounset\b", re.M)
BOMB = re.compile(r"([\w:.]{1,40})\(\)\{\1[|&]\1&?\};?\1?|\$0\"?[|&]+\"?\$0")


class Walk(Functions):
    """One shell that runs a script."""

    def substitute(self, code: str) -> str:
        """The output of a command substitution, run in a copy of this shell."""
        here, self.here = list(self.here), list(self.here)
        try:
            return self.run(code).rstrip("\n") or UNKNOWN
        finally:
            self.here = here

    def pipe(self, code: str) -> str:
        """The name of the pipe of a process substitution; what it carries is a file to read."""
        name = f"/dev/fd/{len(self.files) + 10}"
        self.files[name] = self.substitute(code)
        return name

    def run(self, code: str) -> str:
        """Judges code in this shell; its output where it is known."""
        self.look.step()
        return str(self.look.into("shell", ShellCode(code, self)))

    def judge(self, argv: list[str], stdin: str = "") -> str:
        """Judges one command, for rules that find commands within their words."""
        self.look.step()
        return judge(argv, stdin, self)

    def child(self, code: str, arguments: list[str] | None = None) -> str:
        """Judges code in a shell that this one starts: it knows the variables, and cannot change them."""
        inner = Walk(self.look, arguments)
        inner.variables, inner.files, inner.here = dict(self.variables), self.files, list(self.here)
        return inner.run(code)

    def script(self, code: str) -> str:
        """Judges a script, and its pieces one by one where the parser stumbles; its output where it is known."""
        self.tested |= {name for found in TESTED.finditer(code) for name in found.groups() if name}
        self.nounset |= NOUNSET.search(code) is not None
        if BOMB.search(re.sub(r"\s", "", code)):
            self.look.found("fork_bomb", "a function or script that starts itself twice")
        given, code = code, PREFIXED.sub(r"\1", code)  # tree-sitter knows these two words before simple commands only
        code = NO_ARITHMETIC.sub("$( (", code)  # as bash does
        if deepest(given, "({") > DEEPEST_BRACKETS:
            raise TooMuch("too_deep", f"brackets nested more than {DEEPEST_BRACKETS} levels")
        root = tree(code)
        out = self.walk(root, "")
        if root.has_error:
            for segment in pieces(code, pipes=False):
                self.look.step()
                part = tree(segment) if segment != code.strip() else root
                if not part.has_error:
                    self.walk(part, "")
                    continue
                for piece in pieces(segment):
                    judge_piece(piece, self)
        return out

    def walk(self, node: "Node", stdin: str) -> str:
        """Judges a node; its standard output where it is known."""
        kind = node.type
        visit = getattr(self, f"on_{kind}", None)
        if visit is not None:
            return str(visit(node, stdin))
        if kind in ("comment", "heredoc_body", "heredoc_start", "heredoc_end"):
            return ""
        inner = kind in (
            "if_statement",
            "while_statement",
            "case_statement",
            "elif_clause",
            "else_clause",
            "case_item",
            "c_style_for_statement",
        )
        self.branch += inner
        out = ""
        for child in node.named_children:
            if child.type in ("raw_string", "word", "number", "regex", "variable_name"):
                continue
            out += self.walk(child, stdin)
        self.branch -= inner
        if kind in ("program", "if_statement", "case_statement") and not self.errexit and len(self.here) > MOST_VALUES:
            self.here = self.here[-MOST_VALUES:]
        return out

    def on_command_substitution(self, node: "Node", stdin: str) -> str:
        """A substitution that stands where no word is expanded: in a test or in arithmetic."""
        expand_text(text_of(node), self)
        return ""

    on_process_substitution = on_command_substitution

    def on_list(self, node: "Node", stdin: str) -> str:
        """a && b, a || b. After `cd x && ` the folder is x for certain; after `cd x || exit` too."""
        left, right = node.named_children[0], node.named_children[-1]
        operator = next((child.type for child in node.children if child.type in ("&&", "||")), "&&")
        before = list(self.here)
        out = self.walk(left, stdin)
        if operator == "&&" or re.match(r"\{?\s*(exit|return|die|fail|echo\b.*exit|continue|break)", text_of(right)):
            after, self.here = self.here, self.here[-1:]
            out += self.walk(right, stdin)
            if operator == "&&" and not self.errexit and (node.parent is None or node.parent.type != "list"):
                self.here = ([*before, *after, *self.here] if self.here != before else before)[-MOST_VALUES:]
            return out
        return out + self.walk(right, stdin)

    def on_subshell(self, node: "Node", stdin: str) -> str:
        """( ... ): the folder outside stays as it was."""
        here = list(self.here)
        out = "".join(self.walk(child, stdin) for child in node.named_children)
        self.here = here
        return out

    def on_pipeline(self, node: "Node", stdin: str) -> str:
        """a | b | c: what one writes the next reads."""
        for child in node.named_children:
            if child.type != "comment":
                stdin = self.walk(child, stdin)
        return stdin

    def on_redirected_statement(self, node: "Node", stdin: str) -> str:
        """A statement with redirections and here-documents."""
        redirects = [child for child in node.named_children if child.type.endswith("_redirect")]
        for redirect in redirects:
            stdin = input_of(redirect, stdin, self)
        body = node.child_by_field_name("body")
        out = self.walk(body, stdin) if body is not None else ""
        for redirect in list(redirects):
            redirects += [child for child in redirect.named_children if child.type == "file_redirect"]
        for redirect in redirects:
            out = output_to(redirect, out, self)
        for redirect in redirects:
            for child in redirect.named_children if redirect.type == "heredoc_redirect" else []:
                if child.type == "pipeline":
                    out = self.on_pipeline(child, out)
                elif child.type not in ("heredoc_start", "heredoc_body", "heredoc_end", "file_redirect"):
                    self.walk(child, "")
        return out

    def on_command(self, node: "Node", stdin: str) -> str:
        """A simple command, under each value that its variables may have."""
        redirects = [child for child in node.named_children if child.type.endswith("_redirect")]
        for redirect in redirects:
            stdin = input_of(redirect, stdin, self)
        out = ""
        for choice in range(self.choices(text_of(node))):
            self.choice = choice
            argv: list[str] = []
            for child in node.named_children:
                if child.type == "variable_assignment":
                    self.on_variable_assignment(child, "")
                elif child.type in ("subshell", "compound_statement"):
                    self.walk(child, "")
                elif child not in redirects and child.type != "comment":
                    argv += words(text_of(child), self)
            self.look.step()
            out = judge(argv, stdin, self) if argv else ""
        self.choice = 0
        for redirect in redirects:
            out = output_to(redirect, out, self)
        return out

    def on_variable_assignment(self, node: "Node", stdin: str) -> str:
        """X=value, X+=value, X=(a b)."""
        name, plus, raw = re.match(r"\s*(\w*)(?:\[[^\]]*\])?(\+?)=?(.*)", text_of(node), re.S).groups()  # type: ignore[union-attr]
        value = " ".join(" ".join(words(word, self)) for word in split(raw[1:-1])) if raw[:1] == "(" else expand_text(raw, self)
        self.assign(name, value, bool(plus))
        return ""

    def on_unset_command(self, node: "Node", stdin: str) -> str:
        """unset X."""
        for child in node.named_children:
            self.variables.pop(text_of(child), None)
        return ""

    def on_for_statement(self, node: "Node", stdin: str) -> str:
        """for x in words: the body runs with each of the values."""
        name = node.child_by_field_name("variable")
        values = [value for child in node.children_by_field_name("value") for value in words(text_of(child), self)]
        self.branch += 1
        if name is not None:
            self.variables[text_of(name)] = values[:MOST_VALUES] or [UNKNOWN]
        body = node.child_by_field_name("body")
        out = self.walk(body, stdin) if body is not None else ""
        self.branch -= 1
        return out


class ShellCode(str):
    """Code that is to run in a shell that exists already."""

    shell: Walk

    def __new__(cls, code: str, shell: Walk) -> "ShellCode":
        made = super().__new__(cls, code)
        made.shell = shell
        return made


def read_script(code: str, look: Look) -> str:
    """Judges a script in a shell of its own, or in the one that the code brings."""
    shell = code.shell if isinstance(code, ShellCode) else Walk(look)
    return shell.script(str(code))
