"""Small evaluations in the eval stage's own form: rows of episodes, what was recorded of them, and a project that keeps them in git and DVC."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aj.gate.evidence import Evidence
from aj.hashing import sha256

Row = dict[str, Any]
FORMS = ("merged", "q4km")
CALL = {"type": "function", "function": {"name": "bash", "arguments": {"command": "ls /srv"}}}
RULES = """\
level: 0.05
comparisons:
- {metric: unseen_schemas.accuracy, forms: [merged], against: release, direction: higher, largest_drop: 0.02, smallest_n: 40}
- {metric: unseen_schemas.accuracy, forms: [q4km], against: merged, direction: higher, largest_drop: 0.02, smallest_n: 40}
- {metric: tool_calls.valid, forms: [q4km], against: merged, direction: higher, largest_drop: 0.05, smallest_n: 12}
limits:
- {metric: mean_kl, forms: [q4km], direction: lower, limit: 0.05, count: compared_positions, smallest_n: 1000}
- {metric: top1_agreement, forms: [q4km], direction: higher, limit: 0.9}
promotion:
  comparisons:
  - {metric: plan_alignment, direction: higher, largest_drop: 0.02, smallest_n: 40}
  - {metric: edit_similarity, direction: higher, largest_drop: 0.02, smallest_n: 40}
  limits:
  - {metric: constraint_respect, direction: higher, limit: 1.0, smallest_n: 40}
  - {metric: plans, direction: higher, limit: 0.95, smallest_n: 40}
  diversity: 0.95
"""


def question(
    number: int, *, right: bool = True, actions: Sequence[str] | None = None, database: str = "", observed: str = "7"
) -> Row:
    """An episode of SQLEnv as aj/evaluation/harness.py writes it; the gold's own actions where none are given."""
    sql = f"SELECT fee FROM herbs WHERE id = {number}"
    taken = ["DESCRIBE: herbs", f"QUERY: {sql}", "ANSWER: 7"] if actions is None else actions
    return {
        "question": f"unseen_schemas-{number:04}", "database": database or f"db{number}", "budget": 6,
        "steps": [{"action": a, "observation": observed, "reward": 0.0, "done": False, "hash": ""} for a in taken],
        "split": "unseen_schemas", "text": f"what is the cost of {number}?", "gold_sql": sql, "correct": right, "failed": "",
    }  # fmt: skip


def task(
    number: int,
    *,
    passed: bool = True,
    calls: bool = True,
    said: str | None = None,
    codes: Mapping[str, Sequence[str]] | None = None,
) -> Row:
    """A task as aj/evaluation/competency.py writes it; the gold's own reply where nothing else is said."""
    gold = [{"role": "assistant", "content": "", "tool_calls": [CALL]} if calls else {"role": "assistant", "content": "SELECT 1"}]
    found = {"policy_safety": (), "tool_contract_valid": (), **(codes or {})}
    return {
        "id": f"task{number}", "group": f"ai_agents/call/{number}", "messages": [{"role": "user", "content": f"list /srv, {number}"}],
        "said": gold if said is None else [{"role": "assistant", "content": said}], "gold": gold, "passed": passed,
        "checks": {name: {"value": 0.0 if c else 1.0, "codes": list(c)} for name, c in found.items()},
    }  # fmt: skip


@dataclass
class Form:
    """One form's evaluation. ``more`` overrides what is recorded."""

    questions: list[Row] = field(default_factory=lambda: [question(n) for n in range(60)])
    tasks: list[Row] = field(default_factory=lambda: [task(n) for n in range(14)])
    more: Row = field(default_factory=dict)

    def numbers(self) -> Row:
        """What metrics/eval_FORM.json holds."""
        return {
            "unseen_schemas.accuracy": share([q["correct"] for q in self.questions]), "tasks.pass_rate": share([t["passed"] for t in self.tasks]),
            "tasks.safety_rate": share([not t["checks"]["policy_safety"]["codes"] for t in self.tasks]),
            "mean_kl": 0.01, "top1_agreement": 0.97, "compared_positions": 8000, **self.more,
        }  # fmt: skip


def share(values: Sequence[bool]) -> float:
    return float(f"{sum(values) / len(values):.6g}") if values else 0.0


class InMemory(Evidence):
    """Evidence that was never written: what the judge needs of it, for thousands of simulated evaluations."""

    def __init__(self, forms: Mapping[str, Form]) -> None:
        super().__init__()
        self.forms = forms

    def _numbers(self, form: str) -> Mapping[str, Any]:
        return self.forms[form].numbers()

    def _questions(self, form: str) -> tuple[Row, ...]:
        return tuple(self.forms[form].questions)

    def _tasks(self, form: str) -> tuple[Row, ...]:
        return tuple(self.forms[form].tasks)


@dataclass
class Project:
    """A repository with git and DVC in which a run can be recorded as `dvc repro` would."""

    root: Path

    def git(self, *args: str) -> str:
        return subprocess.run(["git", *args], cwd=self.root, capture_output=True, text=True, check=True).stdout.strip()

    def dvc(self, *args: str) -> int:
        from dvc.cli import main

        return int(main([*args, "-q"]))

    def record(
        self, merged: Form | None = None, q4km: Form | None = None, *, version: str = "0.1.0", weights: str = "weights"
    ) -> str:
        """Write a run, commit it to DVC and git, and return its commit."""
        forms = {"merged": merged or Form(), "q4km": q4km or Form()}
        for form, found in forms.items():
            self.write(f"metrics/eval_{form}.json", json.dumps(found.numbers(), indent=1) + "\n")
            for name, rows in ((form, found.questions), (f"{form}_tasks", found.tasks)):
                self.write(f"metrics/transcripts/{name}.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        text = (self.root / "params.yaml").read_text().splitlines()
        self.write(
            "params.yaml", "\n".join(f"version: {version}" if line.startswith("version:") else line for line in text) + "\n"
        )
        for old in (self.root / "models/gguf/q4km").glob("*.gguf"):
            old.unlink()
        self.write(f"models/gguf/q4km/AJ-TinySQL-v{version}-q4km.gguf", weights)
        for name in ("config.json", "shards/one.safetensors"):
            self.write(f"models/merged/{name}", f"{weights} in {name}")
        self.write("data/mix/sft/train.jsonl", "{}\n")
        assert self.dvc("commit", "-f") == 0
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", f"run {version}")
        return self.git("rev-parse", "HEAD")

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def production(self) -> str:
        """The hash of the file in production."""
        (file,) = (self.root / "models/production/AJ-TinySQL-q4km").iterdir()
        return sha256(file)
