"""Policies in the MLflow registry: a registered model each, its versions, tags for names and hashes, aliases for roles.

An alias has no dots and belongs to one version: it says the role (``production``, ``candidate``), and the AJ version stands in a tag. MLflow counts
versions its own way, and lets tags be changed: the event log is what holds, the registry follows it.
"""

from typing import Any

from aj.promotion.policy import PromotionError, State
from aj.tracking import mlflow_client

ROLES = ("production", "candidate")
KEYS = ("policy_id", "version", "model", "data", "params", "parent", "commit", "path")


def needed() -> None:
    """Raise PromotionError where MLflow is not installed: better before anything is written than after."""
    try:
        import alembic  # noqa: F401
        import mlflow  # noqa: F401
        import sqlalchemy  # noqa: F401
    except ImportError as error:
        raise PromotionError(f"{error.name} is not installed: run `uv sync --group release`.") from None


def follow(policy_id: str, state: State) -> None:
    """Bring the registry to what the events say; nothing is written where it says so already."""
    client, found = _read(policy_id)
    for version, policy in state.versions.items():
        tags = {f"aj.{key}": value for key, value in policy.row().items() if value}
        if version in found:  # `aj release` registers the same version, with tags of its own
            there = found[version]["tags"]
            for key in (key for key, value in tags.items() if there.get(key) != value):
                client.set_model_version_tag(policy_id, found[version]["number"], key, tags[key])
        else:
            # Where the files are: not a path of this machine.
            made = client.create_model_version(policy_id, source=f"dvc://{policy.commit}/{policy.path}", tags=tags)
            found[version] = {"number": made.version, "tags": tags}
        if found[version]["tags"].get("aj.stage") != state.stages[version]:
            client.set_model_version_tag(policy_id, found[version]["number"], "aj.stage", state.stages[version])
    aliases = {role: str(number) for role, number in client.get_registered_model(policy_id).aliases.items()}
    for role in ROLES:
        holder = _holder(state, role)
        if holder is None and role in aliases:
            client.delete_registered_model_alias(policy_id, role)
        elif holder is not None and aliases.get(role) != str(found[holder]["number"]):
            client.set_registered_model_alias(policy_id, role, found[holder]["number"])


def differs(policy_id: str, state: State) -> list[str]:
    """Where the registry says something else than the events, a sentence each."""
    client, found = _read(policy_id)
    problems = [f"MLflow has no version {version} of {policy_id}" for version in state.versions if version not in found]
    for version in (v for v in found if v in state.versions):
        tags, policy = found[version]["tags"], state.versions[version].row()
        wrong = [key for key in KEYS if tags.get(f"aj.{key}", "") != policy[key]]
        wrong += ["stage"] if tags.get("aj.stage") != state.stages[version] else []
        problems += [f"MLflow says {key} {tags.get(f'aj.{key}', '')!r} of {policy_id} {version}" for key in wrong]
    numbers = {str(entry["number"]): version for version, entry in found.items()}
    aliases = client.get_registered_model(policy_id).aliases
    for role in ROLES:
        held = numbers.get(str(aliases[role])) if role in aliases else None
        if held != _holder(state, role):
            problems.append(f"MLflow's alias {role} of {policy_id} is at {held}")
    return problems


def _holder(state: State, role: str) -> str | None:
    """The version that an alias belongs to; of several candidates the newest."""
    return next((version for version in reversed(state.versions) if state.stages[version] == role), None)


def _read(policy_id: str) -> tuple[Any, dict[str, dict[str, Any]]]:
    """A client, and AJ version -> MLflow's number and the tags. The registered model is made where it is not there."""
    from mlflow.exceptions import MlflowException

    try:
        client = mlflow_client.connect(mlflow_client.uri())
        try:
            client.get_registered_model(policy_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            client.create_registered_model(policy_id)
        rows = client.search_model_versions(f"name='{policy_id}'")
    except MlflowException as error:
        raise PromotionError(
            f"the MLflow registry cannot be used ({' '.join(str(error).split())[:200]}): mend MLFLOW_TRACKING_URI."
        ) from None
    return client, {row.tags.get("aj.version", ""): {"number": row.version, "tags": dict(row.tags)} for row in rows}
