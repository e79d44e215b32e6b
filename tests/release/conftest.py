"""One project that ran, for every test to copy."""

from pathlib import Path

import pytest

from tests.release import project


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made") / "project"
    root.mkdir()
    project.create(root)
    return root
