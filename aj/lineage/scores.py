"""The scores of a release, carried by a copy of its GGUF under ``aj.scores``: known only after the file was evaluated.

The copy has the tensors and every other byte of metadata of the file it was made from: without that key it is that file again.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aj.errors import DataError
from aj.export import gguf_file
from aj.hashing import canonical
from aj.lineage.origin import SCORES
from aj.release.scores import EVAL, numbers
from aj.release.tree import Tree
from aj.version import Version

LARGE = 1 << 30  # bytes from which the size is said before the work


def of(tree: Tree, flavour: str) -> dict[str, Any]:
    """What a commit recorded of a form on the held-out items. Raises ReleaseError where it recorded nothing."""
    path = f"{EVAL}{flavour}.json"
    return {"commit": tree.rev, "from": path, "metrics": numbers(tree, path)}


def copies(root: Path, tree: Tree, names: Sequence[Version], to: Path) -> tuple[list[Path], list[str]]:
    """Copies of the GGUFs that lie here, with the scores of a commit; and a sentence for each that could not be made.

    Raises DataError where the disk cannot hold them.
    """
    import shutil

    made: list[Path] = []
    left: list[str] = []
    for name in names:
        file = root / "models/gguf" / name.flavour / f"{name}.gguf"
        if name.flavour in ("lora", "merged", "mix"):
            continue
        if not file.is_file():
            left.append(
                f"no copy of {name} with its scores: {file.relative_to(root)} is not here; `dvc pull` before a release brings it."
            )
            continue
        to.mkdir(parents=True, exist_ok=True)
        size = file.stat().st_size
        if shutil.disk_usage(to).free < size + LARGE // 4:
            raise DataError(f"no disk space for the copy of {name}: it takes {size / 1e9:.1f} GB in {to}; make room.")
        if size > LARGE:
            print(f"copying {name}: {size / 1e9:.1f} GB", file=sys.stderr)
        place = to / file.name
        gguf_file.write(place, gguf_file.read(file).rewritten(drop=[SCORES], add={SCORES: canonical(of(tree, name.flavour))}))
        made.append(place)
    return made, left
