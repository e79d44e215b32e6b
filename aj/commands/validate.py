"""`aj validate`: what a validator says of a file."""

import argparse
import json
import sys
from pathlib import Path

from aj.commands import Commands
from aj.errors import DataError, ParamsError
from aj.validators.names import names


def register(commands: Commands) -> None:
    """Add `validate`."""
    parser = commands.add_parser("validate", help="what a validator says of a file; exits 1 where it does not pass")
    parser.add_argument("name", help=f"one of {', '.join(names())}")
    parser.add_argument("file", type=Path, help="the text; - reads standard input")
    parser.add_argument(
        "--context", type=Path, help="a JSON file: what the validator is given beside the text (a schema, tools, …)"
    )
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the reasons, a line each; raise DataError where there are some."""
    from aj.validators.registry import validate

    try:
        text = sys.stdin.read() if str(given.file) == "-" else given.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{given.file} cannot be read ({error}): give a text file in UTF-8.") from None
    score = validate(given.name, text, context(given.context))
    for reason in score.reasons:
        print(f"{reason.code}: {reason.detail}")
    if not score.passed:
        raise DataError(f"{given.file} does not pass {given.name}: {len(score.reasons)} reasons, value {score.value:g}.")
    print(f"{given.file} passes {given.name}")


def context(file: Path | None) -> dict[str, object]:
    """The context that a file holds. Raises ParamsError where it is no JSON object."""
    if file is None:
        return {}
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParamsError(f"--context {file} cannot be read ({error}): give a JSON object.") from None
    if not isinstance(value, dict):
        raise ParamsError(f"--context {file} holds a {type(value).__name__}: give a JSON object.")
    return value
