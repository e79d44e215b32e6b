"""One journal into one run of MLflow: created once, found again by its name, closed when the stage has ended.

Without MLFLOW_TRACKING_URI it is a SQLite file in .aj, and files lie beside it in the layout that `mlflow server
--artifacts-destination` serves, so that the database holds no path of this machine.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.errors import DataError
from aj.hashing import sha256
from aj.tracking import mlflow_client
from aj.tracking.contract import Found
from aj.tracking.facts import RUN_TAG
from aj.tracking.journal import Journal, Line
from aj.tracking.mlflow_client import SERVED

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "AJ"
BATCH = 100  # of anything in one request; MLflow takes 100 parameters


class Unreachable(DataError):
    """The server did not take everything; what is left stays in the journal."""


class Mlflow:
    """A tracking server, or the local file."""

    def __init__(self) -> None:
        self.uri = mlflow_client.uri()
        self.local = self.uri.startswith("sqlite:")
        # An address may carry a password: only its hash is written down.
        self.destination = hashlib.sha256(self.uri.encode()).hexdigest()[:12]

    @cached_property
    def client(self) -> "MlflowClient":
        """The plain client. The first one makes the tables of a local file (seconds)."""
        return mlflow_client.connect(self.uri)

    @cached_property
    def experiment(self) -> str:
        """The id of the experiment, made where there is none."""
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found:
            return str(found.experiment_id)
        try:
            return str(
                self.client.create_experiment(EXPERIMENT, artifact_location=f"{SERVED}{EXPERIMENT}" if self.local else None)
            )
        except MlflowException:  # made by another process meanwhile
            return str(self.client.get_experiment_by_name(EXPERIMENT).experiment_id)

    def send(self, journal: Journal) -> int:
        """Send what this destination has not got; returns how many facts. Raises Unreachable where it takes no more."""
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException

        mark, lines, sent = journal.mark(self.destination), journal.lines(), 0
        todo = lines[mark["sent"] :]
        if not todo:
            return 0
        try:
            if "run" not in mark:
                mark["run"] = self._run(lines)
                journal.set_mark(self.destination, mark)
            there = self._points(mark["run"]) if not mark["sent"] else set()  # what another clone has sent of the same run
            while todo:
                self._deliver(mark["run"], journal, [li for li in todo[:BATCH] if _point(li) not in there])
                mark["sent"] += len(todo[:BATCH])
                sent += len(todo[:BATCH])
                journal.set_mark(self.destination, mark)
                todo = todo[BATCH:]
        except (MlflowException, RequestException) as error:
            raise Unreachable(
                f"MLflow did not take {len(todo)} facts of {journal.folder.name} ({type(error).__name__}): they are kept in "
                f"{journal.path}; send them with `aj tracking send` when the server is back."
            ) from None
        return sent

    def found(self, run_id: str, *, artifacts: bool = True) -> Found:
        """What a run has there."""
        run = self.client.get_run(run_id)
        curves = {key: [point.step for point in self.client.get_metric_history(run_id, key)] for key in run.data.metrics}
        return Found(run.data.params, curves, run.data.tags, self._artifacts(run) if artifacts else ())

    def runs(self) -> Sequence[Any]:
        """All runs that are not deleted: of the experiment, and in a local file of every other."""
        own = [e.experiment_id for e in self.client.search_experiments()] if self.local else [self.experiment]
        found: list[Any] = []
        token = None
        while page := self.client.search_runs(own, page_token=token):
            found += page
            if not (token := page.token):
                break
        return found

    def _run(self, lines: Sequence[Line]) -> str:
        names = [line.fact.value for line in lines if (line.fact.kind, line.fact.key) == ("tag", RUN_TAG)]
        for name in names:  # the name that it had while it ran, or its last
            if there := self.client.search_runs([self.experiment], f"tags.`{RUN_TAG}` = '{name}'"):
                return str(there[0].info.run_id)
        stage = next(str(line.fact.value) for line in lines if (line.fact.kind, line.fact.key) == ("tag", "stage"))
        made = self.client.create_run(self.experiment, lines[0].time, {RUN_TAG: str(names[0])}, run_name=stage)
        return str(made.info.run_id)

    def _points(self, run_id: str) -> set[tuple[str, int]]:
        curves = self.found(run_id, artifacts=False).curves
        return {(key, step) for key, steps in curves.items() for step in steps}

    def _deliver(self, run_id: str, journal: Journal, lines: Sequence[Line]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        def of(kind: str) -> list[Line]:
            return [line for line in lines if line.fact.kind == kind]

        metrics = [Metric(li.fact.key, float(li.fact.value), li.time, li.fact.step) for li in of("metric")]
        params = [Param(li.fact.key, str(li.fact.value)) for li in of("param")]
        tags = [RunTag(li.fact.key, str(li.fact.value)) for li in of("tag")]
        self.client.log_batch(run_id, metrics=metrics, params=params, tags=tags)
        for line in of("file"):
            kept = journal.files / line.fact.key
            if not kept.is_file() or sha256(kept) != line.fact.value:
                raise DataError(f"{kept} is not the file that was kept (gone or edited): restore it, or remove {journal.folder}.")
            self._upload(run_id, line.fact.key, kept)
        for line in of("end"):
            self.client.set_terminated(run_id, str(line.fact.value), line.time)

    def _upload(self, run_id: str, place: str, source: Path) -> None:
        folder, _, _ = place.rpartition("/")
        if not self.local:
            self.client.log_artifact(run_id, str(source), folder)
            return
        target = self._folder(self.client.get_run(run_id)) / place
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as half, source.open("rb") as content:
            shutil.copyfileobj(content, half)
        Path(half.name).replace(target)

    def _artifacts(self, run: Any) -> list[str]:
        if self.local:
            return [folder.name for folder in self._folder(run).glob("*") if any(folder.iterdir())]
        tops = [item.path for item in self.client.list_artifacts(run.info.run_id) if item.is_dir]
        return [top for top in tops if self.client.list_artifacts(run.info.run_id, top)]

    def _folder(self, run: Any) -> Path:
        place: str = run.info.artifact_uri.removeprefix(SERVED)
        return mlflow_client.artifacts(self.uri) / place


def _point(line: Line) -> tuple[str, int] | None:
    return (line.fact.key, line.fact.step) if line.fact.kind == "metric" else None
