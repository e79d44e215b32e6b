"""What a GGUF was made of, as it carries it under ``aj.lineage``: built from the records of all stages before it.

Canonical JSON. The same content stands in git as the record of ``quantize``, with the hash of the whole file beside it: that is
what `aj verify` holds a file against, part by part.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aj import record
from aj.errors import ExportError
from aj.export.gguf_file import GGUFFile
from aj.hashing import digest

KEY, SCORES = "aj.lineage", "aj.scores"
FORMAT = 1
BASE, SOURCES, MERGED, MIX = "data/raw/base", "data/raw/", "models/merged", "data/mix/"
CHAIN = ("download_base", "prepare_mix", "sft", "dpo", "grpo", "merge")

Records = Mapping[str, Mapping[str, Any]]
"""Address of a stage -> its record."""


def records(texts: Mapping[str, str | bytes]) -> dict[str, dict[str, Any]]:
    """Records by address, from the content of their files by path: those of CHAIN, and of the sources that the mix was made of.

    Raises ExportError where one is missing or is no record.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in CHAIN:
        found[name] = _parsed(texts, record.path_of(name))
    named = {key.split(".")[1]: None for key in found["prepare_mix"]["params"] if key.startswith("sources.")}
    return {f"download@{name}": _parsed(texts, record.path_of(f"download@{name}")) for name in named} | found


def files() -> dict[str, bytes]:
    """The records that lie in the project's folder, by path."""
    return {path.as_posix(): path.read_bytes() for path in sorted(Path(record.FOLDER).rglob("*.json"))}


def lineage(
    name: str, stages: Records, own: Mapping[str, Any], *, merged: str, tensors: Mapping[str, str], metadata: Mapping[str, str]
) -> dict[str, Any]:
    """The value of ``aj.lineage``.

    ``own``: the record of the run that makes the file; ``merged``: tensor hash of what it was made from; ``tensors`` and
    ``metadata``: hashes of the file's own parts (aj/export/gguf_file.py).
    """
    return {
        "format": FORMAT,
        "name": name,
        **above(stages),
        "parent": {"path": MERGED, "tensor_hash": merged},
        # Its own outputs and metrics are this very file and its size: they cannot stand in it.
        "stages": {address: stage(found) for address, found in stages.items()}
        | {own["stage"]: stage({**own, "outputs": {}, "metrics": {}})},
        "tensor_hash": digest(tensors),
        "tensors": dict(tensors),
        "metadata": dict(metadata),
    }


def carried(file: GGUFFile, key: str) -> dict[str, Any] | None:
    """The JSON object that a GGUF has under a key; None where it has no such key. Raises ExportError where it is none."""
    text = file.text(key)
    if text is None:
        return None
    try:
        value = json.loads(text)
        if not isinstance(value, dict):
            raise ValueError("no object")
    except ValueError as error:
        raise ExportError(f"metadata key {key} of {file.path} is no JSON object ({error}): its bytes were changed.") from None
    return value


def above(stages: Records) -> dict[str, Any]:
    """Base, sources and mix, from the records of the stages that made them."""
    base, mix = stages["download_base"], stages["prepare_mix"]
    landed = {address.partition("@")[2]: found for address, found in stages.items() if address.startswith("download@")}
    parts = {path: value for path, value in mix["outputs"].items() if path.startswith(MIX) and path != f"{MIX}report"}
    return {
        "base": {**base["origins"][BASE], "hash": base["outputs"][BASE]},
        "sources": {n: {**r["origins"][SOURCES + n], "hash": r["outputs"][SOURCES + n]} for n, r in landed.items()},
        "mix": {"hash": digest(parts), "parts": parts},
    }


def stage(found: Mapping[str, Any]) -> dict[str, Any]:
    """A stage as the GGUF carries it: its record with one hash for all code and one for all pins."""
    return {
        "params": found["params"],
        "code": digest(found["code"]),
        "pins": digest({key: record.text({key: value}) for key, value in found["pins"].items()}),
        "data": found["data"],
        "outputs": found["outputs"],
        "metrics": {key: value for values in found["metrics"].values() for key, value in values.items()},
    }


def _parsed(texts: Mapping[str, str | bytes], path: str) -> dict[str, Any]:
    if path not in texts:
        raise ExportError(f"{path} is missing: the stage that writes it has not run with this dvc.yaml; run `dvc repro`.")
    try:
        found: dict[str, Any] = json.loads(texts[path])
        _ = found["stage"], found["params"], found["outputs"]
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{path} is no record of a stage ({error}): restore it with `git checkout {path}`.") from None
    return found
