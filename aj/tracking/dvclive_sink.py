"""One journal into DVCLive's files: dvclive/STAGE, small texts that git keeps.

Written whole each time, so that they are what the journal says. DVCLive's defaults would edit dvc.yaml and make an experiment
while training; its step would be the log event, here it is the trainer's global_step.
"""

import logging
from itertools import groupby
from pathlib import Path

from aj.tracking.journal import Journal

FOLDER = Path("dvclive")


def write(journal: Journal, stage: str) -> Path:
    """Write the parameters and curves of a run; returns the folder."""
    logging.getLogger("dvclive").setLevel(logging.ERROR)
    from dvclive import Live

    folder = FOLDER / stage
    facts = [line.fact for line in journal.lines()]
    live = Live(str(folder), save_dvc_exp=False, dvcyaml=None, report=None)
    live.log_params({fact.key: fact.value for fact in facts if fact.kind == "param"})
    points = sorted((fact for fact in facts if fact.kind == "metric"), key=lambda fact: fact.step)
    for step, at in groupby(points, key=lambda fact: fact.step):
        live.step = step
        for fact in at:
            live.log_metric(fact.key, float(fact.value))
    live.make_summary()
    return folder


def curves(stage: str) -> dict[str, list[int]]:
    """Metric -> its steps, as the files have them; empty where there are none."""
    found = {}
    for path in sorted((FOLDER / stage / "plots" / "metrics").rglob("*.tsv")):
        name = path.relative_to(FOLDER / stage / "plots" / "metrics").with_suffix("").as_posix()
        found[name] = [int(row.split("\t")[0]) for row in path.read_text().splitlines()[1:]]
    return found
