"""Landed sources -> training sets: clean, deduplicate, split by group, weigh; then the report of rows.

Makes data/mix/{sft,preference,rl,eval}: four outputs, so that a new RL question reruns grpo and not sft.
Run by `dvc repro`; by hand: `python -m stages.prepare_mix`.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from tqdm import tqdm

from aj.errors import DataError
from aj.mix.clean import Row, clean
from aj.mix.preference import check_pair
from aj.mix.split import assert_disjoint, split
from aj.mix.weigh import weigh
from aj.params import derive
from aj.sources import rows
from aj.sources.base import load_tokenizer
from aj.sqlenv import questions
from aj.stage import Run, seal

RAW = Path("data/raw")


def main(run: Run) -> None:
    names, p = list(run.params.sources), run.params.mix
    tokenizer = load_tokenizer(RAW / "base")
    refuse_strangers(names)

    # 1. Clean and deduplicate; the order of sources in params.yaml is their priority.
    seen: set[str] = set()
    accounts = {n: clean(n, found(n), tokenizer, max_length=p.max_length, seen=seen) for n in names}
    for account in accounts.values():
        account.check(p.max_broken)

    # 2. Split by group, before anything is weighed or repeated.
    sides = {name: split(account.kept, p.validation) for name, account in accounts.items()}

    # 3. Weigh.
    train, portions = weigh(
        {name: side[0] for name, side in sides.items()},
        {name: run.params.sources[name].share for name in names},
        total=p.total,
        shortage=p.shortage,
        repeat_max=p.repeat_max,
        seed=derive(run.params.seed, "mix"),
    )
    validation = [row for side in sides.values() for row in side[1]]
    sft = run.out("data/mix/sft")
    rows.write(sft / "train.parquet", map(as_columns, train))
    rows.write(sft / "validation.parquet", map(as_columns, validation))

    # 4. Preference pairs.
    pairs = [check_pair(row, place) for n in names if (f := RAW / n / "pairs.parquet").is_file() for place, row in rows.read(f)]
    chosen = {side: [r for r in pairs if r["split"] == side] for side in ("train", "held_out")}
    if len(chosen["train"]) < p.preference_pairs:
        raise DataError(
            f"{len(chosen['train'])} preference pairs for training, mix.preference_pairs asks {p.preference_pairs}: lower it."
        )
    preference = run.out("data/mix/preference")
    rows.write(preference / "train.parquet", chosen["train"][: p.preference_pairs])
    rows.write(preference / "validation.parquet", chosen["held_out"])

    # 5. Questions to learn from, and questions that only evaluation sees.
    asked = [q for n in names if (RAW / n / "questions.json").is_file() for q in questions_of(n)]
    rl = [q for q in asked if q["split"] == "train"][: p.rl_questions]
    evaluation = [q for q in asked if q["split"] != "train"]
    if len(rl) < p.rl_questions:
        raise DataError(f"{len(rl)} questions for training, mix.rl_questions asks {p.rl_questions}: lower it or generate more.")
    copy_questions(rl, run.out("data/mix/rl"))
    copy_questions(evaluation, run.out("data/mix/eval"))

    # 6. Nothing that is evaluated was trained on.
    unseen = [q["group"] for q in evaluation if q["split"] != "seen_schemas"]
    trained = [r.group for r in train] + [r["group"] for r in chosen["train"]] + [q["group"] for q in rl]
    held_out = [r.group for r in validation] + [r["group"] for r in chosen["held_out"]] + unseen
    held_out_groups = assert_disjoint("mix", trained, held_out)

    # 7. The report of rows.
    report: dict[str, int | float] = {
        "sft.train": len(train),
        "sft.validation": len(validation),
        "sft.learned_token_share": sum(r.learned for r in train) / sum(r.tokens for r in train),
        "sft.mean_tokens": sum(r.tokens for r in train) / len(train),
        "preference.train": p.preference_pairs,
        "preference.validation": len(chosen["held_out"]),
        "rl.train": len(rl),
        "eval.questions": len(evaluation),
        "held_out_groups": held_out_groups,
    }
    for portion in portions:
        account = accounts[portion.source]
        counts = {"in": account.rows_in, "kept": len(account.kept), **{f"dropped.{r}": n for r, n in account.dropped.items()}}
        counts |= {"asked": portion.asked, "available": portion.available, "taken": portion.taken}
        report |= {f"source.{portion.source}.{key}": value for key, value in counts.items()}
    run.metrics("metrics/mix.json", report)
    run.curve(
        "metrics/curves/mix.csv",
        [{"source": x.source, "asked": x.asked, "available": x.available, "taken": x.taken} for x in portions],
    )


def refuse_strangers(names: list[str]) -> None:
    """A folder that no source claims would be hashed into the mix's identity without being part of it."""
    strangers = sorted(d.name for d in RAW.iterdir() if d.is_dir() and d.name not in {*names, "base"})
    if strangers:
        raise DataError(
            f"data/raw/{strangers[0]} belongs to no source in params.yaml: remove it with `rm -r data/raw/{strangers[0]}`."
        )


def found(name: str) -> Any:
    """Rows of a source, file by file in order of name, with a progress bar."""
    files = sorted((RAW / name / "rows").rglob("*.*"))
    return tqdm((row for file in files for row in rows.read(file)), desc=f"clean {name}", unit=" rows")


def as_columns(row: Row) -> dict[str, Any]:
    """A row as it is stored: messages and tools as JSON text."""
    c = row.conversation
    return {"id": c.id, "source": row.source, "group": row.group, "messages": c.messages, "tools": c.tools}


def questions_of(name: str) -> list[dict[str, Any]]:
    """A source's questions, every gold checked, with the folder they come from."""
    questions.load(RAW / name)
    return [{**q, "folder": name} for q in json.loads((RAW / name / "questions.json").read_text(encoding="utf-8"))]


def copy_questions(chosen: list[dict[str, Any]], out: Path) -> None:
    """Questions and the databases they need, in Spider's layout."""
    out.mkdir(parents=True)
    for db_id, name in sorted({(q["db_id"], q["folder"]) for q in chosen}):
        shutil.copytree(RAW / name / "database" / db_id, out / "database" / db_id)
    kept = [{k: v for k, v in q.items() if k != "folder"} for q in chosen]
    (out / "questions.json").write_text(json.dumps(kept, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    seal("prepare_mix", main)
