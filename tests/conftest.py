"""The whole suite runs in two processes: one trains a pipeline, at which end-to-end tests look; the other runs the rest, and then takes a
copy of the pipeline for some of them.

A file or a test that is named runs in one process, as if pytest-xdist were not there.
"""

import os
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Threads that spin while they wait would take the core of the other process. Set before torch is imported; stages inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two for `pytest` as it is, none where files were named."""
    return 2 if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """File by file, and the end-to-end tests as if they were two."""
    return ByFile(config, log)


class ByFile(LoadScopeScheduling):
    """xdist's own way by groups reads marks that pytest 9.2 no longer lets it write into a test's name (xdist 3.8.0)."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return {FIRST: "trains", LAST: "beside"}.get(place(file), file)


FIRST, BETWEEN, LAST = range(3)
BESIDE = ("test_controls", "test_evaluate", "test_notebook")
"""End-to-end tests that do not care what the others do to the pipeline's clone: they get a copy of it."""


def place(file: str) -> int:
    """When a file has its turn: the longest part first, and last what waits for its model."""
    if not file.startswith("tests/e2e/"):
        return BETWEEN
    return LAST if file.endswith(tuple(f"{name}.py" for name in BESIDE)) else FIRST


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """In one process files keep their order: an experiment, which changes the clone, comes last."""
    if in_two():
        items.sort(key=lambda item: place(item.nodeid.partition("::")[0]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What does not train gives way to what does: everything waits for that."""
    if in_two() and place(item.nodeid.partition("::")[0]) != FIRST and os.nice(0) == 0:
        os.nice(10)


def in_two() -> bool:
    """Whether this process is one of several."""
    return "PYTEST_XDIST_WORKER" in os.environ
