"""`aj release`: the commit that is checked out becomes a release, or every reason is said why it may not."""

import argparse
from pathlib import Path

from aj.commands import Commands
from aj.release.verdict import Verdict

ROOT = Path()


def register(commands: Commands) -> None:
    """Add `release`."""
    parser = commands.add_parser("release", help="tag and register the commit that is checked out, or say why not")
    parser.add_argument("--mlflow", default="", metavar="URI", help="registry; else MLFLOW_TRACKING_URI, else .aj/mlflow.db")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print what was made, and how to publish it."""
    from aj.release.publish import publish

    made = publish(ROOT.resolve(), gate=gate, uri=given.mlflow)
    for name in made.names:
        print(f"{name}")
    print(f"card: {made.card}")
    for copy in made.copies:
        print(f"with its scores: {copy}")
    for note in made.notes:
        print(f"note: {note}")
    print(f"MLflow: {made.uri}")
    print(f"publish the tags with `git push origin {' '.join(made.tags)}`.")


def gate(root: Path, candidate: str, baseline: str | None) -> Verdict:
    """What `aj gate` says of two commits; a first release is held to the limits alone, and the page says so."""
    from aj.gate import rules
    from aj.gate.evidence import Evidence
    from aj.gate.page import markdown
    from aj.gate.verdict import judge

    asked = rules.read(root / rules.RULES)
    before = Evidence(baseline, root) if baseline else None
    verdicts = judge(asked.comparisons, asked.limits, asked.level, Evidence(candidate, root), before)
    page = markdown(verdicts, candidate[:10], baseline[:10] if baseline else "nothing, it is the first release", asked.level)
    return Verdict(not any(verdict.status == "fail" for verdict in verdicts), tuple(page.splitlines()))
