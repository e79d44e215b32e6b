"""Parts side by side: the order of the items, errors, and no process left behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from aj.errors import DataError
from aj.mix.workers import run, run_on_ray

ROOT = Path(__file__).parents[2]


def slow_square(n: int) -> tuple[int, int]:
    time.sleep(0.02 * (n % 3))
    return n * n, os.getpid()


def picky(n: int) -> int:
    if n == 5:
        raise DataError("five is right out: use another number.")
    return n


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    results = list(run(slow_square, range(20), workers))
    assert [square for square, _ in results] == [n * n for n in range(20)]
    assert len({process for _, process in results}) == workers
    assert (os.getpid() in {process for _, process in results}) == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_worker_raises_is_raised_here(workers: int) -> None:
    with pytest.raises(DataError, match="five is right out"):
        list(run(picky, range(100), workers))


def test_the_same_function_runs_on_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1")
    try:
        results = list(run_on_ray(slow_square, range(20)))
    finally:
        ray.shutdown()
    assert [square for square, _ in results] == [n * n for n in range(20)]
    assert os.getpid() not in {process for _, process in results}


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import time\nfrom aj.mix.workers import run\n"
        "if __name__ == '__main__':\n    print('started', flush=True)\n    list(run(time.sleep, [60] * 4, 2))\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    until(lambda: sum("spawn_main" in " ".join(p.cmdline()) for p in psutil.Process(parent.pid).children()) == 2)
    workers = psutil.Process(parent.pid).children(recursive=True)
    time.sleep(1)  # they import first, then follow their parent
    parent.kill()
    parent.wait()
    until(lambda: not any(p.is_running() for p in workers))


def until(happened: "object", seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
