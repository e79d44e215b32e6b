"""Preparing chat data, side by side with what people write today: `datasets` and `datasketch` (bench/data_baseline.py).

    uv run python -m bench.data --rows 10000 100000      # all arms, the same rows, ratios in one run
    uv run python -m bench.data --rows 1000000 --arms aj # memory at ten times the rows

`datasets` is the pipeline of the guides, `datasets-fast` the same with every fast setting that datasketch has. All arms clean, deduplicate exactly and nearly, decontaminate, split by group, mix by shares and write zstd Parquet, in two
processes. No arm counts tokens: with a tokenizer that costs more than all the rest, in any pipeline. Each arm runs in a
process of its own; time is wall clock and CPU seconds of the whole process tree, memory the largest sum of proportional set
sizes (Linux), sampled every 0.2 s. The counts of all arms stand beside each other, because equal work is the point.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

SHARES = {"a": 0.5, "b": 0.3, "c": 0.2}
WORKERS = 2


def prepare(folder: Path, out: Path, *, total: int, workers: int) -> dict[str, int]:
    """AJ's own steps, as stages/prepare_mix.py calls them, without a tokenizer; counts by outcome."""
    import numpy as np

    from aj.mix import clean, leaks, overlap, parts
    from aj.mix.account import NOT_BROKEN
    from aj.mix.choose import KEPT, assert_apart, choose, gather_keys
    from aj.mix.gather import gather
    from aj.mix.weigh import weigh
    from aj.mix.workers import run

    items = [json.loads(line) for line in (folder / "eval.jsonl").open()]
    index = leaks.Index.build([leaks.EvalItem(str(i), (item["text"],)) for i, item in enumerate(items)])
    scratch = out / "scratch"
    scratch.mkdir(parents=True)
    todo = parts.plan(folder, {name: {} for name in SHARES})
    cleaning = clean.Cleaning(folder, scratch, None, 0, 0.1, index, overlap.Allowed())
    of_parts = list(run(partial(clean.clean_part, cleaning=cleaning), todo, workers))
    keys = gather_keys(scratch, todo, of_parts)
    status, _ = choose(keys, 0.6)
    free = (status == KEPT) & (keys.sides == 0)
    rows = {name: np.arange(len(free))[keys.rows_of(name)][free[keys.rows_of(name)]] for name in SHARES}
    train, _ = weigh(rows, keys.ids, keys.weights, SHARES, total=total, shortage="cap", repeat_max=1, seed=17)
    gather(scratch, keys, train, out / "train.parquet")
    gather(scratch, keys, np.flatnonzero((status == KEPT) & (keys.sides == 1)), out / "validation.parquet")
    assert_apart(scratch, todo)
    dropped = sum((account.dropped for account in of_parts), start=of_parts[0].dropped.__class__())
    return {
        "rows": sum(account.rows_in for account in of_parts),
        "broken": sum(n for reason, n in dropped.items() if reason not in NOT_BROKEN),
        "leaks": dropped["leak"],
        "exact duplicates": int((status == 1).sum()),
        "near duplicates": int((status == 2).sum()),
        "kept": int((status == KEPT).sum()),
        "train": len(train),
    }


def measured(arm: str, folder: Path, rows: int) -> dict[str, Any]:
    """Run one arm in a process of its own; seconds, CPU seconds, peak megabytes, and its counts."""
    import psutil

    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "bench.data", "--arm", arm, "--folder", str(folder), "--out", out, "--rows", str(rows)]
        start, peak, cpu = time.perf_counter(), 0, {}
        child = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"})
        while child.poll() is None:
            total = 0
            for process in [psutil.Process(child.pid), *psutil.Process(child.pid).children(recursive=True)]:
                try:
                    total += process.memory_full_info().pss
                    cpu[process.pid] = sum(process.cpu_times()[:2])
                except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                    continue
            peak = max(peak, total)
            time.sleep(0.2)
        seconds = time.perf_counter() - start
        assert child.stdout
        counts = json.loads(child.stdout.read().splitlines()[-1])
        if child.returncode:
            raise SystemExit(f"arm {arm} failed with exit status {child.returncode}")
    return {"seconds": seconds, "cpu": sum(cpu.values()), "megabytes": peak / 1e6, "counts": counts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--arms", nargs="+", default=["aj", "datasets", "datasets-fast"])
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.arm:
        total = options.rows[0] // 2
        if options.arm == "aj":
            print(json.dumps(prepare(options.folder, options.out, total=total, workers=WORKERS)))
        else:
            from bench import data_baseline

            fast = options.arm == "datasets-fast"
            counts = data_baseline.prepare(options.folder, options.out, total=total, shares=SHARES, workers=WORKERS, fast=fast)
            print(json.dumps(counts))
        return
    from bench.data_rows import write_rows

    for rows in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            write_rows(Path(folder), rows, seed=17)
            size = sum(f.stat().st_size for f in Path(folder).rglob("*.jsonl"))
            print(f"\n{rows} rows, {size / 1e6:.0f} MB", flush=True)
            results = {arm: measured(arm, Path(folder), rows) for arm in options.arms}
        for arm, r in results.items():
            speed = f"{rows / r['seconds']:.0f} rows/s, {rows / r['cpu']:.0f} rows/CPU-s"
            print(f"  {arm:13} {r['seconds']:.1f} s, {speed}, peak {r['megabytes']:.0f} MB, {r['counts']}", flush=True)
        for arm in [arm for arm in results if arm != "aj" and "aj" in results]:
            ratios = [results[arm][key] / results["aj"][key] for key in ("seconds", "cpu", "megabytes")]
            print(
                f"  aj / {arm}: {ratios[0]:.1f}x the rows a second, {ratios[1]:.1f}x a CPU-second, {1 / ratios[2]:.2f}x the memory"
            )


if __name__ == "__main__":
    main()
