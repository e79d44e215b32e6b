"""The workspace, or any revision: what git keeps and what DVC keeps, read alike.

A queued experiment ran in a folder that is gone; its revision still has its parameters, metrics and curves, and DVC its model.
"""

import hashlib
import os
import shutil
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

from aj import revision
from aj.errors import DataError
from aj.params import load
from aj.sections import Params


class RunFiles:
    """Files of the workspace (``rev`` None) or of a revision; what the DVC cache lacks comes from the remote."""

    def __init__(self, rev: str | None = None) -> None:
        self.rev = rev

    @cached_property
    def _files(self) -> Any:
        return revision.files(self.rev)

    @cached_property
    def lock(self) -> dict[str, Any]:
        """The stages of dvc.lock."""
        from dvc.utils.serialize import parse_yaml

        tree: dict[str, Any] = parse_yaml(self.read("dvc.lock").decode(), "dvc.lock")
        return tree["stages"] or {}

    @cached_property
    def params(self) -> Params:
        """params.yaml, checked."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder, "params.yaml")
            copy.write_bytes(self.read("params.yaml"))
            return load(copy)

    def refuse_changed(self, stage: str) -> None:
        """Raise DataError where an output in the workspace is not the one that dvc.lock records for the stage."""
        from dvc.repo import Repo

        if self.rev is None:
            outs = Repo().stage.load_one("dvc.yaml", stage).outs
            if changed := [out.def_path for out in outs if out.workspace_status()]:
                raise DataError(
                    f"{changed[0]!r} is not what {stage} wrote by dvc.lock: run `dvc repro {stage}` or `dvc checkout`."
                )

    def read(self, path: str) -> bytes:
        """A file's bytes. Raises DataError where neither git, cache nor remote has it."""
        try:
            return bytes(self._files.read_bytes(path))
        except FileNotFoundError:
            raise self._absent(path) from None

    def fetch(self, path: str, target: Path) -> None:
        """Put a file there: a hard link where it is a stage's output in the workspace (those are replaced by renaming), else a copy."""
        try:
            if self.rev is None and Path(path).is_file() and self._is_output(path):
                try:
                    os.link(path, target)
                except OSError:  # another disk
                    shutil.copyfile(path, target)
            else:
                self._files.get_file(path, str(target))
        except FileNotFoundError:
            raise self._absent(path) from None

    def recorded(self, stage: str, path: str) -> bytes:
        """An output file of a stage, held against dvc.lock. Raises DataError where it is another file than the stage wrote."""
        entry = next((out for out in self.lock[stage]["outs"] if out["path"] == path), None)
        if entry is None:
            raise DataError(f"{stage} has no output {path!r} in dvc.lock: run `dvc repro {stage}`.")
        content = self.read(path)
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != entry["md5"]:
            raise DataError(f"{path!r} in {self} is not the file that {stage} wrote: restore it with `dvc checkout` or git.")
        return content

    def names(self, folder: str) -> list[str]:
        """The files under a folder, by relative name. Raises DataError where there is none."""
        try:
            found = sorted(str(name) for name in self._files.find(folder))
        except FileNotFoundError:
            found = []
        if not found:
            raise self._absent(folder)
        return [name.removeprefix("/").removeprefix(f"{folder}/") for name in found]

    def _is_output(self, path: str) -> bool:
        outs = (out["path"] for entry in self.lock.values() for out in entry.get("outs", ()))
        return any(path == out or path.startswith(f"{out}/") for out in outs)

    def _absent(self, path: str) -> DataError:
        return DataError(f"{path!r} is not in {self}: restore it, or fetch it with `dvc pull`.")

    def __str__(self) -> str:
        return f"revision {self.rev!r}" if self.rev else "the workspace"
