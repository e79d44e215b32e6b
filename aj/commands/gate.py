"""`aj gate --against REV`: whether the model in the working tree may get out."""

import argparse
from pathlib import Path

from aj.commands import Commands


def register(commands: Commands) -> None:
    """Add `gate`."""
    parser = commands.add_parser("gate", help="judge the evaluated model against a revision; exits 1 where it is worse")
    parser.add_argument(
        "--against", required=True, metavar="REV", help="a commit, tag or branch whose dvc.lock says what was evaluated"
    )
    parser.add_argument("--rules", type=Path, default=Path("data/gate.yaml"))
    parser.add_argument("--markdown", type=Path, help="write the page to this file as well, for a pull request")
    parser.add_argument("--json", type=Path, help="write every verdict and every flipped item to this file")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the page; raise GateError where a rule failed."""
    from aj.gate import rules
    from aj.gate.evidence import Evidence, GateError
    from aj.gate.page import markdown
    from aj.gate.verdict import judge

    asked = rules.read(given.rules)
    candidate, baseline = Evidence(), Evidence(given.against)
    verdicts = judge(asked.comparisons, asked.limits, asked.level, candidate, baseline)
    page = markdown(verdicts, candidate.name.capitalize(), baseline.name, asked.level)
    print(page)
    _write(given.markdown, f"{page}\n")
    if given.json:
        import dataclasses
        import json

        _write(given.json, json.dumps([dataclasses.asdict(v) for v in verdicts], indent=1, ensure_ascii=False) + "\n")
    if failed := [v for v in verdicts if v.status == "fail"]:
        raise GateError(
            f"{len(failed)} of {len(verdicts)} rules failed, the first is {failed[0].metric} of {failed[0].form}: {failed[0].reason}"
        )


def _write(file: Path | None, text: str) -> None:
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", errors="surrogatepass")
