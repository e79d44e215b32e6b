"""Both sides of a review, from git and DVC: the working tree, and where its branch left the revision that it is compared with."""

import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj.review import gate, lock, metrics, page, plots
from aj.review.errors import ReviewError

WORKSPACE = "workspace"
Numbers = dict[str, dict[str, float]]
"""File -> flat key -> number."""


@dataclass(frozen=True)
class Review:
    """What was found, and the page about it."""

    markdown: str
    lock: lock.Lock
    gate: gate.Gate


def review(against: str, out: Path | None) -> Review:
    """Compare the repository here. ``out``: a folder for the page of plots.

    Needs no data, no credentials and no network. Raises ReviewError where there is no such revision, or DVC cannot read a side.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    base = merge_base(against)
    try:
        with _quiet(), Repo(".") as repo:
            found = lock.look(repo)
            parameters, unread = _moved(repo, base)
            (before, after), more = _metrics(repo, base)
            drawn = plots.draw(repo, [base, WORKSPACE]) if out else []
    except DvcException as error:
        raise ReviewError(f"DVC cannot compare this with {against!r}: {_line(error)}.") from None
    title = f"Review against {against} ({base[:8]})"
    pictures = [f"{len(drawn)} plots: {plots.write(drawn, title, out)}"] if out else ["Not drawn: `--plots FOLDER` draws them."]
    unread = [*unread, *more, *(f"{plot.name}: {problem}" for plot in drawn for problem in plot.problems)]
    judged = gate.judge(base)
    rows = metrics.rows(before, after)
    return Review(page.markdown(title, found, parameters, rows, judged, pictures, unread), found, judged)


def plots_of(revisions: Sequence[str], out: Path) -> tuple[list[plots.Drawn], Path]:
    """The plots of some revisions, and the page that was written. Raises ReviewError where DVC knows no such revision."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with _quiet(), Repo(".") as repo:
            drawn = plots.draw(repo, revisions)
    except DvcException as error:
        raise ReviewError(f"DVC cannot draw {', '.join(revisions)}: {_line(error)}.") from None
    return drawn, plots.write(drawn, f"Plots of {', '.join(revisions)}", out)


def merge_base(against: str) -> str:
    """The commit where this branch left ``against``: what others did there since is no part of a review."""
    done = subprocess.run(["git", "merge-base", "HEAD", against], capture_output=True, text=True, check=False)
    if done.returncode:
        why = done.stderr.strip().removeprefix("fatal: ") or "no common commit"
        raise ReviewError(
            f"this cannot be compared with {against!r} ({why}): give a revision that is here, or fetch it with its history (`git fetch --unshallow`)."
        )
    return done.stdout.strip()


@contextmanager
def _quiet() -> Iterator[None]:
    # DVC prints and logs while it compares; stdout is the page's. What it warns of is in what it returns.
    loggers = [logging.getLogger(name) for name in ("dvc", "dvc_objects", "dvc_data")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _moved(repo: Any, base: str) -> tuple[page.Parameters, list[str]]:
    found = repo.params.diff(a_rev=base)
    moved = {
        file: {key: (side.get("old"), side.get("new")) for key, side in keys.items()}
        for file, keys in found.get("diff", {}).items()
    }
    return moved, list(_unread(found.get("errors", {})))


def _metrics(repo: Any, base: str) -> tuple[tuple[Numbers, Numbers], list[str]]:
    found = repo.metrics.show(revs=[base, WORKSPACE], hide_workspace=False)
    unread: list[str] = []
    sides: list[Numbers] = []
    for revision in (base, WORKSPACE):
        side: Numbers = {}
        content = found.get(revision, {})
        errors = {revision: content["error"]} if "error" in content else {}
        for file, read in content.get("data", {}).items():
            if "error" in read:
                errors[f"{revision[:9]}: {file}"] = read["error"]
            else:
                side[file] = dict(_numbers(read["data"]))
        unread += _unread(errors)
        sides.append(side)
    return (sides[0], sides[1]), unread


def _numbers(tree: Any, at: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _numbers(value, f"{at}.{key}" if at else str(key))
    elif isinstance(tree, int | float):
        yield at, tree


def _unread(errors: Mapping[str, Any]) -> Iterator[str]:
    for where, error in sorted(errors.items()):
        if isinstance(error, dict):
            yield from (f"{where[:9]}: {file}: {_line(what)}" for file, what in sorted(error.items()))
        else:
            yield f"{where}: {_line(error)}"


def _line(error: object) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
