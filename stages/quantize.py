"""Merged -> GGUF -> one quantized form, named AJ-{Code}-v{version}-{flavour}.gguf.

Run by `dvc repro`; by hand: `python -m stages.quantize q4km`.
"""

from pathlib import Path

from aj.export.gguf import write_gguf
from aj.export.quantize import quantize
from aj.sources import base
from aj.stage import Run, seal
from aj.version import Version

BASE, MERGED = Path("data/raw/base"), Path("models/merged")


def main(run: Run) -> None:
    # 1. Name and origin, for the file's metadata.
    flavour = run.item
    version = Version.of(run.params.code, run.params.version, flavour)
    pin = base.read_pin(BASE)
    metadata = {
        "general.name": f"AJ-{version.code}",
        "general.version": f"v{version.number}",
        "general.finetune": flavour,
        "general.license": pin["licence"],
        "general.base_model.count": 1,
        "general.base_model.0.name": pin["id"],
        "general.base_model.0.version": pin["revision"],
        "aj.name": str(version),
    }

    # 2. Convert, then quantize; the unquantized file is thrown away.
    run.need_space(2 * sum(f.stat().st_size for f in MERGED.glob("*.safetensors")))
    whole = run.scratch / "whole.gguf"
    tensors = write_gguf(MERGED, whole, metadata=metadata)
    out = run.out(f"models/gguf/{flavour}")
    out.mkdir()
    file = out / f"{version}.gguf"
    types = quantize(whole, file, flavour, threads=run.params.compute.threads)
    print(f"{file.name}: {tensors} tensors as {types}")

    # 3. Numbers.
    run.metrics(
        f"metrics/quantize_{flavour}.json",
        {
            "bytes": file.stat().st_size,
            "share_of_whole": file.stat().st_size / whole.stat().st_size,
            "tensors": tensors,
            **{f"tensors.{name}": count for name, count in types.items()},
        },
    )


if __name__ == "__main__":
    seal("quantize", main)
