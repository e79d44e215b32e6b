"""Whether what was sent is whole: one run a stage, nothing missing, no stray run, the same curves in both places."""

from collections.abc import Iterator

from aj.errors import DataError
from aj.tracking import dvclive_sink, finished
from aj.tracking.contract import METRICS, missing
from aj.tracking.facts import RUN_TAG
from aj.tracking.mlflow_sink import Mlflow
from aj.tracking.run_files import RunFiles


def problems(rev: str | None) -> Iterator[str]:
    """A line each for what is wrong with the runs of the workspace or of a revision; raises DataError where no stage has run."""
    run_files, mlflow = RunFiles(rev), Mlflow()
    done = [stage for stage in finished.STAGES if stage in run_files.lock]
    if not done:
        raise DataError(f"dvc.lock of {run_files} has no training stage: run `dvc repro` first.")
    runs = mlflow.runs()
    for stage in done:
        name = finished.run_name(stage, run_files.lock[stage])
        own = [run for run in runs if run.data.tags.get(RUN_TAG) == name]
        if len(own) != 1:
            yield f"{stage}: {len(own)} runs are called {name}, one is wanted" + ("" if own else "; send it: `aj tracking send`")
            continue
        found = mlflow.found(own[0].info.run_id)
        yield from (f"{stage}: {what} is missing" for what in missing(found))
        if own[0].info.status != "FINISHED":
            yield f"{stage}: the run is {own[0].info.status}, not FINISHED"
        if rev is None:
            yield from _other_steps(stage, {key: sorted(steps) for key, steps in found.curves.items()})
    for run in runs:
        if RUN_TAG not in run.data.tags:
            yield f"run {run.info.run_id} ({run.info.run_name}) is a stray: nothing of this project has opened it"


def _other_steps(stage: str, sent: dict[str, list[int]]) -> Iterator[str]:
    kept = dvclive_sink.curves(stage)
    for name in sorted({*METRICS, *sent, *kept}):
        ours, theirs = kept.get(name, []), sent.get(name, [])
        if ours != theirs:
            yield f"{stage}: {name} has {len(ours)} steps in DVCLive and {len(theirs)} in MLflow, or other ones"
