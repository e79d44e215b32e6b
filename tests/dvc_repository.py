"""A small repository of git and DVC, made and used by the real programs; DVC in this process, which takes 0.3 s a call and not 2."""

import io
import logging
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

WHO = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull,
}  # fmt: skip


class Done(NamedTuple):
    """What a command came to: exit status, and what it said on both streams."""

    status: int
    said: str


class Repository(NamedTuple):
    """A repository in a folder."""

    path: Path

    def git(self, *words: str) -> str:
        """A command of git; raises CalledProcessError where it fails."""
        done = subprocess.run(
            ["git", *words], cwd=self.path, env={**os.environ, **WHO}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def dvc(self, *words: str) -> Done:
        """A command of DVC."""
        from dvc.cli import main

        if s3fs := sys.modules.get("s3fs"):
            s3fs.S3FileSystem.clear_instance_cache()  # it would keep the credentials of the last call
        said, back = io.StringIO(), Path.cwd()
        handlers = [h for name in ("dvc", "dvc_objects", "dvc_data") for h in logging.getLogger(name).handlers]
        before = [h.stream for h in handlers if isinstance(h, logging.StreamHandler)]
        os.chdir(self.path)
        try:
            with redirect_stdout(said), redirect_stderr(said):
                for handler in handlers:
                    if isinstance(handler, logging.StreamHandler):
                        handler.stream = said
                return Done(main(list(words)), said.getvalue())
        finally:
            os.chdir(back)
            for handler, stream in zip((h for h in handlers if isinstance(h, logging.StreamHandler)), before, strict=True):
                handler.stream = stream

    def write(self, **files: str) -> None:
        """Files of the repository; two underscores in a name stand for a dot."""
        for name, text in files.items():
            (self.path / name.replace("__", ".")).write_text(text)

    def commit(self, message: str = "x") -> str:
        """Everything as it is; the hash of the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")

    def clone(self, to: Path) -> "Repository":
        """A second clone, without data."""
        self.git("clone", "-q", str(self.path), str(to))
        return Repository(to)


def new(path: Path) -> Repository:
    """An empty repository of git and DVC."""
    path.mkdir(parents=True)
    made = Repository(path)
    made.git("init", "-q", "-b", "main")
    assert made.dvc("init", "-q").status == 0
    return made
