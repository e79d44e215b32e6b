"""Coverage-guided fuzzing of the validators with atheris: what crashes one, and what takes it more than 100 ms.

    ulimit -v 6000000; uv run --with atheris==3.0.0 python -m bench.fuzz_validators --minutes 2 policy_safety sql_compiles

Each validator is fuzzed in a process of its own, from its labelled cases. Instrumented code is slow, so what looked slow is measured
again here, uninstrumented: the best of three, in CPU time of this process. Findings are printed and kept under --out as JSON lines.

What is not covered: contexts other than those of the cases; a text that only a slower machine finds slow.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.validators.edits import edited
from tests.validators.labelled import labelled

SLOW = 0.1  # seconds
SUSPECT = 0.1  # seconds with instrumentation
MOST_SUSPECTS = 60


def contexts(name: str) -> list[dict[str, Any]]:
    """The contexts of a validator's cases, each once; the first is empty."""
    found = {json.dumps(case.get("context") or {}, sort_keys=True): case.get("context") or {} for case in labelled()[name]}
    return [{}, *(context for context in found.values() if context)]


def mutated(data: bytes, most: int, seed: int, others: Sequence[str]) -> bytes:
    """atheris' turned bytes; or words and lines changed, which gets past the first checks; or, now and then, a piece of the input many
    times over: growth by single bytes never comes near the longest text."""
    import atheris

    chance = random.Random(seed)
    if chance.random() < 0.5:
        return (data[:1] + edited(chance, data[1:].decode("utf-8", "ignore"), chance.choice(others)).encode("utf-8", "ignore"))[
            :most
        ]
    if chance.random() < 0.7 or len(data) < 4:
        return bytes(atheris.Mutate(data, most))
    start = chance.randrange(1, len(data))
    piece = data[start : start + chance.choice([1, 2, 3, 5, 8, 20, 60])]
    many = piece * chance.randrange(2, max(3, 20_000 // max(1, len(piece))))
    return (data[:start] + many + data[start:])[:most]


def fuzz(name: str, seconds: int, out: Path) -> None:
    """Fuzzes one validator until the time is over; never returns. Suspects go to ``out``, a line each."""
    import atheris

    with atheris.instrument_imports(include=["aj.validators"]):
        from aj.validators.registry import LONGEST, find, validate

        find(name)
        for case in labelled()[name]:  # imports what is imported late
            validate(name, case["text"], case.get("context"))
    known, suspects, crashes = contexts(name), 0, set[str]()

    def once(data: bytes) -> None:
        nonlocal suspects
        text = data[1:].decode("utf-8", "ignore")[:LONGEST]
        context = known[data[0] % len(known)] if data else {}
        start = time.process_time()
        score = validate(name, text, context)
        taken = time.process_time() - start
        what = f"crashed: {score.reasons[0].detail}" if score.crashed else ""
        if not what and data[-1:] < b"\x10" and validate(name, text, context) != score:
            what = "judged differently the second time"
        new = what.split("(")[-1][:60] not in crashes if what else taken > SUSPECT and suspects < MOST_SUSPECTS
        if new:
            crashes.add(what.split("(")[-1][:60])
            suspects += not what
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"validator": name, "what": what, "text": text, "context": context}) + "\n")

    with tempfile.TemporaryDirectory() as corpus:
        for number, case in enumerate(labelled()[name]):
            at = known.index(case.get("context") or {})
            Path(corpus, str(number)).write_bytes(bytes([at % 256]) + case["text"].encode("utf-8", "ignore"))
        options = [f"-max_total_time={seconds}", "-max_len=20000", "-len_control=0", "-timeout=30", "-rss_limit_mb=4000"]
        options += [f"-artifact_prefix={out.parent}/{name}-", "-verbosity=0", "-print_final_stats=1"]
        texts = [case["text"] for case in labelled()[name]]
        atheris.Setup([sys.argv[0], *options, corpus], once, custom_mutator=partial(mutated, others=texts))
        atheris.Fuzz()


def measured(name: str, text: str, context: dict[str, Any]) -> float:
    """Seconds that a text takes, the best of three."""
    from aj.validators.registry import validate

    best = 9.0
    for _ in range(3):
        start = time.process_time()
        validate(name, text, context)
        best = min(best, time.process_time() - start)
    return best


def report(out: Path) -> None:
    """Prints what was found: every crash, and each suspect that is slow here too."""
    for line in out.read_text(encoding="utf-8").splitlines() if out.exists() else ():
        found = json.loads(line)
        seconds = measured(found["validator"], found["text"], found["context"])
        if found["what"] or seconds > SLOW:
            print(f"{found['validator']}: {found['what'] or f'{seconds * 1e3:.0f} ms'}: {found['text'][:200]!r}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="validators; all where none is named")
    parser.add_argument("--minutes", type=float, default=1.0, help="for each validator")
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir(), "aj-fuzz"))
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)  # the process of one validator
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    unknown = set(arguments.names) - labelled().keys()
    if unknown:
        parser.error(f"no validator is called {', '.join(sorted(unknown))}: known are {', '.join(sorted(labelled()))}")
    for name in arguments.names or sorted(labelled()):
        out = arguments.out / f"{name}.jsonl"
        if arguments.alone:
            fuzz(name, int(arguments.minutes * 60), out)
        out.unlink(missing_ok=True)
        command = [sys.executable, "-m", "bench.fuzz_validators", "--alone", "--minutes", str(arguments.minutes)]
        done = subprocess.run([*command, "--out", str(arguments.out), name], capture_output=True, text=True, check=False)
        runs = next((line for line in done.stderr.splitlines() if "number_of_executed_units" in line), done.stderr[-500:])
        print(f"{name}: {runs}", flush=True)
        report(out)


if __name__ == "__main__":
    main()
