"""`aj play GGUF`: SQLEnv episodes with a quantized model, as a person reads them."""

import argparse
from pathlib import Path

from aj.commands import Commands
from aj.commands.parameters import PARAMS


def register(commands: Commands) -> None:
    """Add `play`."""
    parser = commands.add_parser("play", help="play SQLEnv episodes with a GGUF and show them")
    parser.add_argument("model", type=Path, help="models/gguf/q4km/AJ-….gguf, say")
    parser.add_argument("--questions", type=Path, default=Path("data/mix/eval"), help="a folder in Spider's layout")
    parser.add_argument("--split", default="unseen_schemas")
    parser.add_argument("-n", type=int, default=3, help="episodes")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> None:
    """Print whole episodes: question, actions, what the environment said, and whether the answer was right."""
    from aj import params
    from aj.evaluation.llama_engine import LlamaEngine
    from aj.sources.base import load_tokenizer
    from aj.sqlenv import questions
    from aj.sqlenv.rollout import Roller

    p = params.load(PARAMS)
    asked = [q for q in questions.load(given.questions) if q.split == given.split][: given.n]
    roller = Roller(
        load_tokenizer(Path("models/merged")),
        budget=p.eval.budget,
        max_new_tokens=p.eval.max_new_tokens,
        max_length=p.eval.max_length,
    )
    with LlamaEngine(given.model, threads=p.compute.threads, max_length=p.eval.max_length, parallel=1) as engine:
        print(f"{engine.metadata.get('aj.name', given.model.name)} on {len(asked)} questions of {given.split}")
        for episode in roller.play(asked, engine.generate):
            print(f"\n{episode.question.messages[-1]['content']}")
            for action, seen in zip(episode.actions, episode.observations, strict=True):
                print(f"  > {action}\n    " + seen.replace("\n", "\n    "))
            print(f"  {'right' if episode.env.correct else 'wrong'}; gold: {episode.question.gold_sql}")
