"""Rows that came and went between two mixes, in a repository with git and DVC."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aj.release import moved_rows
from aj.release.tree import Tree
from tests import dvc_repository
from tests.dvc_repository import Repository

OLD = [("agent", "a1"), ("agent", "a2"), ("sqlenv", "s1"), ("canaries", "c1"), ("canaries", "c1")]
NEW = [("agent", "a2"), ("agent", "a3"), ("agent", "a4"), ("sqlenv", "s1"), ("canaries", "c1")]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    return dvc_repository.new(tmp_path / "one")


def mixed(repository: Repository, rows: list[tuple[str, str]]) -> Tree:
    """Commit a mix of (source, id)."""
    file = repository.path / moved_rows.TRAIN
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([{"id": row, "source": source, "messages": "[]"} for source, row in rows]), file)
    assert repository.dvc("add", "-q", moved_rows.MIX).status == 0
    repository.commit("a mix")
    return Tree.of(repository.path, "HEAD")


def test_rows_are_told_apart_though_their_number_says_little(repository: Repository) -> None:
    old, new = mixed(repository, OLD), mixed(repository, NEW)
    shutil.rmtree(repository.path / moved_rows.MIX)  # both from the cache
    assert list(moved_rows.sentences(old, new)) == [
        "Source agent: 2 rows of training are new, 1 are gone, 0 stand there another number of times.",
        "Source canaries: 0 rows of training are new, 0 are gone, 1 stand there another number of times.",
    ]
    assert list(moved_rows.sentences(old, old)) == []


def test_a_mix_that_is_nowhere_is_said(repository: Repository) -> None:
    old, new = mixed(repository, OLD), mixed(repository, NEW)
    shutil.rmtree(repository.path / ".dvc/cache")
    shutil.rmtree(repository.path / moved_rows.MIX)
    (said,) = moved_rows.sentences(old, new)
    assert said.startswith("Which rows came and which went is not known: data/mix/sft/train.parquet of ")
    assert "`dvc fetch --all-commits data/mix/sft`" in said
