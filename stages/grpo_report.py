"""What GRPO has learned, as a page for a person: its curves, and the same held-out questions played at random, after sft, dpo and grpo.

The episodes are those that eval has played: their actions are played again. Run by `dvc repro`; by hand: `python -m stages.grpo_report`.
"""

import csv
import json
from pathlib import Path

from aj.errors import DataError
from aj.evaluation import page, players, suites
from aj.params import derive
from aj.sqlenv import questions
from aj.stage import Run, seal

QUESTIONS, TRANSCRIPTS, CURVE = Path("data/mix/eval"), Path("metrics/transcripts"), Path("metrics/curves/grpo.csv")
FORMS = ("sft", "dpo", "grpo")


def main(run: Run) -> None:
    # 1. The questions that every form was asked.
    asked = suites.first_of_each_split(questions.load(QUESTIONS), run.params.eval.episodes)

    # 2. Chance, and what the model did after each stage.
    budget = run.params.eval.budget
    played = {"random": players.play_by_chance(asked, budget, seed=derive(run.params.seed, "chance"))}
    for form in FORMS:
        lines = (TRANSCRIPTS / f"{form}.jsonl").read_text(encoding="utf-8").splitlines()
        recorded = {t["question"]: [step["action"] for step in t["steps"]] for t in map(json.loads, lines)}
        if missing := [q.id for q in asked if q.id not in recorded]:
            raise DataError(f"{form} was not asked question {missing[0]!r}: run eval again.")
        played[form] = players.play_again(asked, budget, recorded)

    # 3. The page.
    with CURVE.open(newline="", encoding="utf-8") as stream:
        curve = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(stream)]
    folder = run.out("metrics/grpo_report")
    folder.mkdir()
    page.write(
        folder / "index.html", title=f"GRPO on SQLEnv, {run.params.code} {run.params.version}", players=played, curve=curve
    )


if __name__ == "__main__":
    seal("grpo_report", main)
