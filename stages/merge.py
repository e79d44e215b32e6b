"""The last adapter into the base, tensor by tensor; then base + adapter against merged on the logits of fixed rows.

Run by `dvc repro`; by hand: `python -m stages.merge`.
"""

import shutil
from pathlib import Path

from aj.chat import Conversation
from aj.chat_template import tokenise
from aj.errors import ExportError
from aj.export.merge import logit_difference, merge_adapter
from aj.sources import base, rows
from aj.stage import Run, seal

BASE, ADAPTER, ROWS = Path("data/raw/base"), Path("models/grpo"), Path("data/mix/sft/validation.parquet")
CHECKED = 16  # rows that are compared


def main(run: Run) -> None:
    import torch

    torch.set_num_threads(run.params.compute.threads)
    p = run.params.merge

    # 1. Merge.
    weights = base.weights(BASE)
    run.need_space(sum(f.stat().st_size for f in weights.glob("*.safetensors")))
    out = run.out("models/merged")
    report = merge_adapter(weights, ADAPTER, out, shard_bytes=p.shard_megabytes << 20)
    for file in [*BASE.glob("tokenizer*"), BASE / base.TEMPLATE_FILE]:  # with the template that the base declared
        if file.is_file():
            shutil.copyfile(file, out / file.name)

    # 2. Compare.
    tokenizer = base.load_tokenizer(BASE)
    fixed = [tokenise(tokenizer, Conversation.of(row)).ids for row in rows.read_all(ROWS)[:CHECKED]]
    difference = logit_difference(weights, ADAPTER, out, fixed)
    if not difference <= p.tolerance:
        raise ExportError(
            f"merged and base + adapter differ by {difference:.3g} in a logit, more than merge.tolerance = {p.tolerance}."
        )

    # 3. Numbers.
    run.metrics(
        "metrics/merge.json",
        {
            "max_logit_difference": difference,
            "tensors": report.tensors,
            "merged_tensors": report.merged,
            "bytes": report.total_bytes,
            "shards": report.shards,
        },
    )


if __name__ == "__main__":
    seal("merge", main)
