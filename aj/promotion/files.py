"""models/production/POLICY_ID: the very file or folder that is in production, put there and brought back by hash."""

import shutil
from pathlib import Path

from aj import revision
from aj.promotion.candidate import model_hash
from aj.promotion.policy import Policy, PromotionError

PRODUCTION = Path("models/production")  # ignored by git; beside the pipeline's outs, not one of them


def restore(policy: Policy) -> Path:
    """Put a version's files into production, from DVC's cache or remote by the dvc.lock of its commit; what was there goes only then.

    Raises PromotionError where they are in neither, or do not have the version's hash.
    """
    from dvc.exceptions import DvcException

    folder = PRODUCTION / policy.policy_id
    making = folder.with_name(f".{policy.policy_id}.new")
    shutil.rmtree(making, ignore_errors=True)  # what a killed run left behind
    making.mkdir(parents=True)
    file = making / Path(policy.path).name
    name = f"{policy.policy_id} {policy.version}"
    try:
        revision.files(policy.commit).get(policy.path, str(file), recursive=True)
    except (OSError, DvcException) as error:
        shutil.rmtree(making)
        raise PromotionError(
            f"{policy.path} of commit {policy.commit[:12]} ({name}) is neither in the cache nor in the remote "
            f"({' '.join(str(error).split())}): `dvc push` it where it was made."
        ) from None
    found = model_hash(file) if file.exists() else "none"
    if found != policy.model:
        shutil.rmtree(making)
        raise PromotionError(f"{policy.path} of {name} should have hash {policy.model}, it has {found}: it was changed.")
    shutil.rmtree(folder, ignore_errors=True)
    making.replace(folder)
    return folder / file.name


def differs(policy: Policy) -> str:
    """What is wrong with the files in production; empty where they are the version's."""
    file = PRODUCTION / policy.policy_id / Path(policy.path).name
    if not file.exists():
        return f"{file} does not exist"
    return "" if (found := model_hash(file)) == policy.model else f"{file} has hash {found}, {policy.version} has {policy.model}"
