"""A remote on a real S3 server, and a repository with data for it; both made once and copied for each test."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import s3fs

from tests import dvc_repository, s3_server
from tests.dvc_repository import Repository

ROOT = Path(__file__).parents[2]
MAKE = """\
from pathlib import Path
Path("folder").mkdir()
for number in range(6):
    Path(f"folder/{number}.txt").write_text(f"{number}\\n" * 1000)
Path("one.txt").write_text("one\\n")
"""
PIPELINE = """\
stages:
  make:
    cmd: python make.py
    deps:
    - make.py
    outs:
    - folder
    - one.txt
"""


class Place(NamedTuple):
    """A repository whose remote is `s3://bucket/aj`, and the server's folder of that bucket."""

    repository: Repository
    bucket: Path

    def objects(self) -> dict[str, Path]:
        """Key -> the file in which the server keeps it."""
        files = (f for f in (self.bucket / "aj/files/md5").rglob("*") if f.is_file())
        return {f"{f.parent.name}{f.name}": f for f in files}

    def remove(self, key: str) -> None:
        """Delete an object by the server, which would not notice that its file is gone."""
        s3fs.S3FileSystem().rm_file(f"bucket/aj/files/md5/{key[:2]}/{key[2:]}")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Run once, its remote configured by the commands of docs/remote.md, nothing pushed."""
    with pytest.MonkeyPatch.context() as patch:
        isolate(patch, tmp_path_factory.mktemp("site"))
        repository = dvc_repository.new(tmp_path_factory.mktemp("made") / "one")
        repository.write(make__py=MAKE, dvc__yaml=PIPELINE)
        assert repository.dvc("repro", "-q").status == 0
        for command in commands():
            assert repository.dvc(*command).status == 0
        repository.commit()
    return repository


def commands() -> list[list[str]]:
    """The two commands of docs/remote.md that configure a remote, with this test's bucket."""
    text = (ROOT / "docs/remote.md").read_text()
    found = re.search(r"<!-- configure -->\n```bash\n(.*?)```", text, re.DOTALL)
    assert found
    lines = [line.removeprefix("uv run dvc ").replace("BUCKET", "bucket").split() for line in found[1].strip().splitlines()]
    assert len(lines) == 2
    return lines


def isolate(patch: pytest.MonkeyPatch, site: Path) -> None:
    """No configuration, credentials or index of this machine."""
    for name, value in {"DVC_SITE_CACHE_DIR": str(site), "DVC_GLOBAL_CONFIG_DIR": str(site), "DVC_SYSTEM_CONFIG_DIR": str(site), "DVC_NO_ANALYTICS": "1"}.items():  # fmt: skip
        patch.setenv(name, value)


@pytest.fixture
def place(made: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    isolate(monkeypatch, tmp_path / "site")
    shutil.copytree(made.path, tmp_path / "one")
    (tmp_path / "s3/bucket").mkdir(parents=True)
    with s3_server.serving(tmp_path / "s3") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield Place(Repository(tmp_path / "one"), tmp_path / "s3/bucket")
