"""Many parts at once: in this process, in several on this machine, or on a Ray cluster; the results in the order of the items.

The function and its items must be picklable, and whatever it writes must lie where every worker can reach it.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def available(items: int) -> int:
    """Processes worth starting for so many items on this machine: 1 where a second one would cost more than it saves."""
    return max(1, min(items // 2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))


def run(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
    """``function`` of every item, in order, by ``workers`` processes (1: this one). What a worker raises is raised here.

    With RAY_ADDRESS set, the cluster there does the work.
    """
    if os.environ.get("RAY_ADDRESS"):
        yield from run_on_ray(function, items)
        return
    if workers == 1:
        yield from map(function, items)
        return
    spawn = multiprocessing.get_context("spawn")  # a forked child would inherit locks that threads of this process hold
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with_parent) as pool:
        waiting = iter(items)
        running = deque(pool.submit(function, item) for item in islice(waiting, 2 * workers))
        try:
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(function, item) for item in islice(waiting, 1))
        finally:
            pool.shutdown(cancel_futures=True)


def run_on_ray(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """The same on the Ray cluster that ``RAY_ADDRESS`` names, or on one started here (Moritz et al., 2018)."""
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")  # workers use this environment, not a new one made by uv
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False)

    def call(item: Item) -> Result:  # Ray takes functions, and no functools.partial
        return function(item)

    remote = ray.remote(call)
    waiting = iter(items)
    limit = 2 * int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call, unused-ignore]
    running = deque(remote.remote(item) for item in islice(waiting, limit))
    while running:
        yield ray.get(running.popleft())
        running.extend(remote.remote(item) for item in islice(waiting, 1))


def _end_with_parent() -> None:
    # A killed parent closes no queue that its workers do not hold open themselves: they would wait for ever.
    parent = multiprocessing.parent_process()
    assert parent

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
