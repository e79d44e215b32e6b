"""The whole suite runs in two processes: the end-to-end tests in one, which all look at one trained pipeline, the rest in the other.

A file or a test that is named runs in one process, as if pytest-xdist were not there.
"""

import os

import pytest

# Threads that spin while they wait would take the core of the other process. Set before torch is imported; stages inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two for `pytest` as it is, none where files were named."""
    return 2 if config.args_source is pytest.Config.ArgsSource.TESTPATHS else 0


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest group first; a file stays together, so that its fixtures are made once."""
    items.sort(key=lambda item: item.get_closest_marker("e2e") is None)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("e2e" if item.get_closest_marker("e2e") else str(item.path)))
