"""Merged -> GGUF -> one quantized form, named AJ-{Code}-v{version}-{flavour}.gguf.

Run by `dvc repro`; by hand: `python -m stages.quantize q4km`.
"""

from pathlib import Path

from aj import record
from aj.export import gguf_file, tensors
from aj.export.gguf import write_gguf
from aj.export.quantize import quantize
from aj.hashing import canonical, sha256
from aj.lineage import origin
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
    run.need_space(3 * sum(f.stat().st_size for f in MERGED.glob("*.safetensors")))
    whole = run.scratch / "whole.gguf"
    count = write_gguf(MERGED, whole, metadata=metadata)
    out = run.out(f"models/gguf/{flavour}")
    out.mkdir()
    plain, file = run.scratch / "plain.gguf", out / f"{version}.gguf"
    types = quantize(whole, plain, flavour, threads=run.params.compute.threads)
    print(f"{file.name}: {count} tensors as {types}")

    # 3. Lineage: into the file, and with the file's own hash into git.
    parts = gguf_file.read(plain)
    lineage = origin.lineage(
        str(version),
        origin.records(origin.files()),
        run.record(),
        merged=tensors.tensor_hash(MERGED),
        tensors=parts.tensor_hashes(),
        metadata=parts.key_hashes(),
    )
    gguf_file.write(file, parts.rewritten(add={origin.KEY: canonical(lineage)}))
    run.out(record.path_of(f"quantize@{flavour}")).write_text(record.text({**lineage, "file": sha256(file)}))

    # 4. Numbers.
    run.metrics(
        f"metrics/quantize_{flavour}.json",
        {
            "bytes": file.stat().st_size,
            "share_of_whole": file.stat().st_size / whole.stat().st_size,
            "tensors": count,
            **{f"tensors.{name}": count for name, count in types.items()},
        },
    )


if __name__ == "__main__":
    seal("quantize", main)
