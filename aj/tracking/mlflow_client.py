"""Where MLflow is, and its plain client: one for the runs of stages, for releases and for policies.

The plain client, not the fluent API: that one would note the user, the script's path and the host, and open runs of its own.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from aj.stage import WORK

if TYPE_CHECKING:
    from mlflow import MlflowClient

SERVED = "mlflow-artifacts:/"  # how `mlflow server --artifacts-destination` addresses what runs have uploaded
SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",  # a journal is more patient than a request
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",  # seconds
}


def uri(root: Path | None = None) -> str:
    """``MLFLOW_TRACKING_URI``, else SQLite in a project's work folder: absolute, because MLflow's own default goes by the working
    directory and is lost in temporary runs."""
    return (
        os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{((root or Path.cwd()).resolve() / WORK / 'mlflow.db').as_posix()}"
    )


def connect(uri: str) -> "MlflowClient":
    """A client of runs and models. The first one of a local file makes its tables (seconds)."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    from mlflow import MlflowClient

    if uri.startswith("sqlite:///"):
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        SqlAlchemyStore(uri, SERVED)  # makes the tables; the client would write the working directory into them
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def artifacts(local: str) -> Path:
    """The folder beside a local file that holds what its runs have uploaded, as `mlflow server` would serve it."""
    return Path(local.removeprefix("sqlite:///")).parent / "mlflow-artifacts"
