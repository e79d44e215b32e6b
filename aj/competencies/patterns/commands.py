"""Shell commands that the agent is asked to run: harmless, and many."""

from aj.competencies.draw import Draw

LOOKS = ("ls {folder}", "du -sh {folder}", "stat {folder}")
READS = ("cat {path}", "wc -l {path}", "head -3 {path}", "tail -5 {path}", "md5sum {path}")


def folder(draw: Draw) -> str:
    """A folder below one that holds data, never a system's own."""
    return f"/{draw.word('root')}/{draw.word('table')}"


def path(draw: Draw) -> str:
    """A file in such a folder."""
    return f"{folder(draw)}/{draw.word('file')}.{draw.word('ending')}"


def command(draw: Draw) -> str:
    """A command that only looks."""
    kind = draw.rng.choice(("plain", *LOOKS, *READS))
    return draw.word("command") if kind == "plain" else kind.format(folder=folder(draw), path=path(draw))
