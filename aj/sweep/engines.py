"""Scripts into engines: submitit (this machine or Slurm) and SkyPilot."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aj.errors import DataError, ParamsError

SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


@dataclass(frozen=True)
class Machine:
    """What a job asks for."""

    gpus: int
    accelerator: str
    """SkyPilot's name of it (``H200``)."""
    hours: float
    partition: str | None
    """Of Slurm."""


def submit(cluster: str, scripts: Sequence[Path], machine: Machine, folder: Path) -> list[str]:
    """Run scripts by submitit, in parallel. ``local`` waits for them; ``slurm`` returns at once. Returns the ids of the jobs.

    Raises DataError with the end of its log where a local job failed.
    """
    import submitit

    if cluster == "slurm" and not shutil.which("sbatch"):
        raise ParamsError("there is no sbatch here: run this on a login node of the cluster, or take --on local.")
    executor = submitit.AutoExecutor(folder=folder / "logs", cluster=cluster)
    asked = {"timeout_min": round(machine.hours * 60), "gpus_per_node": machine.gpus}
    executor.update_parameters(name="aj-sweep", **asked, **({"slurm_partition": machine.partition} if machine.partition else {}))
    # submitit shows every local job the same first GPUs; a stage picks a free one itself (aj/training/gpu.py).
    shell = ["env", "-u", "CUDA_VISIBLE_DEVICES", "bash"] if cluster == "local" else ["bash"]
    with executor.batch():
        found = [executor.submit(submitit.helpers.CommandFunction([*shell, str(s.resolve())])) for s in scripts]
    if cluster == "local":
        failed = [(script, job) for script, job in zip(scripts, found, strict=True) if job.exception() is not None]
        if failed:
            script, job = failed[0]
            raise DataError(f"{len(failed)} of {len(found)} jobs failed; {script.stem} ended with: {(job.stderr() or '')[-800:]}")
    return [str(job.job_id) for job in found]


def sky_task(name: str, script: str, machine: Machine) -> str:
    """A SkyPilot task (https://docs.skypilot.co/en/latest/reference/yaml-spec.html) as JSON, which is YAML too.

    Secrets are null: `sky jobs launch FILE --secret AWS_ACCESS_KEY_ID --secret AWS_SECRET_ACCESS_KEY` takes them from the
    environment.
    """
    task = {
        "name": name.replace("_", "-").lower(),
        "resources": {"accelerators": f"{machine.accelerator}:{machine.gpus}"} if machine.gpus else {"cpus": "4+"},
        "secrets": dict.fromkeys(SECRETS),
        "setup": "pip install uv",
        "run": script,
    }
    return json.dumps(task, indent=2) + "\n"
