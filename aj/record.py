"""What a run of a stage leaves behind about itself: its record in git, and the run's circumstances under .aj/runs.

A record (metrics/lineage/…, small, in git) is a function of what the run read and made: no time, host, path or commit, so
that the same run gives the same record anywhere. It is an output of its own and not part of a hashed folder: with code hashes
in there an edited comment would change every byte downstream. Only ``quantize`` reads records; what they say goes into the GGUF.
What is not covered: inputs outside dvc.yaml, as everywhere in the seal.
"""

import json
import platform
import resource
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from aj.errors import ContractError
from aj.hashing import digest, hash_tree, sha256

FOLDER = "metrics/lineage"
PINS, MANIFEST = "pyproject.toml", "manifest.json"
ORIGINS = ("source.json", "base.json")
"""What an output folder says of where it came from (aj/sources/pin.py, aj/sources/base.py)."""
QUOTED = ("id", "revision", "licence", "origin", "rows")

Trees = Mapping[str, Mapping[str, str]]
"""Path -> SHA-256 of every file below it, by relative name."""


def path_of(address: str) -> str:
    """Where the record of a stage lies: ``sft`` in metrics/lineage/sft.json, ``download@agent`` in …/download/agent.json."""
    return f"{FOLDER}/{address.replace('@', '/')}.json"


def is_record(path: str) -> bool:
    """Whether a path is a record, or a folder of them."""
    return path == FOLDER or path.startswith(f"{FOLDER}/")


def is_code(path: str) -> bool:
    """Whether a dependency is code; every other one is data."""
    return path.endswith(".py") or path.startswith("aj/")


def code(inputs: Trees) -> dict[str, str]:
    """SHA-256 of every file of code, by its path in the project."""
    return {
        path if path.rpartition("/")[2] == name else f"{path}/{name}": value
        for path, tree in sorted(inputs.items())
        if is_code(path)
        for name, value in tree.items()
    }


def lineage(
    address: str, *, params: Mapping[str, Any], inputs: Trees, pins: Iterable[str], outs: Mapping[str, Path]
) -> dict[str, Any]:
    """The record. ``params``: the values that were read; ``pins``: keys of pyproject.toml; ``outs``: output -> where it lies now."""
    measured = {path: place for path, place in outs.items() if path.endswith(".json") and place.is_file()}
    return {
        "stage": address,
        "params": dict(params),
        "data": {path: digest(tree) for path, tree in sorted(inputs.items()) if not is_code(path) and not is_record(path)},
        "code": code(inputs),
        "pins": {key: _pinned(key) for key in sorted(pins)},
        "outputs": {path: digest(_tree(place)) for path, place in sorted(outs.items())},
        "metrics": {path: json.loads(place.read_text()) for path, place in sorted(measured.items())},
        "origins": {path: origin for path, place in sorted(outs.items()) if (origin := _origin(place))},
    }


def text(record: Mapping[str, Any]) -> str:
    """A record as it stands in its file."""
    return json.dumps(record, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def circumstances(address: str, *, started: float, inputs: Trees, read: Iterable[str], commit: tuple[str, str]) -> dict[str, Any]:
    """What depends on the machine and the day. ``commit``: HEAD and `git status` when the run began."""
    import aj

    return {
        "stage": address,
        "seconds": round(time.time() - started, 1),
        "peak_rss_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": platform.node(),
        "python": platform.python_version(),
        "package": str(Path(aj.__file__).parent),
        "commit": commit[0],
        "dirty": commit[1].splitlines(),
        "code": {path: digest(tree) for path, tree in inputs.items() if is_code(path)},
        "params_read": sorted(read),
    }


def keep(folder: Path, address: str, found: Mapping[str, Any]) -> None:
    """Write circumstances under ``folder``, and say time and memory."""
    path = folder / f"{address}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{address}: {found['seconds']} s, peak {found['peak_rss_megabytes']} MB", file=sys.stderr)


def commit() -> tuple[str, str]:
    """HEAD, and `git status` of what git tracks; "unknown" outside git."""
    return _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")


def _git(*args: str) -> str:
    try:
        return subprocess.run(["git", *args], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _pinned(key: str) -> Any:
    values: Any = tomllib.loads(Path(PINS).read_text())
    for part in key.split("."):
        if part not in values:
            raise ContractError(f"{PINS} has no {key!r}, which dvc.yaml declares: mend one of them.")
        values = values[part]
    return values


def _tree(place: Path) -> dict[str, str]:
    """Hashes of an output; of a folder those that the seal has just written into its manifest, because it may hold 65 GB."""
    own = place / MANIFEST
    return {**json.loads(own.read_text())["files"], MANIFEST: sha256(own)} if own.is_file() else hash_tree(place)


def _origin(place: Path) -> dict[str, Any]:
    for name in ORIGINS:
        if (place / name).is_file():
            said = json.loads((place / name).read_text())
            return {key: said[key] for key in QUOTED if key in said}
    return {}
