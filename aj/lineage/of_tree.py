"""What lies here against the tag: the files that git has, key by key where they are parameters, and the folders that DVC brings."""

import json
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from aj.errors import AJError
from aj.hashing import digest, hash_tree
from aj.lineage.check import Check, leaves
from aj.lineage.origin import Records
from aj.record import MANIFEST
from aj.release import parsed
from aj.release.snapshot import PINS, Snapshot
from aj.release.tree import Tree

PARAMS = "params.yaml"
PLACES = ("here", "at the tag")


def files(snapshot: Snapshot, stages: Iterable[str]) -> Iterator[Check]:
    """Parameters, pins, and every file in git that these stages read or made, with dvc.yaml and dvc.lock."""
    here = Tree.of(snapshot.tree.root, None)
    yield _parameters(snapshot, here)
    yield _pins(snapshot, here)
    check = Check("files in git")
    paths = {p for a in stages for p in (*snapshot.declared[a].deps, *snapshot.declared[a].outs)} | {"dvc.yaml", "dvc.lock"}
    names = sorted({name for path in paths for tree in (snapshot.tree, here) for name in tree.under(path)})
    found, wanted = here.read(names), snapshot.tree.read(names)
    for name in names:
        check.asked += 1
        if found.get(name) != wanted.get(name):
            how = "is gone" if name not in found else "is not in git" if name not in wanted else "has other bytes here"
            check.wrong.append(f"{name} {how} (`git diff {snapshot.tree.commit[:10]} -- {name}`)")
    yield check


def folders(root: Path, stages: Records) -> Iterator[Check]:
    """Every folder that stages made, file by file. What is not here was not checked."""
    check = Check("folders that DVC keeps")
    for found in stages.values():
        for path, wanted in found["outputs"].items():
            if path.startswith("metrics/"):
                continue  # in git
            if not (root / path).exists():
                check.absent.append(f"{path} (uv run dvc pull {path})")
                continue
            check.asked += 1
            tree = hash_tree(root / path)
            if digest(tree) != wanted:
                check.wrong += list(_differing(root / path, path, tree))
    yield check


def _parameters(snapshot: Snapshot, here: Tree) -> Check:
    check = Check(f"keys of {PARAMS}")
    try:
        check.each(leaves(parsed.read(here, PARAMS)), leaves(snapshot.params), PLACES, f"{PARAMS} ")
    except AJError as error:
        check.wrong.append(str(error))
    if not check.wrong and here.content(PARAMS) != snapshot.tree.content(PARAMS):
        check.wrong.append(f"{PARAMS} has other bytes here: a comment or white space, no value")
    return check


def _pins(snapshot: Snapshot, here: Tree) -> Check:
    check = Check(f"groups of {PINS}")
    try:
        used = {key.split(".", 1)[1] for stage in snapshot.declared.values() for key in stage.params.get(PINS, ()) if "." in key}
        check.each(_groups(here, used), _groups(snapshot.tree, used), PLACES, f"{PINS} ")
    except ValueError as error:
        check.wrong.append(f"{PINS} here is not valid TOML ({error})")
    return check


def _groups(tree: Tree, used: set[str]) -> dict[str, Any]:
    groups = tomllib.loads((tree.content(PINS) or b"").decode()).get("dependency-groups", {})
    return {name: pins for name, pins in groups.items() if name in used}


def _differing(folder: Path, name: str, found: dict[str, str]) -> Iterator[str]:
    """Sentences that name the files of a folder which are not those of its manifest, or the manifest itself."""
    mend = f"(`uv run dvc checkout {name}`)"
    try:
        wanted: dict[str, str] = json.loads((folder / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        yield f"{name}/{MANIFEST} cannot be read ({error}), so the file of {name} that differs cannot be named {mend}"
        return
    wrong = False
    for file in sorted({*found, *wanted} - {MANIFEST}):
        if found.get(file) != wanted.get(file):
            wrong = True
            how = "is gone" if file not in found else "is one too many" if file not in wanted else "has other bytes"
            yield f"{name}/{file} {how} {mend}"
    if not wrong:
        yield f"{name}/{MANIFEST} has other bytes {mend}"
