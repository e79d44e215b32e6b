"""What the judges get wrong: SQLEnv's reward on golds, hacks and mutants; the validators on labelled cases; tasks on empty answers.

Not one of the eight stages that make the model: it measures those that decide what the model learns.
Run by `dvc repro`; by hand: `python -m stages.audit`.
"""

from pathlib import Path

from tqdm import tqdm

from aj.competencies.judge import hacks, judged
from aj.competencies.task import TASKS, Task, read_tasks
from aj.evaluation import labelled
from aj.sqlenv import audit, questions
from aj.stage import Run, seal

ASKED, CASES = Path("data/mix/eval"), Path("tests/validators/cases")


def main(run: Run) -> None:
    # 1. SQLEnv: golds must score, hacks and mutated golds must not.
    numbers: dict[str, int | float] = {
        f"sqlenv.{key}": value for key, value in audit.audit(questions.load(ASKED)).numbers().items()
    }

    # 2. Validators on labelled cases, half of them near misses.
    rows = labelled.table(labelled.read(CASES))
    columns = [column for column in rows[0] if column != "validator"]
    numbers |= {f"validators.{column}": sum(row[column] for row in rows) for column in columns}
    numbers |= {f"validator.{row['validator']}.{column}": row[column] for row in rows for column in columns}

    # 3. Held-out tasks: the gold passes, and what only looks like an answer does not.
    tasks = [Task.of(row) for row in read_tasks(ASKED / TASKS)]
    golds = sum(all(score.passed for score in judged(task, task.gold).values()) for task in tqdm(tasks, desc="golds"))
    tried = [
        all(s.passed for s in judged(task, hack).values()) for task in tqdm(tasks, desc="hacks") for hack in hacks(task, tasks)
    ]
    numbers |= {
        "tasks.golds": len(tasks),
        "tasks.golds_passed": golds,
        "tasks.hacks": len(tried),
        "tasks.hacks_passed": sum(tried),
    }

    # 4. Numbers and a table.
    run.metrics("metrics/audit.json", numbers)
    run.curve("metrics/curves/validators.csv", rows)
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    seal("audit", main)
