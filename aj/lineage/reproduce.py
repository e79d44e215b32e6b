"""`aj reproduce`: the file made once more from the inputs of its tag, in a clone that is thrown away, and compared by its tensors.

``merge`` and ``quantize`` run there with the clone's code and this environment's libraries; their inputs (base, adapter, a few rows)
come from the DVC remote, or from this clone's cache where there is no remote.
What is not covered: training, which takes hours and is compared by nothing here; another processor may round floats otherwise.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from aj.export import gguf_file, tensors
from aj.hashing import digest
from aj.lineage.check import Check, LineageError
from aj.lineage.origin import MERGED
from aj.lineage.verify import Released, find, released

LAST = 12  # lines of a failed command that are shown
Say = Callable[[str], None]


def reproduce(root: Path, path: Path, say: Say) -> Iterator[Check]:
    """Checks of the merged model and of the quantized one. Raises LineageError where a command fails; the clone is gone in any case."""
    file = gguf_file.read(find(path))
    found = released(root, path, file)
    with tempfile.TemporaryDirectory(prefix="aj-reproduce-") as folder:
        clone = Path(folder) / "clone"
        say(f"cloning {found.version}")
        _run(root, "git", "clone", "--quiet", "--no-hardlinks", "--branch", str(found.version), str(root), str(clone))
        _configure(root, clone)
        inputs = _inputs(found)
        say(f"pulling {', '.join(inputs)}")
        _run(clone, sys.executable, "-m", "dvc", "pull", "--quiet", *inputs)
        for stage in (("merge",), ("quantize", found.version.flavour)):
            say(f"running {' '.join(stage)}")
            _run(clone, sys.executable, "-m", f"stages.{stage[0]}", *stage[1:])
            _own_code(clone, "@".join(stage))
        yield from _compared(found, file, clone)


def _inputs(found: Released) -> list[str]:
    """What the two stages read and other stages make, apart from each other's and from what git has."""
    reads = {path: None for stage in ("merge", found.address) for path in found.snapshot.reads[stage]}
    return [path for path in reads if path != MERGED and not path.startswith("metrics/")]


def _configure(root: Path, clone: Path) -> None:
    """Give the clone this one's remote: what is set in no commit, and a path that is relative to this folder."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        name = repo.config["core"].get("remote")
        remote = {key: str(value) for key, value in (repo.config["remote"].get(name) or {}).items()}
        remote.setdefault("url", str(repo.cache.local_cache_dir))
    name = name or "here"
    config = "".join(f"    {key} = {value}\n" for key, value in remote.items())
    (clone / ".dvc/config.local").write_text(f"[core]\n    remote = {name}\n['remote \"{name}\"']\n{config}")


def _own_code(clone: Path, address: str) -> None:
    """Raise LineageError where a stage took ``aj`` from somewhere else: that would compare this code with itself."""
    package = Path(json.loads((clone / f".aj/runs/{address}.json").read_text())["package"])
    if package.resolve() != (clone / "aj").resolve():
        raise LineageError(f"{address} ran with the code of {package}, not of the clone: unset PYTHONSAFEPATH and PYTHONPATH.")


def _compared(found: Released, file: gguf_file.GGUFFile, clone: Path) -> Iterator[Check]:
    merged = Check("the tensors of models/merged")
    places = ("made again", "in git")
    merged.same(
        "tensor hash of models/merged", tensors.tensor_hash(clone / MERGED), found.wanted["parent"]["tensor_hash"], places
    )
    yield merged
    made = gguf_file.read(clone / f"models/gguf/{found.version.flavour}/{found.version}.gguf").tensor_hashes()
    given = file.tensor_hashes()
    for name, wanted in (("in git", found.wanted["tensors"]), ("in the file", given)):
        check = Check(f"tensors against those {name}")
        check.each(made, wanted, ("made again", name), "tensor ")
        yield check
    same = Check(f"tensor hash {digest(made)}", asked=1)
    yield same


def _run(where: Path, *command: str) -> None:
    clean = {
        key: value for key, value in os.environ.items() if key not in ("DVC_STAGE", "DVC_ROOT", "PYTHONPATH", "PYTHONSAFEPATH")
    }
    done = subprocess.run(command, cwd=where, env=clean, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        said = "\n".join(done.stdout.strip().splitlines()[-LAST:])
        raise LineageError(f"`{' '.join(command[-6:])}` failed in the clone of the tag:\n{said}")
