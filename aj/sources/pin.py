"""The pin of a landed source: what it is, under which licence, how many rows, and the SHA-256 of every file.

``write`` notes it as ``source.json``; ``verify`` hashes what lies there again, so that a flipped byte, a missing file or an
extra one stops whatever reads the source.
What is not covered: the seal's own manifest beside it, which is written later, and files that somebody changes together
with the pin (DVC's hash of the folder sees that).
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aj.errors import DataError
from aj.hashing import canonical, sha256
from aj.params import as_dict

PIN = "source.json"
MANIFEST = "manifest.json"  # the seal's (aj/stage.py)


def write(out: Path, card: Any, rows: int, account: Mapping[str, int]) -> None:
    """Write ``out/source.json``: the card (a dataclass), ``rows`` landed, ``account`` (rows read, rows dropped by filter, rows
    a file: name -> number) and the SHA-256 of every file under ``out``."""
    pin = {**as_dict(card), "rows": rows, "account": dict(account), "files": _digests(out)}
    (out / PIN).write_text(_text(pin), encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """What ``write`` noted. Raises DataError when it is missing or not as it was written."""
    try:
        text = (folder / PIN).read_bytes().decode()
        pin: dict[str, Any] = json.loads(text)
        whole = _text({k: v for k, v in pin.items() if k != "pin"}) == text
    except FileNotFoundError:
        raise DataError(f"{folder} has no {PIN}, so nothing says what it should hold: land the source again.") from None
    except (ValueError, AttributeError):
        whole = False
    if not whole:
        raise DataError(f"{folder / PIN} is not as it was written: {_mend(folder)}.")
    return pin


def verify(folder: Path) -> None:
    """Hash everything under ``folder`` again. Raises DataError that names the file which differs, is missing or is one too many."""
    pinned, found = read(folder)["files"], _digests(folder)
    for name in sorted(pinned.keys() | found.keys()):
        if name not in found:
            raise DataError(f"{folder / name} is missing: {_mend(folder)}.")
        if name not in pinned:
            raise DataError(f"{folder / name} was not landed with its source: remove it, or land the source again.")
        if found[name] != pinned[name]:
            raise DataError(
                f"{folder / name} is not the file that was landed: its SHA-256 is {found[name]}, the pin says {pinned[name]}; "
                f"{_mend(folder)}."
            )


def place(file: Path, target: Path) -> None:
    """Put a finished file of a resume folder into an output; the resume folder keeps it until the stage has succeeded."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(file, target)


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(f for f in folder.rglob("*") if not f.is_dir())
    files = [f for f in files if f not in (folder / PIN, folder / MANIFEST)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:  # hashing lets go of the interpreter lock
        return dict(zip((f.relative_to(folder).as_posix() for f in files), pool.map(sha256, files), strict=True))


def _text(pin: Mapping[str, Any]) -> str:
    seal = hashlib.sha256(canonical(pin).encode()).hexdigest()
    return json.dumps({**pin, "pin": seal}, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def _mend(folder: Path) -> str:
    return f"restore it with `dvc checkout {folder}`, or land it again with `dvc repro -f download@{folder.name}`"
