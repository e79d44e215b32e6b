"""Redirections and here-documents: what a command reads, and where its output goes.

What is not covered: descriptors above 2, and <> .
"""

import re
from typing import TYPE_CHECKING

from aj.validators.shell.host import Shell
from aj.validators.shell.tree import text_of
from aj.validators.shell.values import UNKNOWN
from aj.validators.shell.words import expand_text

if TYPE_CHECKING:
    from tree_sitter import Node

REMOTE_SHELL = re.compile(r"/dev/(?:tcp|udp)/")


def input_of(redirect: "Node", stdin: str, shell: Shell) -> str:
    """What a redirection gives to read, ``stdin`` where it gives nothing."""
    if redirect.type == "herestring_redirect":
        return expand_text(text_of(redirect).removeprefix("<<<").strip(), shell)
    if redirect.type == "heredoc_redirect":
        start = next((text_of(child) for child in redirect.named_children if child.type == "heredoc_start"), "")
        body = "".join(text_of(child) for child in redirect.named_children if child.type == "heredoc_body")
        return body if re.search(r"['\"\\]", start) else expand_text(body, shell, quoted=True, heredoc=True)
    source = text_of(redirect)
    if redirect.type == "file_redirect" and re.match(r"\d?<[^&]", source):
        target = redirect.child_by_field_name("destination")
        name = expand_text(text_of(target), shell) if target is not None else ""
        return shell.files.get(name, UNKNOWN)
    return stdin


def output_to(redirect: "Node", out: str, shell: Shell) -> str:
    """Writes output where a redirection sends it; what is left for the pipe."""
    if redirect.type != "file_redirect":
        return out
    operator = next((child.type for child in redirect.children if not child.is_named), "")
    target = redirect.child_by_field_name("destination")
    if target is None or operator in ("<", "<&", ">&-", "<&-"):
        return out
    name = expand_text(text_of(target), shell)
    if REMOTE_SHELL.search(name) and out is not None:
        shell.look.found("remote_code", "a shell wired to a network address")
    descriptor = next((text_of(child) for child in redirect.children if child.type == "file_descriptor"), "1")
    if operator == ">&" and name.isdigit():
        return out
    shell.write(name, out, operator not in (">>", "&>>"))
    return "" if descriptor == "1" else out
