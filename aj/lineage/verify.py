"""`aj verify`: a GGUF replayed against the repository at its tag, part by part; every part that differs is named.

What is in git at the tag is what holds. Three scopes: ``file`` (the file against its record), ``tag`` (the record against the code,
parameters and data of its commit), ``here`` (the working tree and the folders that DVC brought, against both).
What is not covered: the weights of a base that was fetched (they lie in the hub's cache; `aj reproduce` reads and checks them);
whoever can move the tag. DVC's MD5 of folders is not computed: SHA-256 of every file is.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj import record
from aj.errors import AJError, ParamsError
from aj.export import gguf_file
from aj.export.gguf_file import GGUFFile, Progress
from aj.lineage import of_file, of_tag, of_tree, origin
from aj.lineage.check import Check, LineageError
from aj.release.errors import ReleaseError
from aj.release.pipeline import upstream
from aj.release.snapshot import Snapshot
from aj.release.tree import Tree
from aj.version import Version

SCOPES = ("file", "tag", "here")


@dataclass(frozen=True)
class Released:
    """A file, and the commit that its tag stands on."""

    version: Version
    snapshot: Snapshot
    wanted: Mapping[str, Any]
    """The record of ``quantize``."""

    @property
    def address(self) -> str:
        """The stage that made it."""
        return f"quantize@{self.version.flavour}"

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """The records of the stages before it."""
        tree = self.snapshot.tree
        return origin.records(tree.read(tree.under(record.FOLDER)))


def find(path: Path) -> Path:
    """The GGUF that a path stands for: itself, or the only one of a folder. Raises LineageError where there is none."""
    files = sorted(path.glob("*.gguf")) if path.is_dir() else [path] if path.is_file() else []
    if len(files) != 1:
        raise LineageError(f"{path} is no GGUF and no folder of one: name the file; folders of DVC are checked along with it.")
    return files[0]


def released(root: Path, path: Path, file: GGUFFile | None) -> Released:
    """Find a file's tag by its name: in its lineage, in its metadata, or the name that it lies under.

    Raises LineageError where no tag of such a name is here, or its commit has no record.
    """
    tried = list(dict.fromkeys(_names(path, file)))
    for version in tried:
        try:
            snapshot = Snapshot(Tree.of(root, f"refs/tags/{version}"))
        except ReleaseError:
            continue
        where = record.path_of(f"quantize@{version.flavour}")
        text = snapshot.tree.content(where)
        if text is None:
            raise LineageError(f"tag {version} has no {where}: it was released before lineage was recorded.")
        return Released(version, snapshot, json.loads(text))
    said = ", ".join(map(str, tried)) or "nothing that is an artifact's name"
    raise LineageError(f"{path} says it is {said}: no such tag is here; run `git fetch --tags`, in a clone of its repository.")


def verify(root: Path, path: Path, scopes: Sequence[str], progress: Progress) -> Iterator[Check]:
    """One check a kind of part. Raises LineageError where the file cannot be found a tag."""
    path = find(path)
    try:
        file, broken = gguf_file.read(path), ""
    except AJError as error:
        file, broken = None, str(error)
    found = released(root, path, file)
    yield Check(f"tag {found.version} at {str(found.snapshot.tree.rev)[:10]}", asked=1)
    if "file" in scopes:
        if file:
            yield from of_file.checks(file, found.wanted, found.snapshot.tree, found.version.flavour, progress)
        else:
            yield Check("the file", asked=1, wrong=[broken])
    if "tag" in scopes:
        yield from of_tag.checks(found.snapshot, found.wanted, found.address, found.stages)
    if "here" in scopes:
        yield from of_tree.files(found.snapshot, sorted(upstream([found.address], found.snapshot.feeders)))
        yield from of_tree.folders(root, found.stages)


def _names(path: Path, file: GGUFFile | None) -> Iterator[Version]:
    said = [path.stem]
    if file:
        for read in (lambda: (origin.carried(file, origin.KEY) or {}).get("name"), lambda: file.text("aj.name")):
            try:
                said.insert(-1, str(read()))
            except AJError:
                continue  # a broken part is named by its own check
    for name in said:
        try:
            yield Version.parse(name)
        except ParamsError:
            continue
