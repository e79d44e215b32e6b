"""A version of a policy, and what stage each one is in, told from the events alone."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from aj.errors import AJError

Stage = Literal["candidate", "production", "archived"]


class PromotionError(AJError):
    """A version cannot be made, promoted or brought back."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a version is; made only after the gate has passed, and never changed.

    The first six fields are the version (spec: policy_id, version, model hash, data hash, params hash, parent); the others say where
    its files are found again.
    """

    policy_id: str
    """``AJ-{Code}-{flavour}``: the artifact's name in GTO and MLflow."""
    version: str
    """``major.minor.patch``."""
    model: str
    """SHA-256 of the file, or of the names and hashes of a folder's files."""
    data: str
    """Hash of the training sets, from dvc.lock."""
    params: str
    """SHA-256 of params.yaml as canonical JSON."""
    parent: str
    """The version that was in production when this one was made; empty where there was none."""
    commit: str
    """Whose dvc.lock records the files."""
    path: str
    """The file or folder, from the repository's root."""

    def row(self) -> dict[str, str]:
        """As JSON."""
        return asdict(self)


@dataclass
class State:
    """One policy, as its events leave it."""

    versions: dict[str, Policy] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    """Versions that were in production and can be brought back, the current one last."""

    @property
    def production(self) -> Policy | None:
        """What is in production."""
        return self.versions[self.history[-1]] if self.history else None


def states(events: Iterable[Mapping[str, Any]]) -> dict[str, State]:
    """Every policy's state after all events. Raises PromotionError for an event that is none or does not follow from those before."""
    found: dict[str, State] = {}
    for number, event in enumerate(events, 1):
        kind, policy_id = event["event"], event["policy_id"]
        state = found.setdefault(policy_id, State())
        try:
            _apply(state, kind, event)
        except (KeyError, IndexError, TypeError) as error:
            raise PromotionError(
                f"event {number} ({kind!r} of {policy_id}) does not follow from those before: {error!r}."
            ) from None
    return found


def _apply(state: State, kind: str, event: Mapping[str, Any]) -> None:
    if kind == "refused":
        return
    version = event["version"]
    if kind == "created":
        if version in state.versions:
            raise KeyError(f"{version} was made before")
        state.versions[version], state.stages[version] = Policy(**event["policy"]), "candidate"
    elif kind == "promoted":
        _archive(state)
        state.history.append(state.versions[version].version)
        state.stages[version] = "production"
    elif kind == "rolled_back":
        _archive(state)
        state.history.pop()
        if state.history[-1] != version:
            raise KeyError(f"{version} was not before")
        state.stages[version] = "production"
    else:
        raise KeyError(f"no event is called {kind!r}")


def _archive(state: State) -> None:
    if state.history:
        state.stages[state.history[-1]] = "archived"
