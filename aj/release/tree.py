"""The files of one commit, or of the working tree, without checking anything out.

git itself is asked, in few calls: `git cat-file --batch` reads a hundred files in 10 ms, while importing pygit2 alone takes
0.2 s. Paths are relative to the project's root, the folder with dvc.yaml, which may lie inside a larger repository.
"""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from aj.release.errors import ReleaseError


def git(root: Path, *args: str, given: bytes = b"") -> bytes:
    """What a git command prints. Raises ReleaseError with git's own sentence when it fails."""
    try:
        done = subprocess.run(["git", "--no-optional-locks", *args], cwd=root, input=given, capture_output=True)
    except OSError as error:
        raise ReleaseError(f"git cannot be run in {root} ({error}): install it, or go to the project's folder.") from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("fatal: ")
        raise ReleaseError(f"`git {' '.join(args[:2])}` failed: {said}.")
    return done.stdout


@dataclass(frozen=True)
class Tree:
    """Files of a commit (``rev`` is its full hash) or of the working tree (``rev`` is None)."""

    root: Path
    rev: str | None

    @classmethod
    def of(cls, root: Path, rev: str | None) -> Self:
        """The tree of anything that git can resolve to a commit. Raises ReleaseError when it cannot."""
        wanted = "HEAD" if rev is None else rev
        try:
            commit = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{wanted}^{{commit}}")
        except ReleaseError:
            raise ReleaseError(
                f"{wanted!r} is no commit of {root}: give a tag, a branch or a hash that `git log` shows."
            ) from None
        return cls(root, None if rev is None else commit.decode().strip())

    def __str__(self) -> str:
        return "the working tree" if self.rev is None else self.rev[:10]

    @property
    def commit(self) -> str:
        """The commit itself; the one that is checked out, for the working tree."""
        return self.rev or "HEAD"

    @cached_property
    def files(self) -> dict[str, str]:
        """Path -> blob id, for every tracked file; in the working tree also what git would track, with empty ids."""
        if self.rev is None:
            names = git(self.root, "ls-files", "-coz", "--exclude-standard").decode().split("\0")
            return {name: "" for name in names if name and (self.root / name).is_file()}
        listed = git(self.root, "ls-tree", "-rz", self.rev).decode().split("\0")
        entries = [line.partition("\t") for line in listed if line]
        return {path: head.split()[2] for head, _, path in entries if head.split()[1] == "blob"}

    def under(self, path: str) -> list[str]:
        """The files that a path stands for: itself, or all below it."""
        return [path] if path in self.files else [name for name in self.files if name.startswith(f"{path}/")]

    def read(self, paths: Iterable[str]) -> dict[str, bytes]:
        """Content of those of the paths that exist."""
        wanted = [path for path in dict.fromkeys(paths) if path in self.files]
        if self.rev is None:
            return {path: (self.root / path).read_bytes() for path in wanted}
        if not wanted:
            return {}
        answer = git(self.root, "cat-file", "--batch", given="".join(f"{self.files[p]}\n" for p in wanted).encode())
        found, at = {}, 0
        for path in wanted:  # an answer: `ID blob SIZE`, a new line, the content, a new line
            end = answer.index(b"\n", at)
            size = int(answer[at:end].split()[2])
            found[path] = answer[end + 1 : end + 1 + size]
            at = end + size + 2
        return found

    def content(self, path: str) -> bytes | None:
        """Content of one file, None where it does not exist."""
        return self.read([path]).get(path)
