"""The whole chain with other seeds: how much GRPO raises accuracy on unseen schemas over SFT, and how far seeds differ.

    uv run python -m bench.seeds 17 18 19      # needs the outputs of `dvc repro`; about twenty minutes for each further seed on two cores

Every seed trains everything anew (base, data, sft, dpo, grpo) in a clone of HEAD; the seed of params.yaml is read from the outputs
here. A gain has the interval of its own questions (paired: the same questions before and after); the mean of the seeds' gains
stands with the smallest and the largest, because three are too few for an interval of their own.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from aj import params
from aj.evaluation.suites import HEADLINE

FORMS = ("sft", "dpo", "grpo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="+")
    own = params.load().seed
    gains = []
    print("| seed | sft | dpo | grpo | gain over sft | sft, sampled | grpo, sampled |\n|---|---|---|---|---|---|---|", flush=True)
    for seed in parser.parse_args().seeds:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path() if seed == own else trained(seed, Path(scratch) / "aj")
            gains.append(gain(folder))
            print(row(seed, folder, *gains[-1]), flush=True)
    points = [100 * value for value, _ in gains]
    print(f"\ngain over sft: mean {mean(points):.1f} points of {len(points)} seeds ({min(points):.1f} to {max(points):.1f})")


def trained(seed: int, folder: Path) -> Path:
    """A clone in which the chain has run with this seed."""
    subprocess.run(["git", "clone", "--quiet", ".", str(folder)], check=True)
    file = folder / "params.yaml"
    file.write_text(re.sub(r"(?m)^seed: \d+", f"seed: {seed}", file.read_text(encoding="utf-8")), encoding="utf-8")
    targets = [f"eval@{form}" for form in FORMS]
    with (folder / "seed.log").open("w") as log:
        subprocess.run([sys.executable, "-m", "dvc", "repro", *targets], cwd=folder, check=True, stdout=log, stderr=log)
    return folder


def gain(folder: Path) -> tuple[float, float]:
    """(gain, half of its 95 % interval): the mean over questions of right after grpo minus right after sft."""
    before, after = right(folder, "sft"), right(folder, "grpo")
    changes = [after[question] - before[question] for question in before]
    return mean(changes), 1.96 * stdev(changes) / len(changes) ** 0.5


def right(folder: Path, form: str) -> dict[str, int]:
    """Question of the headline split -> whether it was answered right, greedily."""
    lines = (folder / f"metrics/transcripts/{form}.jsonl").read_text(encoding="utf-8").splitlines()
    return {t["question"]: int(t["correct"]) for t in map(json.loads, lines) if t["split"] == HEADLINE}


def row(seed: int, folder: Path, value: float, half: float) -> str:
    """A row of the table: accuracies with their intervals, n = 600."""
    found: dict[str, dict[str, Any]] = {f: json.loads((folder / f"metrics/eval_{f}.json").read_text()) for f in FORMS}

    def cell(form: str, kind: str = "") -> str:
        accuracy, low, high = (found[form][f"{HEADLINE}.{kind}{column}"] for column in ("accuracy", "low", "high"))
        return f"{accuracy:.3f} ({low:.3f} to {high:.3f})"

    gained = f"{value:+.3f} ({value - half:+.3f} to {value + half:+.3f})"
    greedy = " | ".join(cell(form) for form in FORMS)
    return f"| {seed} | {greedy} | {gained} | {cell('sft', 'sampled_')} | {cell('grpo', 'sampled_')} |"


if __name__ == "__main__":
    main()
