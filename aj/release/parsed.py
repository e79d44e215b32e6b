"""YAML and TOML of a tree as plain values, remembered by content.

The project's one YAML loader needs 0.5 s for a dvc.lock of 4,000 lines, so what it read is kept as JSON under
``.aj/yaml``, named by the SHA-256 of the text: a text that was read once costs a millisecond. Values are those of JSON,
the first time as every time (a date becomes text).
"""

import hashlib
import json
import os
import tomllib
from pathlib import Path
from typing import Any

from aj.errors import ParamsError
from aj.release.errors import ReleaseError
from aj.release.tree import Tree

CACHE = Path(".aj/yaml")


def read(tree: Tree, path: str) -> Any:
    """Values of a YAML or TOML file of a tree. Raises ReleaseError when it is missing or broken."""
    text = tree.content(path)
    if text is None:
        raise ReleaseError(f"{tree} has no {path}: nothing can be said of its version.")
    if path.endswith(".toml"):
        try:
            return tomllib.loads(text.decode())
        except ValueError as error:
            raise ReleaseError(f"{path} of {tree} is not valid TOML ({error}): mend that line.") from None
    kept = tree.root / CACHE / f"{hashlib.sha256(text).hexdigest()}.json"
    try:
        return json.loads(kept.read_bytes())
    except (FileNotFoundError, ValueError):
        return _remember(kept, text, f"{path} of {tree}")


def _remember(kept: Path, text: bytes, name: str) -> Any:
    from aj.params import read_yaml  # imports pydantic: 0.2 s that a text read before does not cost

    kept.parent.mkdir(parents=True, exist_ok=True)
    source, made = kept.with_suffix(f".{os.getpid()}.yaml"), kept.with_suffix(f".{os.getpid()}")
    try:
        source.write_bytes(text)
        values = json.dumps(read_yaml(source), default=str)
        made.write_text(values)
        made.replace(kept)
    except ParamsError as error:
        raise ReleaseError(str(error).replace(str(source), name)) from None
    finally:
        source.unlink(missing_ok=True)
    return json.loads(values)
