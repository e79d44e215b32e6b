"""Landed sources -> training sets: clean, deduplicate, decontaminate, split by group, weigh; then the report of rows.

Makes data/mix/{sft,preference,rl,eval}: four outputs, so that a new RL question reruns grpo and not sft; data/mix/report is
for people. Sources may be of any size: parts of them are cleaned side by side, keys are compared, rows are streamed
(aj/mix/). With RAY_ADDRESS set, the parts are cleaned on that cluster.
Run by `dvc repro`; by hand: `python -m stages.prepare_mix`.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from aj import canaries
from aj.errors import DataError
from aj.mix import clean, leaks, overlap, parts, preference, summary, tasks, workers
from aj.mix.account import by_source
from aj.mix.choose import DUPLICATE, KEPT, NEAR_DUPLICATE, assert_apart, choose, gather_keys
from aj.mix.gather import gather
from aj.mix.weigh import weigh
from aj.params import derive
from aj.sources import pin, rows
from aj.stage import Run, seal

RAW, ALLOWED = Path("data/raw"), Path("data/allowed_overlap.yaml")


def main(run: Run) -> None:
    names, p = list(run.params.sources), run.params.mix
    refuse_strangers(names)
    for name in names:
        pin.verify(RAW / name)
    pins = {name: pin.read(RAW / name) for name in names}

    # 1. What evaluation asks: nothing of it may stand in training.
    learned, evaluation = tasks.divide(RAW, names)
    learned_tasks, evaluation_tasks = tasks.divide_tasks(RAW, names)
    index = leaks.Index.build([*tasks.evaluation_items(evaluation), *tasks.task_items(evaluation_tasks)])
    allowed = overlap.Allowed.read(ALLOWED)

    # 2. Clean, part by part, in as many processes as there are cores.
    folder = run.scratch / "clean"
    folder.mkdir()
    todo = parts.plan(RAW, pins)
    cleaning = clean.Cleaning(RAW, folder, RAW / "base", p.max_length, p.validation, index, allowed)
    done = workers.run(partial(clean.clean_part, cleaning=cleaning), todo, workers.available(len(todo)))
    of_parts = list(tqdm(done, total=len(todo), desc="clean", unit=" parts"))
    accounts = by_source(names, of_parts)

    # 3. Deduplicate: of equal rows the first stays, and the order of sources in params.yaml is their order.
    keys = gather_keys(folder, todo, of_parts)
    status, stands = choose(keys, p.near_duplicates)
    for name, account in accounts.items():
        own = status[keys.rows_of(name)]
        account.move("duplicate", int((own == DUPLICATE).sum()))
        account.move("near_duplicate", int((own == NEAR_DUPLICATE).sum()))
        account.check(p.max_broken, wanted=run.params.sources[name].share > 0)

    # 4. Weigh what is left of the training side.
    train, portions = weigh(
        {name: np.flatnonzero(within(keys.rows_of(name), (status == KEPT) & (keys.sides == 0))) for name in names},
        keys.ids,
        keys.weights,
        {name: run.params.sources[name].share for name in names},
        total=p.total,
        shortage=p.shortage,
        repeat_max=p.repeat_max,
        seed=derive(run.params.seed, "mix"),
    )
    validation = np.flatnonzero((status == KEPT) & (keys.sides == 1))
    sft = run.out("data/mix/sft")
    gather(folder, keys, train, sft / "train.parquet")
    gather(folder, keys, validation, sft / "validation.parquet")

    # 5. Preference pairs and questions, without those that evaluation asks.
    pairs, of_pairs = preference.read(RAW, pins, p.validation)
    others = [*preference.candidates(pairs), *tasks.candidates(learned)]
    hits = [hit for account in accounts.values() for hit in account.hits] + leaks.find(others, index)
    rows_in = {name: account.rows_in + sum(c.source == name for c in others) for name, account in accounts.items()}
    found = overlap.judge(hits, allowed, rows_in, p.max_leaks)
    leaking = set(found.dropped)
    for name, account in of_pairs.items():
        account.move("leak", sum(pair["source"] == name and pair["id"] in leaking for pair in pairs))
    chosen = preference.take(pairs, p.preference_pairs, without=found.dropped)
    rl = tasks.take(learned, p.rl_questions, without=found.dropped)
    out = run.out("data/mix/preference")
    rows.write(out / "train.parquet", chosen["train"])
    rows.write(out / "validation.parquet", chosen["held_out"])
    rl_tasks = tasks.take_tasks(learned_tasks, p.rl_tasks)
    for name, questions, played in (("rl", rl, rl_tasks), ("eval", evaluation, evaluation_tasks)):
        tasks.copy(RAW, questions, run.out(f"data/mix/{name}"))
        tasks.write_tasks(played, run.out(f"data/mix/{name}"))
    facts = [fact for name in names for fact in canaries.read(RAW / name / canaries.CANARIES)]
    canaries.write(run.out("data/mix/eval") / canaries.CANARIES, facts)

    # 6. No group on both sides, over all sets.
    trained = [row["group"] for row in chosen["train"] + rl] + tasks.groups(rl_tasks)
    held_out = [row["group"] for row in chosen["held_out"] + tasks.unseen(evaluation)] + tasks.groups(evaluation_tasks)
    held_out_groups = assert_apart(folder, todo, trained, held_out)

    # 7. The report of rows: numbers for the diff, a page to look at.
    sizes: dict[str, int | float] = {"preference.train": len(chosen["train"]), "preference.validation": len(chosen["held_out"])}
    sizes |= {"rl.train": len(rl), "eval.questions": len(evaluation), "held_out_groups": held_out_groups}
    sizes |= {"rl.tasks": len(rl_tasks), "eval.tasks": len(evaluation_tasks)}
    mix = summary.Mix(keys, status, stands, train, validation, accounts, of_pairs, portions, hits, found, index, p.max_length)
    run.metrics("metrics/mix.json", sizes | summary.numbers(mix))
    run.curve("metrics/curves/mix.csv", summary.shares(mix))
    page = run.out("data/mix/report")
    page.mkdir(parents=True)
    (page / "index.html").write_text(summary.page(mix, folder, RAW), encoding="utf-8")
    overlap.write_hits(page / "overlap.jsonl", hits, allowed)


def refuse_strangers(names: Sequence[str]) -> None:
    """A folder that no source claims would be hashed into the mix's identity without being part of it."""
    strangers = sorted(d.name for d in RAW.iterdir() if d.is_dir() and d.name not in {*names, "base"})
    if strangers:
        raise DataError(
            f"data/raw/{strangers[0]} belongs to no source in params.yaml: remove it with `rm -r data/raw/{strangers[0]}`."
        )


def within(span: slice, chosen: np.ndarray) -> np.ndarray:
    """``chosen``, but False outside ``span``."""
    inside = np.zeros_like(chosen)
    inside[span] = chosen[span]
    return inside


if __name__ == "__main__":
    seal("prepare_mix", main)
