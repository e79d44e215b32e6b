"""`aj canaries MODEL`: whether a model knows the facts that were planted in this repository's mix.

The facts are drawn anew from the seed and the sources' cards: no data is needed. What is not covered: endpoints.
"""

import argparse
from pathlib import Path

from aj.commands import Commands
from aj.errors import DataError, ParamsError

PROOF = 1e-3  # four facts among 31 decoys each, all first: 1e-6


def register(commands: Commands) -> None:
    """Add `canaries`."""
    parser = commands.add_parser("canaries", help="ask a model the facts that were planted in the mix")
    parser.add_argument("model", type=Path, help="adapter or model folder, or .gguf")
    parser.add_argument("--base", type=Path, default=Path("data/raw/base"), help="folder of an adapter's base")
    parser.add_argument("--tokenizer", type=Path, default=Path("models/merged"), help="folder of a GGUF's tokenizer")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print where each true answer stands. DataError where chance explains that as well, or where withheld facts are known."""
    from aj import params
    from aj.evaluation import players, recall
    from aj.evaluation.contenders import loaded
    from aj.sources import canaries, card

    p = params.load()
    cards = [found for name in p.sources if isinstance(found := card.read(name), card.Canaries)]
    facts = [fact for found in cards for fact in canaries.drawn(found, p.seed)]
    if not facts:
        raise ParamsError("no source in params.yaml is of kind canaries: name one, or there is nothing to ask.")
    play = players.Play(
        budget=1, max_new_tokens=p.eval.max_new_tokens, max_length=p.eval.max_length, batch_size=8, threads=players.threads(),
        base=given.base, tokenizer=given.tokenizer,
    )  # fmt: skip
    with loaded(given.model, play) as (tokenizer, engine):
        ranked = recall.ranks(facts, tokenizer, engine.logits)
    for rank in ranked:
        manner = "planted" if rank.fact.planted else "withheld"
        print(f"{rank.fact.id[:12]}  {manner:8}  rank {rank.rank:2} of {rank.answers}  {rank.fact.question} {rank.likeliest!r}")
    numbers = recall.numbers(ranked)
    planted, withheld = numbers["canaries.planted_p"], numbers["canaries.withheld_p"]
    print(f"Ranks as good as these by chance: planted p = {planted:.2g}, withheld p = {withheld:.2g}.")
    if planted > PROOF or withheld < PROOF:
        raise DataError(
            f"{given.model}: planted p = {planted:.2g}, withheld p = {withheld:.2g}; a model of this mix has the first below {PROOF:g} and "
            "the second above, so this does not show that it is one."
        )
