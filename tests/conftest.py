"""The whole suite runs in two processes: the end-to-end tests in one, which all look at one trained pipeline, the rest in the other.

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
    """File by file, and all end-to-end tests as if they were one."""
    return ByFile(config, log)


class ByFile(LoadScopeScheduling):
    """xdist's own way by groups reads marks that pytest 9.2 no longer lets it write into a test's name (xdist 3.8.0)."""

    def _split_scope(self, nodeid: str) -> str:
        return "e2e" if nodeid.startswith("tests/e2e/") else nodeid.partition("::")[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest part first."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)
