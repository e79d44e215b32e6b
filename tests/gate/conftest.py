"""A project to gate and promote in, and an MLflow registry whose tables are made once."""

import json
import shutil
from pathlib import Path

import pytest

from tests.gate.world import FORMS, RULES, Project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    made = Project(tmp_path)
    made.git("init", "-q", "-b", "main")
    for key, value in (("user.name", "a person"), ("user.email", "person@example.org"), ("commit.gpgsign", "false")):
        made.git("config", key, value)
    assert made.dvc("init") == 0
    outs = {form: [f"metrics/transcripts/{form}.jsonl", f"metrics/transcripts/{form}_tasks.jsonl"] for form in FORMS}
    outs |= {"prepare_mix": ["data/mix/sft"], "merge": ["models/merged"], "quantize": ["models/gguf/q4km"]}
    made.write(
        "dvc.yaml", json.dumps({"stages": {name: {"cmd": "true", "outs": paths} for name, paths in outs.items()}}, indent=1)
    )
    made.write(".gitignore", "/.aj/\n/models/\n/data/mix/\n/metrics/transcripts/\n")
    made.write("data/gate.yaml", RULES)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return made


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mlflow.store.db.utils import _initialize_tables
    from sqlalchemy import create_engine

    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    _initialize_tables(create_engine(f"sqlite:///{file}"))
    return file


@pytest.fixture
def registry(project: Project, tables: Path) -> Project:
    """The project, with the tables of the registry made: that takes ten seconds."""
    (project.root / ".aj").mkdir()
    shutil.copy(tables, project.root / ".aj/mlflow.db")
    return project
