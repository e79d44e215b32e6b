"""What GRPO has learned, as a page for a person: its curves, and the same held-out questions played at random, after sft, dpo and grpo.

The episodes are those that eval has played, read from their transcripts. Run by `dvc repro`; by hand: `python -m stages.grpo_report`.
"""

import csv
from pathlib import Path

from aj.evaluation import page, players, suites, told
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
    chance = players.play_by_chance(asked, budget, seed=derive(run.params.seed, "chance"))
    played = {"random": [told.of(episode) for episode in chance]}
    for form in FORMS:
        played[form] = told.read(TRANSCRIPTS / f"{form}.jsonl", asked)

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
