"""Which GPU a process takes: real processes and real locks, device names made up (this says nothing about CUDA itself)."""

import os
import subprocess
import sys
from pathlib import Path

TAKE = """
import os, sys
from pathlib import Path
from aj.training import gpu
gpu.POLL = 0.05
print(gpu.claim(["GPU-a", "GPU-b"], Path(sys.argv[1])), gpu.claim(), os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


def taker(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", TAKE, str(folder)], stdin=-1, stdout=-1, text=True)


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_two_processes_take_two_devices_and_a_third_waits_for_one_that_is_left(tmp_path: Path) -> None:
    first = taker(tmp_path)
    assert said(first) == "GPU-a GPU-a GPU-a"
    second = taker(tmp_path)
    assert said(second) == "GPU-b GPU-b GPU-b"
    third = taker(tmp_path)
    assert said(third).startswith("every GPU here (2) is taken: waiting")
    second.kill()  # no goodbye: the lock goes with the process
    assert said(third) == "GPU-b GPU-b GPU-b"
    for process in (first, second, third):
        process.kill()
        process.wait()


def test_a_device_that_somebody_has_chosen_is_kept_and_none_is_no_error(tmp_path: Path) -> None:
    code = "from aj.training import gpu; print(gpu.claim(), gpu.visible())"
    for chosen, expected in (("7", "None ['7']"), ("", "None []")):
        env = {"CUDA_VISIBLE_DEVICES": chosen, "TMPDIR": str(tmp_path)}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected


def test_a_stage_asks_before_it_looks_for_a_gpu(tmp_path: Path) -> None:
    listing = tmp_path / "nvidia-smi"
    listing.write_text("#!/bin/sh\necho GPU-a\necho GPU-b\n")
    listing.chmod(0o755)
    code = "import os, sys; from aj.training import model; model._device(); print(os.environ['CUDA_VISIBLE_DEVICES']); sys.stdin.read()"
    env = {key: value for key, value in os.environ.items() if key not in ("CUDA_VISIBLE_DEVICES", "LOCAL_RANK")}
    env |= {"PATH": f"{tmp_path}{os.pathsep}{env['PATH']}", "TMPDIR": str(tmp_path)}
    both = [subprocess.Popen([sys.executable, "-c", code], env=env, stdin=-1, stdout=-1, text=True) for _ in range(2)]
    assert sorted(said(process) for process in both) == ["GPU-a", "GPU-b"]
    for process in both:
        process.kill()
        process.wait()
