"""The lineage of a file as a tree of text, from the file alone: no repository, no network, no library."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from aj.errors import ExportError
from aj.export import gguf_file
from aj.lineage.origin import CHAIN, KEY, SCORES, carried
from aj.record import MANIFEST

SHORT = 12  # digits of a hash that a tree shows
COUNTED = ("tensors", "metadata", "files", "parts")


def of(path: Path) -> dict[str, Any]:
    """What a GGUF carries (scores beside it, where they were added), or an artifact folder's manifest.

    Raises ExportError where there is neither.
    """
    if not path.exists():
        raise ExportError(f"{path} does not exist: bring it with `dvc pull` or `dvc artifacts get`.")
    if path.is_dir():
        files = sorted(path.glob("*.gguf"))
        if len(files) == 1:
            return of(files[0])
        if not (path / MANIFEST).is_file():
            raise ExportError(f"{path} has no {MANIFEST} and no single GGUF: name a folder that a stage made, or a file.")
        try:
            return {"name": str(path), **json.loads((path / MANIFEST).read_text())}
        except (ValueError, TypeError) as error:
            raise ExportError(f"{path / MANIFEST} is no manifest ({error}): restore it with `dvc checkout {path}`.") from None
    file = gguf_file.read(path)
    lineage = carried(file, KEY)
    if lineage is None:
        raise ExportError(f"{path} carries no {KEY}: it was not made by this pipeline, or before it wrote lineage.")
    scores = carried(file, SCORES)
    return {**lineage, "scores": scores} if scores else lineage


def tree(found: Mapping[str, Any]) -> Iterator[str]:
    """Lines. Hashes are cut, and lists of hashes counted: all of it is in the JSON."""
    yield str(found["name"])
    shown = {key: value for key, value in found.items() if key not in ("name", "format")}
    if "stages" in shown:
        shown["stages"] = {address: shown["stages"][address] for address in sorted(shown["stages"], key=_place)}
    yield from _branches(shown, "")


def _place(address: str) -> int:
    """The order in which stages run; canonical JSON has them by name."""
    if address.startswith("download@"):
        return -1
    return CHAIN.index(address) if address in CHAIN else len(CHAIN)


def _branches(values: Mapping[str, Any], before: str) -> Iterator[str]:
    last = len(values) - 1
    for number, (key, value) in enumerate(values.items()):
        stem, indent = ("└─ ", "   ") if number == last else ("├─ ", "│  ")
        if isinstance(value, dict) and value and key not in COUNTED:
            yield f"{before}{stem}{key}"
            yield from _branches({k: v for k, v in value.items() if v != {}}, before + indent)
        else:
            yield f"{before}{stem}{key}: {_short(value)}"


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return f"{len(value)} hashes"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return f"{text[:SHORT]}…" if len(text) == 64 and set(text) <= set("0123456789abcdef") else text
