"""Content hashes: canonical JSON, files, folders. Everything that is hashed goes through here."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no white space, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fraction(key: str) -> float:
    """The SHA-256 of a text, read as a number in [0, 1)."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_tree(path: Path) -> dict[str, str]:
    """SHA-256 of every file under a path (of the file itself if it is one), by relative name, sorted."""
    if path.is_file():
        return {path.name: sha256(path)}
    files = (f for f in sorted(path.rglob("*")) if f.is_file() and "__pycache__" not in f.parts)
    return {f.relative_to(path).as_posix(): sha256(f) for f in files}


def digest(tree: Mapping[str, str]) -> str:
    """One hash for a whole tree of file hashes."""
    return hashlib.sha256(canonical(dict(tree)).encode()).hexdigest()
