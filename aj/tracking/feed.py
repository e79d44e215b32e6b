"""The one place that feeds both: facts into a journal, the journal into DVCLive and MLflow."""

from collections.abc import Iterator, Sequence
from functools import partial

from aj.errors import DataError
from aj.tracking import dvclive_sink, finished, live
from aj.tracking.facts import RUN_TAG
from aj.tracking.journal import FOLDER, Journal
from aj.tracking.mlflow_sink import Mlflow, Unreachable
from aj.tracking.run_files import RunFiles


def record_finished(rev: str | None, stages: Sequence[str] = tuple(finished.STAGES)) -> list[Journal]:
    """Write down the training stages that dvc.lock has, of the workspace or of a revision. Raises DataError where there is none."""
    run_files = RunFiles(rev)
    done = [stage for stage in stages if stage in run_files.lock]
    if not done:
        raise DataError(f"dvc.lock of {run_files} has no training stage: run `dvc repro` first.")
    return [_record(stage, run_files) for stage in done]


def record_running() -> list[Journal]:
    """Write down what the stages that train right now have logged so far."""
    found = []
    for stage in live.running():
        entry = live.entry_of(stage)
        journal = Journal(FOLDER / finished.started_as(stage, entry))
        with journal.held():
            if _ended(journal):  # run once more with the same inputs: told when it has ended
                continue
            new = journal.add(live.facts(stage, entry))
        if new:
            dvclive_sink.write(journal, stage)
        found.append(journal)
    return found


def send(journals: Sequence[Journal]) -> Iterator[tuple[bool, str]]:
    """Send journals to MLflow; yields (taken, a sentence) for each that had something to send."""
    mlflow = Mlflow()
    for journal in journals:
        with journal.held():
            try:
                count = mlflow.send(journal)
            except Unreachable as error:
                yield False, str(error)
                continue
        if count:
            yield True, f"{journal.folder.name}: {count} facts sent to MLflow"


def journal_of(stage: str, run_files: RunFiles) -> Journal:
    """The journal that was begun while the stage ran, unless it ended with another result; else one of its own."""
    entry = run_files.lock[stage]
    name, begun = finished.run_name(stage, entry), Journal(FOLDER / finished.started_as(stage, entry))
    if begun.path.is_file() and (not _ended(begun) or _names(begun)[-1] == name):
        return begun
    return Journal(FOLDER / name)


def _record(stage: str, run_files: RunFiles) -> Journal:
    run_files.refuse_changed(stage)
    *facts, end = finished.facts(stage, run_files)
    journal = journal_of(stage, run_files)
    with journal.held():
        known = _ended(journal)
        files = [] if known else list(finished.files(stage, run_files))
        kept = [journal.keep(place, partial(run_files.fetch, path)) for place, path in files]
        journal.add([*facts, *kept, end])  # the end last: a run is closed when its files are there
    if run_files.rev is None:
        dvclive_sink.write(journal, stage)
    return journal


def _ended(journal: Journal) -> bool:
    return any(line.fact.kind == "end" for line in journal.lines())


def _names(journal: Journal) -> list[str]:
    return [str(line.fact.value) for line in journal.lines() if (line.fact.kind, line.fact.key) == ("tag", RUN_TAG)]
