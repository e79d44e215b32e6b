"""Policies as GTO's git tags: ``POLICY_ID@v1.2.3`` registers a version, ``POLICY_ID#STAGE#N`` puts it into a stage, ``#STAGE!#N`` takes it out.

Of several versions in a stage, GTO shows the one with the highest number: after a rollback that would be the one that was left. So a
version is in one stage at a time, and is taken out of the one before.
What is not covered: pushing tags (`git push --follow-tags`).
"""

import time
from pathlib import Path
from typing import Any

from aj.promotion.policy import Policy, PromotionError, State
from aj.release.tree import git


def follow(policy_id: str, state: State) -> None:
    """Make the tags that the events ask for and that are not there."""
    for policy in state.versions.values():
        _register(policy)
    there = stages(policy_id)
    for version, wanted in state.stages.items():
        for stage in there.get(version, set()) - {wanted}:
            _tag("unassign", policy_id, version, stage)
        if wanted not in there.get(version, set()):
            _tag("assign", policy_id, version, wanted)


def differs(policy_id: str, state: State) -> list[str]:
    """Where the tags say something else than the events, a sentence each."""
    from gto.api import find_versions_in_stage

    there = stages(policy_id)
    problems = [
        f"GTO's tags put {policy_id} {version} in {', '.join(sorted(there.get(version, ()))) or 'no stage'}"
        for version, stage in state.stages.items()
        if there.get(version) != {stage}
    ]
    held = [found.version for found in find_versions_in_stage(".", policy_id, "production") or []] if there else []
    if state.production and held != [f"v{state.production.version}"]:
        problems.append(f"GTO has {', '.join(held) or 'nothing'} of {policy_id} in production")
    return problems


def commit_of(policy_id: str, version: str) -> str:
    """The commit that a version's tag stands on; empty where there is no tag."""
    commit = "%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)"  # of an annotated tag, or a plain one
    return git(Path(), "for-each-ref", f"--format={commit}", f"refs/tags/{policy_id}@v{version}").decode().strip()


def stages(policy_id: str) -> dict[str, set[str]]:
    """Version -> the stages that it is in."""
    from gto.api import show

    if not git(Path(), "tag", "--list", f"{policy_id}@v*"):
        return {}  # GTO refuses to show what it has never seen
    rows: list[dict[str, Any]] = show(".", policy_id, versions_per_stage=-1)
    return {str(row["version"]).removeprefix("v"): {found["stage"] for found in row["stages"]} for row in rows}


def _register(policy: Policy) -> None:
    from gto.api import register
    from gto.exceptions import GTOException

    if there := commit_of(policy.policy_id, policy.version):
        if there != policy.commit:
            raise PromotionError(
                f"tag {policy.policy_id}@v{policy.version} stands on {there[:12]}, the version was made of {policy.commit[:12]}."
            )
        return
    try:
        register(".", policy.policy_id, policy.commit, version=f"v{policy.version}", message=f"model {policy.model}")
    except GTOException as error:
        raise PromotionError(f"GTO refuses {policy.policy_id}@v{policy.version}: {error}") from None


def _tag(act: str, policy_id: str, version: str, stage: str) -> None:
    from gto import api
    from gto.exceptions import GTOException

    # GTO goes by the latest time, and git's tags know only seconds.
    changes = [f"refs/tags/{policy_id}#{stage}{mark}#*" for mark in ("", "!")]
    newest = git(Path(), "for-each-ref", "--format=%(taggerdate:unix)", *changes)
    while newest and time.time() < max(map(int, newest.split())) + 1:
        time.sleep(0.05)
    try:
        getattr(api, act)(".", policy_id, stage=stage, version=f"v{version}", force=True)
    except GTOException as error:
        raise PromotionError(f"GTO refuses to {act} {stage} of {policy_id} {version}: {error}") from None
