"""The `aj` command: what is not a stage.

aj use PROFILE     write params.yaml from profiles/PROFILE.yaml and show what changed
aj check           read params.yaml and say everything that is wrong with it
aj play GGUF       play SQLEnv episodes with a quantized model and show them
aj evaluate        play any questions with any model, and say how well it did
aj replay FILE     play the transcripts of an evaluation again and compare every byte
aj audit-rewards   play golds, hacks and mutated golds, and say what the reward pays for
aj teach SOURCE    have the teacher of a source's card play tasks, and keep its raw episodes beside the card
"""

import argparse
import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aj import params
from aj.errors import AJError, EpisodeError, ParamsError

PROFILES, PARAMS = Path("profiles"), Path("params.yaml")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it did what was asked, 1 with one sentence a problem when not."""
    parser = argparse.ArgumentParser(prog="aj", description="What is not a stage; the pipeline itself is `dvc repro`.")
    commands = parser.add_subparsers(dest="command", required=True)
    use_ = commands.add_parser("use", help="write params.yaml from a profile and show what changed")
    use_.add_argument("profile", help="a file of profiles/, without .yaml")
    commands.add_parser("check", help="read params.yaml and say everything that is wrong with it")
    play_ = commands.add_parser("play", help="play SQLEnv episodes with a GGUF and show them")
    play_.add_argument("model", type=Path, help="models/gguf/q4km/AJ-….gguf, say")
    play_.add_argument("--questions", type=Path, default=Path("data/mix/eval"), help="a folder in Spider's layout")
    play_.add_argument("--split", default="unseen_schemas")
    play_.add_argument("-n", type=int, default=3, help="episodes")
    teach_ = commands.add_parser("teach", help="have a source's teacher play tasks and keep its raw episodes beside the card")
    teach_.add_argument("source", help="a folder of data/sources whose card is of kind episodes and names a teacher")
    teach_.add_argument("tasks", type=Path, help="a question set such as data/mix/rl, or a .jsonl of recorded tasks")
    teach_.add_argument("-n", type=int, help="tasks, from the first on; all where it is not given")
    evaluate_ = commands.add_parser("evaluate", help="play any questions with any model, and say how well it did")
    evaluate_.add_argument("--model", required=True, help="adapter or model folder, .gguf, address of an endpoint, or random")
    evaluate_.add_argument("--episodes", type=Path, required=True, help="a question set in Spider's layout, or its JSON file")
    evaluate_.add_argument("--name", default="", help="what the endpoint calls its model")
    evaluate_.add_argument("--key-variable", default="OPENROUTER_API_KEY", help="environment variable with the endpoint's key")
    evaluate_.add_argument("--base", type=Path, default=Path("data/raw/base"), help="folder of an adapter's base")
    evaluate_.add_argument("--tokenizer", type=Path, default=Path("models/merged"), help="folder of a GGUF's tokenizer")
    evaluate_.add_argument("--split", action="append", help="of the set; may be given more than once; all where it is not given")
    evaluate_.add_argument("-n", type=int, help="questions a split, from the first on")
    evaluate_.add_argument("--budget", type=int, default=15, help="actions an episode")
    evaluate_.add_argument("--max-new-tokens", type=int, default=64, help="of an action")
    evaluate_.add_argument("--max-length", type=int, default=512, help="tokens of an episode")
    evaluate_.add_argument("--batch-size", type=int, default=16, help="episodes at a time")
    evaluate_.add_argument("--temperature", type=float, default=0.0, help="0 is greedy")
    evaluate_.add_argument("--seed", type=int, default=0)
    evaluate_.add_argument("--system", default="", help="system message that opens every episode whose question has none")
    evaluate_.add_argument("--json", type=Path, help="write the numbers to this file")
    evaluate_.add_argument("--markdown", type=Path, help="write the table to this file")
    evaluate_.add_argument("--transcripts", type=Path, help="write the episodes to this file, a line each")
    replay_ = commands.add_parser("replay", help="play transcripts again and compare every byte")
    replay_.add_argument("transcripts", type=Path, help="what `aj evaluate --transcripts` wrote")
    replay_.add_argument("--episodes", type=Path, required=True, help="the question set they were played on")
    audit_ = commands.add_parser("audit-rewards", help="play golds, hacks and mutated golds, and say what the reward pays for")
    audit_.add_argument("questions", type=Path, nargs="?", default=Path("data/mix/rl"), help="a question set, or its JSON file")
    audit_.add_argument("-n", type=int, help="questions, from the first on; all where it is not given")
    audit_.add_argument("--json", type=Path, help="write the numbers to this file as well")
    given = parser.parse_args(argv)
    try:
        match given.command:
            case "use":
                use(given.profile)
            case "check":
                params.load(PARAMS)
                print(f"{PARAMS} is complete and consistent.")
            case "play":
                play(given.model, given.questions, given.split, given.n)
            case "evaluate":
                evaluate(given)
            case "replay":
                replay(given.transcripts, given.episodes)
            case "audit-rewards":
                audit_rewards(given.questions, given.n, given.json)
            case "teach":
                teach(given.source, given.tasks, given.n)
    except AJError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def use(profile: str) -> None:
    """Copy a profile, comments and all, over params.yaml; print each value that changed."""
    path = PROFILES / f"{profile}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in PROFILES.glob("*.yaml")))
        raise ParamsError(f"profile {profile!r} does not exist: choose one of {known}.")
    params.load(path)  # a profile that cannot run is refused before anything is overwritten
    before = dict(_leaves(params.read_yaml(PARAMS))) if PARAMS.is_file() else {}
    after = dict(_leaves(params.read_yaml(path)))
    shutil.copyfile(path, PARAMS)
    changed = [k for k in {**before, **after} if before.get(k) != after.get(k)]
    for key in changed:
        print(f"{key}: {before.get(key, '(absent)')} -> {after.get(key, '(absent)')}")
    print(f"{PARAMS} is now {path} ({len(changed)} values changed).")


def play(model: Path, folder: Path, split: str, count: int) -> None:
    """Print whole episodes: question, actions, what the environment said, and whether the answer was right."""
    from aj.evaluation.llama_engine import LlamaEngine
    from aj.sources.base import load_tokenizer
    from aj.sqlenv import questions
    from aj.sqlenv.rollout import Roller

    p = params.load(PARAMS)
    asked = [q for q in questions.load(folder) if q.split == split][:count]
    roller = Roller(
        load_tokenizer(Path("models/merged")),
        budget=p.eval.budget,
        max_new_tokens=p.eval.max_new_tokens,
        max_length=p.eval.max_length,
    )
    with LlamaEngine(model, threads=p.compute.threads, max_length=p.eval.max_length, parallel=1) as engine:
        print(f"{engine.metadata.get('aj.name', model.name)} on {len(asked)} questions of {split}")
        for episode in roller.play(asked, engine.generate):
            print(f"\n{episode.question.messages[-1]['content']}")
            for action, seen in zip(episode.actions, episode.observations, strict=True):
                print(f"  > {action}\n    " + seen.replace("\n", "\n    "))
            print(f"  {'right' if episode.env.correct else 'wrong'}; gold: {episode.question.gold_sql}")


def evaluate(given: argparse.Namespace) -> None:
    """Print the table; write what was asked for."""
    from dataclasses import replace

    from aj.evaluation import harness, players, suites
    from aj.evaluation.contenders import opened
    from aj.sqlenv import questions

    usable, refused = questions.sift(given.episodes)
    asked = [q if q.system else replace(q, system=given.system) for q in usable if not given.split or q.split in given.split]
    if not asked:
        raise ParamsError(
            f"no question of {given.episodes} has split {', '.join(given.split)}: it has {', '.join(sorted({q.split for q in usable}))}."
        )
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


def replay(file: Path, path: Path) -> None:
    """Print how many transcripts replay; the first that does not is an error."""
    from aj.sqlenv import questions, transcript

    known = {q.id: q for q in questions.sift(path)[0]}
    found = [json.loads(line) for line in file.read_text(encoding="utf-8", errors="surrogatepass").splitlines()]
    for one in found:
        if one["question"] not in known:
            raise EpisodeError(
                f"transcript of question {one['question']!r}: {path} has no such question; give the set it was played on."
            )
        transcript.replay(one, known[one["question"]])
    print(f"{len(found)} transcripts replay, every byte the same.")


def audit_rewards(path: Path, count: int | None, out: Path | None) -> None:
    """Print what golds, hacks and mutated golds earn, with examples of what the reward gets wrong."""
    from aj.sqlenv import audit, questions

    usable, refused = questions.sift(path)
    found = audit.audit(usable[:count])
    numbers = found.numbers()
    print(f"{found.questions} questions of {path}; {len(refused)} refused when they were read")
    for name in ("golds_right", "hacks_paid", "best_hack_reward", "false_accept_rate", "false_reject_rate"):
        print(f"{name:20} {numbers[name]:.4f}")
    for title, kinds in (("hack", found.hacks), ("mutant", found.mutants), ("spelling", found.spellings)):
        for kind, counts in kinds.items():
            print(f"{title:9} {kind:18} {', '.join(f'{what} {n}' for what, n in sorted(counts.items()))}")
    for kind, examples in found.examples.items():
        for name, tried in examples:
            print(f"look at {kind}, question {name}: {tried}")
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


def teach(source: str, tasks: Path, count: int | None) -> None:
    """Append raw episodes to data/sources/SOURCE/episodes.jsonl and print what became of the tasks; a second call goes on."""
    from aj.sources import card as cards
    from aj.sources import teacher, worlds

    card = cards.read(source)
    if not isinstance(card, cards.Episodes) or card.teacher is None:
        raise ParamsError(
            f"source {source!r} has no teacher: give {cards.CARDS / source / 'source.yaml'} kind episodes and a teacher with base_url and model."
        )
    found = worlds.recorded_tasks(tasks) if tasks.suffix == ".jsonl" else worlds.sql_tasks(tasks)
    out = cards.CARDS / source / "episodes.jsonl"
    account = teacher.collect(card.teacher, found[:count], out)
    print(f"{out}: {', '.join(f'{key} {number}' for key, number in account.items())}")


def _leaves(tree: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _leaves(value, f"{at}.{key}" if at else str(key))
    else:
        yield at, tree


if __name__ == "__main__":
    sys.exit(main())
