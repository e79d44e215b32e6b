"""Walks a shell script the way bash would run it: tree-sitter gives the structure, shell_words the values, shell_rules judge each command.

Every branch is taken, every loop runs its body once for each of its known words (at most 8), functions are judged where they stand and where they are called.
What is not covered: files that the text does not hold, arithmetic, coprocesses, and what a variable holds that comes from outside.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from aj.validators import shell_rules
from aj.validators.brackets import deepest
from aj.validators.dangerous_paths import CRITICAL, is_disk
from aj.validators.look import Look, TooMuch
from aj.validators.shell_words import DECODED, FETCHED, UNKNOWN, expand_text, plain, split, words
from aj.validators.wordset import wordset

if TYPE_CHECKING:
    from tree_sitter import Node

DEEPEST_TREE = 150
DEEPEST_BRACKETS = 30
LONGEST_VALUE = 20_000
MOST_OPERATIONS = 3_000  # of tree-sitter's parser, in its own unit: a 20,000-character script takes about 500
MOST_PIPES, MOST_ARRAYS = 800, 60  # error recovery is quadratic in these
MOST_VALUES = 8  # words of a loop
MOST_REMEMBERED = 4  # values that branches may have given a variable
MOST_CALLS = 4
TESTED = re.compile(r"""-[nzdef]\s+["']?\$\{?(\w+)|\$\{(\w+)(?:\[\w+\])?:?\?""")
NOUNSET = re.compile(r"^\s*set\s+-\w*u|\bnounset\b", re.M)
BOMB = re.compile(r"([\w:.]{1,40})\(\)\{\1[|&]\1&?\};?\1?|\$0\"?[|&]+\"?\$0")
REMOTE_SHELL = re.compile(r"/dev/(?:tcp|udp)/")
PREFIXED = re.compile(
    r"((?:^|[;&|({)\n]|\b(?:then|do|else))[ \t]*)(?:(?:time(?:[ \t]+-p)?|!)[ \t]+)+(?=(?:case|if|while|for|until|time)\b|[{(!]|[\w-]+[ \t]*\(\))"
)
NO_ARITHMETIC = re.compile(
    r"\$\(\((?=[\s({!]*(?:\w+\(\)[\s{]*)?[A-Za-z_][\w.-]*\s+(?:-{0,2}[A-Za-z]|/[A-Za-z]|/\s+-|[$`]|(?:&&|\|\|)\s+\w+\s+[-A-Za-z]))"
)
KEYWORDS = wordset("then do else elif if while until ! { ( done fi } ) time")


@cache
def parser() -> Any:
    """The parser of bash, made once."""
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


def tree(code: str) -> "Node":
    """The syntax tree of a script. Raises TooMuch."""
    if code.count("|") > MOST_PIPES or code.count("=(") > MOST_ARRAYS or code.count("<<") > MOST_ARRAYS:
        raise TooMuch("too_complex", "more pipes, arrays or here-documents than a script has")
    source = code.encode("utf-8", "replace")
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


class Shell:
    """The state of one shell: variables, functions, files written, the current folder."""

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
        return shell_rules.judge(argv, stdin, self)

    def child(self, code: str, arguments: list[str] | None = None) -> str:
        """Judges code in a shell that this one starts: it knows the variables, and cannot change them."""
        inner = Shell(self.look, arguments)
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
                    self.piece(piece)
        return out

    def piece(self, piece: str) -> None:
        """Judges one simple command out of a script that did not parse."""
        raw = split(piece)
        while raw and (raw[0] in KEYWORDS or raw[0][0] in "({!"):
            raw = raw[1:] if raw[0] in KEYWORDS or len(raw[0]) == 1 else [raw[0][1:], *raw[1:]]
        labels = [
            at for at, word in enumerate(raw[:-1]) if word in ("{", "(") or (word.endswith((")", "{")) and "$(" not in word)
        ]
        raw = raw[labels[-1] + 1 :] if labels else raw  # `case x in x) command`, `sudo f() { command`
        argv: list[str] = []
        for at, word in enumerate(raw):
            found = re.fullmatch(r"\d?>[>|]?(.*)", word, re.S)
            if found and not found[1]:
                self.write(expand_text("".join(raw[at + 1 : at + 2]), self), "", True)
            elif found:
                self.write(expand_text(found[1], self), "", True)
            elif not argv and (assigned := re.fullmatch(r"(\w+)=(.*)", word, re.S)):
                self.assign(assigned[1], expand_text(assigned[2], self))
            else:
                argv += words(word, self)
        if argv:
            self.look.step()
            shell_rules.judge(argv, "", self)

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
            stdin = self.input_of(redirect, stdin)
        body = node.child_by_field_name("body")
        out = self.walk(body, stdin) if body is not None else ""
        for redirect in list(redirects):
            redirects += [child for child in redirect.named_children if child.type == "file_redirect"]
        for redirect in redirects:
            out = self.output_to(redirect, out)
        for redirect in redirects:
            for child in redirect.named_children if redirect.type == "heredoc_redirect" else []:
                if child.type == "pipeline":
                    out = self.on_pipeline(child, out)
                elif child.type not in ("heredoc_start", "heredoc_body", "heredoc_end", "file_redirect"):
                    self.walk(child, "")
        return out

    def input_of(self, redirect: "Node", stdin: str) -> str:
        """What a redirection gives to read, ``stdin`` where it gives nothing."""
        if redirect.type == "herestring_redirect":
            return expand_text(text_of(redirect).removeprefix("<<<").strip(), self)
        if redirect.type == "heredoc_redirect":
            start = next((text_of(child) for child in redirect.named_children if child.type == "heredoc_start"), "")
            body = "".join(text_of(child) for child in redirect.named_children if child.type == "heredoc_body")
            return body if re.search(r"['\"\\]", start) else expand_text(body, self, quoted=True, heredoc=True)
        source = text_of(redirect)
        if redirect.type == "file_redirect" and re.match(r"\d?<[^&]", source):
            target = redirect.child_by_field_name("destination")
            name = expand_text(text_of(target), self) if target is not None else ""
            return self.files.get(name, UNKNOWN)
        return stdin

    def output_to(self, redirect: "Node", out: str) -> str:
        """Writes output where a redirection sends it; what is left for the pipe."""
        if redirect.type != "file_redirect":
            return out
        operator = next((child.type for child in redirect.children if not child.is_named), "")
        target = redirect.child_by_field_name("destination")
        if target is None or operator in ("<", "<&", ">&-", "<&-"):
            return out
        name = expand_text(text_of(target), self)
        if REMOTE_SHELL.search(name) and out is not None:
            self.look.found("remote_code", "a shell wired to a network address")
        descriptor = next((text_of(child) for child in redirect.children if child.type == "file_descriptor"), "1")
        if operator == ">&" and name.isdigit():
            return out
        self.write(name, out, operator not in (">>", "&>>"))
        return "" if descriptor == "1" else out

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

    def on_command(self, node: "Node", stdin: str) -> str:
        """A simple command, under each value that its variables may have."""
        redirects = [child for child in node.named_children if child.type.endswith("_redirect")]
        for redirect in redirects:
            stdin = self.input_of(redirect, stdin)
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
            out = shell_rules.judge(argv, stdin, self) if argv else ""
        self.choice = 0
        for redirect in redirects:
            out = self.output_to(redirect, out)
        return out

    def choices(self, source: str) -> int:
        """How many values the variables in a source may have."""
        names = re.findall(r"\$\{?(\w+)", source)
        return max((len(self.variables.get(name, [])) for name in names), default=1) or 1

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


class ShellCode(str):
    """Code that is to run in a shell that exists already."""

    shell: Shell

    def __new__(cls, code: str, shell: Shell) -> "ShellCode":
        made = super().__new__(cls, code)
        made.shell = shell
        return made


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


def pieces(code: str, pipes: bool = True) -> list[str]:
    """Simple commands (or pipelines) of a script that did not parse: cut at separators that no quote holds."""
    out: list[str] = []
    start = i = 0
    quote = ""
    while i <= len(code):
        c = code[i : i + 1]
        if c == "\\":
            i += 1
        elif quote:
            quote = "" if c == quote else quote
        elif c in ("'", '"') and code.find(c, i + 1) > 0:
            quote = c
        elif c == "#" and (i == 0 or code[i - 1].isspace()):
            out.append(code[start:i])
            end = code.find("\n", i)
            i = start = end if end > 0 else len(code)
        elif (
            c in ("", "\n", ";", "&", "|")
            and (pipes or c != "|" or code[i - 1 : i] == "|" or code[i + 1 : i + 2] == "|")
            and not (c == "&" and code[i - 1 : i] in (">", "<"))
        ):
            out.append(code[start:i])
            start = i + 1
        i += 1
    return [piece.strip() for piece in out if piece.strip()]


def read_script(code: str, look: Look) -> str:
    """Judges a script in a shell of its own, or in the one that the code brings."""
    shell = code.shell if isinstance(code, ShellCode) else Shell(look)
    return shell.script(str(code))


__all__ = ["DECODED", "FETCHED", "Shell", "read_script"]
