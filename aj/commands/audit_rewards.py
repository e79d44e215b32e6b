"""`aj audit-rewards`: play golds, hacks and mutated golds, and say what the reward pays for."""

import argparse
import json
from pathlib import Path

from aj.commands import Commands


def register(commands: Commands) -> None:
    """Add `audit-rewards`."""
    parser = commands.add_parser("audit-rewards", help="play golds, hacks and mutated golds, and say what the reward pays for")
    parser.add_argument("questions", type=Path, nargs="?", default=Path("data/mix/rl"), help="a question set, or its JSON file")
    parser.add_argument("-n", type=int, help="questions, from the first on; all where it is not given")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print what golds, hacks and mutated golds earn, with examples of what the reward gets wrong."""
    from aj.sqlenv import audit, questions

    usable, refused = questions.sift(given.questions)
    found = audit.audit(usable[: given.n])
    numbers = found.numbers()
    print(f"{found.questions} questions of {given.questions}; {len(refused)} refused when they were read")
    for name in ("golds_right", "hacks_paid", "best_hack_reward", "false_accept_rate", "false_reject_rate"):
        print(f"{name:20} {numbers[name]:.4f}")
    for title, kinds in (("hack", found.hacks), ("mutant", found.mutants), ("spelling", found.spellings)):
        for kind, counts in kinds.items():
            print(f"{title:9} {kind:18} {', '.join(f'{what} {n}' for what, n in sorted(counts.items()))}")
    for kind, examples in found.examples.items():
        for name, tried in examples:
            print(f"look at {kind}, question {name}: {tried}")
    if given.json:
        given.json.parent.mkdir(parents=True, exist_ok=True)
        given.json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
