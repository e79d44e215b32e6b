"""Whether dvc.lock is what the code and the parameters here would make, decided without data and without running anything.

Each stage is asked what `dvc repro --dry --allow-missing` asks it. The command itself is not used: its exit status is 0 where a
stage is stale, and without data it stops at a stage behind a stale one, because it looks for that one's outputs in the run-cache.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Lock:
    """Stages by name, in the order of the pipeline."""

    stale: Mapping[str, tuple[str, ...]]
    """Stage -> what of it differs from dvc.lock."""
    behind: tuple[str, ...]
    """Stages that read, directly or not, what a stale one makes: they may have to run as well."""
    stages: int

    def current(self) -> bool:
        """Nothing has to run."""
        return not self.stale


def look(repo: Any) -> Lock:
    """Ask every stage of a repository (dvc.repo.Repo). Raises DvcException where dvc.yaml or dvc.lock cannot be read or a run has the lock."""
    import networkx as nx
    from dvc.repo import lock_repo

    graph = repo.index.graph  # from a stage to those that it reads
    with lock_repo(repo):
        order = list(nx.lexicographical_topological_sort(graph.reverse(), key=lambda stage: stage.addressing))
        stale = {
            stage: tuple(_why(stage))
            for stage in order
            if stage.changed(allow_missing=True, upstream=list(graph.successors(stage)))
        }
    behind = set().union(*(nx.ancestors(graph, stage) for stage in stale)) - set(stale)
    return Lock(
        {stage.addressing: why for stage, why in stale.items()}, tuple(s.addressing for s in order if s in behind), len(order)
    )


def _why(stage: Any) -> Iterator[str]:
    if stage.md5 is None and stage.compute_md5() is not None and not any(dep.hash_info for dep in stage.deps):
        yield "not in dvc.lock"
        return
    if stage.changed_stage():
        yield "its command or its lists of inputs and outputs"
    for dep in stage.deps:
        for name, what in dep.status().items():
            if isinstance(what, dict):  # parameters of a file: key -> how
                yield from (f"{key} {how}" for key, how in sorted(what.items()))
            elif what != "deleted":  # on a clone without data everything upstream is
                yield f"{name} {what}"
    for out in stage.outs:
        yield from (f"{name} {what}" for name, what in out.status().items() if what not in ("not in cache", "deleted"))
