"""`aj evaluate`: play any questions with any model, and say how well it did.

What is not covered: see aj/evaluation/contenders.py.
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aj.commands import Commands
from aj.errors import ParamsError

if TYPE_CHECKING:
    from aj.sqlenv.questions import Question


def register(commands: Commands) -> None:
    """Add `evaluate`."""
    parser = commands.add_parser("evaluate", help="play any questions with any model, and say how well it did")
    parser.add_argument("--model", required=True, help="adapter or model folder, .gguf, address of an endpoint, or random")
    parser.add_argument("--episodes", type=Path, required=True, help="a question set in Spider's layout, or its JSON file")
    parser.add_argument("--name", default="", help="what the endpoint calls its model")
    parser.add_argument("--key-variable", default="OPENROUTER_API_KEY", help="environment variable with the endpoint's key")
    parser.add_argument("--base", type=Path, default=Path("data/raw/base"), help="folder of an adapter's base")
    parser.add_argument("--tokenizer", type=Path, default=Path("models/merged"), help="folder of a GGUF's tokenizer")
    parser.add_argument("--split", action="append", help="of the set; may be given more than once; all where it is not given")
    parser.add_argument("-n", type=int, help="questions a split, from the first on")
    parser.add_argument("--budget", type=int, default=15, help="actions an episode")
    parser.add_argument("--max-new-tokens", type=int, default=64, help="of an action")
    parser.add_argument("--max-length", type=int, default=512, help="tokens of an episode")
    parser.add_argument("--batch-size", type=int, default=16, help="episodes at a time")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 is greedy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--system", default="", help="system message that opens every episode whose question has none")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    parser.add_argument("--transcripts", type=Path, help="write the episodes to this file, a line each")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print the table; write what was asked for."""
    from dataclasses import replace

    from aj.evaluation import harness, players, suites
    from aj.evaluation.contenders import opened
    from aj.sqlenv import questions

    usable, refused = questions.sift(given.episodes)
    asked = [q if q.system else replace(q, system=given.system) for q in usable if _wanted(q, given.split)]
    if not asked:
        known = ", ".join(sorted({q.split for q in usable if q.split_said})) or "none; leave --split out"
        raise ParamsError(f"no question of {given.episodes} has split {', '.join(given.split)}: it has {known}.")
    play = players.Play(
        budget=given.budget, max_new_tokens=given.max_new_tokens, max_length=given.max_length, batch_size=given.batch_size,
        threads=players.threads(), temperature=given.temperature, seed=given.seed, base=given.base, tokenizer=given.tokenizer, name=given.name,
        key_variable=given.key_variable,
    )  # fmt: skip
    with opened(given.model, play) as player:
        found = harness.count(given.model, play, player(suites.first_of_each_split(asked, given.n or len(asked))))
    buckets = Counter(r.bucket for r in refused)
    left = (
        f"{len(refused)} questions refused ({', '.join(f'{b} {n}' for b, n in sorted(buckets.items()))})"
        if refused
        else "no question refused"
    )
    table = f"{found.markdown()}\n\n{left}"
    print(table)
    lines = "".join(json.dumps(t, ensure_ascii=False) + "\n" for t in found.transcripts()) if given.transcripts else ""
    numbers = json.dumps({**found.numbers(), "refused": dict(sorted(buckets.items()))}, indent=1, ensure_ascii=False) + "\n"
    for file, text in ((given.json, numbers), (given.markdown, f"{table}\n"), (given.transcripts, lines)):
        if file:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", errors="surrogatepass")


def _wanted(question: "Question", splits: Sequence[str] | None) -> bool:
    return not splits or (question.split_said and question.split in splits)
