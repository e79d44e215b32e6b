"""`aj review`: what a pull request changes, as Markdown; `aj plots`: the plots as a page that opens without a network."""

import argparse
from pathlib import Path

from aj.commands import Commands


def register(commands: Commands) -> None:
    """Add `review` and `plots`."""
    parser = commands.add_parser("review", help="dvc.lock, parameters, metrics, gate and plots against a revision, as Markdown")
    parser.add_argument(
        "--against", default="main", metavar="REV", help="compare with where this branch left REV (default: main)"
    )
    parser.add_argument("--markdown", type=Path, help="write the page to this file as well")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw the plots of both sides into FOLDER/index.html")
    parser.set_defaults(run=review)
    pictures = commands.add_parser("plots", help="the plots of dvc.yaml as a page that opens without a network")
    pictures.add_argument("revisions", nargs="*", metavar="REV", help="drawn over each other; what lies here where none is given")
    pictures.add_argument("--out", type=Path, default=Path("dvc_plots"), metavar="FOLDER")
    pictures.set_defaults(run=plots)


def review(given: argparse.Namespace) -> None:
    """Print the page; raise ReviewError where dvc.lock is stale or the gate failed."""
    from aj.review import compare
    from aj.review.errors import ReviewError

    found = compare.review(given.against, given.plots)
    print(found.markdown, end="")
    if given.markdown:
        given.markdown.parent.mkdir(parents=True, exist_ok=True)
        given.markdown.write_text(found.markdown, encoding="utf-8")
    if not found.lock.current():
        raise ReviewError(
            f"dvc.lock is stale ({', '.join(found.lock.stale)}): run `uv run dvc repro` and commit what it changes."
        )
    if found.gate.status == "fail":
        raise ReviewError("the gate failed: the page says which rule.")


def plots(given: argparse.Namespace) -> None:
    """Draw the plots; raise ReviewError where one could not be drawn."""
    from aj.review import compare
    from aj.review.errors import ReviewError

    drawn, page = compare.plots_of(given.revisions or [compare.WORKSPACE], given.out)
    print(page)
    if problems := [f"{plot.name}: {problem}" for plot in drawn for problem in plot.problems]:
        raise ReviewError(f"{len(problems)} plots are not whole: {'; '.join(problems)}.")
