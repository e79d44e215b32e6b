"""A GPU that nobody else of this project uses: a lock file a device, held until the process ends.

DVC's queue starts its workers with one environment, so two of them would train on the first GPU. Here the first process takes the
first device, the next one the next, and one more waits. What is not covered: processes that do not ask here.
"""

import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

POLL = 1.0  # seconds between two tries
_held: dict[str, IO[str]] = {}


def claim(devices: Sequence[str] | None = None, folder: Path | None = None) -> str | None:
    """Take a free device, waiting for one, and make it the only one that CUDA shows; call it before CUDA starts.

    Returns its name; None where there is no choice: no device, just one that somebody has chosen (Slurm does), or a process that a
    launcher has given its own (LOCAL_RANK).
    """
    if _held:
        return next(iter(_held))
    if devices is None:
        devices = [] if "LOCAL_RANK" in os.environ else visible()
        if len(devices) == 1 and "CUDA_VISIBLE_DEVICES" in os.environ:
            return None
    if not devices:
        return None
    folder = folder or Path(tempfile.gettempdir()) / f"aj-gpu-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = False
    while not (taken := next((device for device in devices if _take(device, folder)), None)):
        if not told:
            print(f"every GPU here ({len(devices)}) is taken: waiting; CUDA_VISIBLE_DEVICES=0 shares the first one", flush=True)
            told = True
        time.sleep(POLL)
    os.environ["CUDA_VISIBLE_DEVICES"] = taken
    return taken


def visible() -> list[str]:
    """The devices that this process may use: those of CUDA_VISIBLE_DEVICES, else all, by UUID (order does not matter then)."""
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        return [name for name in os.environ["CUDA_VISIBLE_DEVICES"].split(",") if name.strip()]
    try:
        ask = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
        return subprocess.run(ask, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return []


def _take(device: str, folder: Path) -> bool:
    stream = (folder / f"{device.strip().replace('/', '_')}.lock").open("a")
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return False
    _held[device] = stream
    return True
