"""A stage that trains right now: the losses that its newest checkpoint knows.

The trainer writes its log into every checkpoint, so the curves are as fresh as `save_steps` and training needs no callback.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from aj.stage import WORK
from aj.tracking.facts import RUN_TAG, Fact
from aj.tracking.finished import STAGES, started_as, tags
from aj.tracking.run_files import RunFiles

LOGGED = {"loss": "train_loss", "eval_loss": "val_loss", "learning_rate": "learning_rate", "reward": "reward"}


def running() -> list[str]:
    """Stages that have a whole checkpoint and have not ended."""
    return [stage for stage in STAGES if _state(stage)]


def facts(stage: str, entry: dict[str, Any]) -> Iterator[Fact]:
    """What is known of a running stage; ``entry`` is what dvc.lock will say of its inputs."""
    yield Fact("tag", RUN_TAG, started_as(stage, entry))
    yield from tags(stage, entry, RunFiles())
    for event in (_state(stage) or {"log_history": []})["log_history"]:
        for logged, name in LOGGED.items():
            if logged in event:  # rounded as the stage rounds its curves
                yield Fact("metric", name, float(f"{event[logged]:.6g}"), event["step"])


def entry_of(stage: str) -> dict[str, Any]:
    """A stage's inputs and parameters as they are now, in the form of dvc.lock."""
    from dvc.repo import Repo
    from dvc.stage.serialize import to_single_stage_lockfile

    found = Repo().stage.load_one("dvc.yaml", stage)
    found.save_deps()
    return dict(to_single_stage_lockfile(found))


def _state(stage: str) -> dict[str, Any] | None:
    lock = WORK / "lock" / stage
    if not _runs(stage, lock):
        return None
    since = lock.stat().st_mtime_ns  # older checkpoints may be those of a run with other inputs
    whole = [(path.stat().st_mtime_ns, path) for path in (WORK / "resume" / stage).glob("*/checkpoint-*/trainer_state.json")]
    for _, path in sorted((at, path) for at, path in whole if at > since)[::-1]:
        try:
            state: dict[str, Any] = json.loads(path.read_text())
        except (OSError, ValueError):  # being written, or just removed: an older one will do until the next look
            continue
        return state
    return None


def _runs(stage: str, lock: Path) -> bool:
    # The lock itself is not tried: holding it for a moment would turn a stage away that starts right then.
    try:
        process = psutil.Process(int(lock.read_text()))
        return any(stage in part for part in process.cmdline())
    except (OSError, ValueError, psutil.Error):
        return False
