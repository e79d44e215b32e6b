"""Where releases are registered: annotated git tags with the exact names, GTO's tags, and MLflow's model registry.

Every artifact of one release is in all three or in none: what fails half-way takes back what it made.
GTO orders versions by SemVer and refuses a suffix, so a flavour is an artifact of its own: ``AJ-Code-q4km@v1.2.3``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aj.release import artifacts
from aj.release.errors import ReleaseError
from aj.release.tree import git
from aj.tracking import mlflow_client
from aj.version import Version


@dataclass(frozen=True)
class Entry:
    """One artifact to register."""

    version: Version
    source: str
    """Address of its content in the DVC remote."""
    tags: Mapping[str, str]

    @property
    def name(self) -> str:
        """What GTO and MLflow call it; the number is theirs to hold."""
        return f"AJ-{self.version.code}-{self.version.flavour}"

    @property
    def gto_tag(self) -> str:
        """GTO's git tag."""
        return f"{self.name}@v{self.version.number}"


def known_tags(root: Path) -> set[str]:
    """All tags there are."""
    return set(git(root, "tag", "--list").decode().split())


def register(root: Path, entries: Sequence[Entry], *, commit: str, uri: str, message: str, card: str) -> None:
    """Make the tags, register with GTO, then with MLflow. Raises ReleaseError, with nothing left behind, when one refuses."""
    from gto.exceptions import GTOException

    before = known_tags(root)
    try:
        for entry in entries:
            text = f"{entry.version}\n\n{message}".encode()
            git(root, "tag", "-a", "--cleanup=verbatim", "-F", "-", str(entry.version), commit, given=text)
            _to_gto(root, entry, commit)
        _to_mlflow(root, entries, commit=commit, uri=uri, card=card)
    except BaseException as error:
        wanted = {tag for entry in entries for tag in (str(entry.version), entry.gto_tag)}
        made = sorted(wanted & known_tags(root) - before)
        if made:
            git(root, "tag", "-d", *made)
        if isinstance(error, GTOException | ReleaseError):
            raise ReleaseError(f"nothing was released: {' '.join(str(error).split())}") from None
        raise


def _to_gto(root: Path, entry: Entry, commit: str) -> None:
    from gto import api

    text = f"{entry.version}, {artifacts.path(entry.version.flavour)}"
    api.register(str(root.resolve()), entry.name, commit, version=f"v{entry.version.number}", message=text)
    if entry.gto_tag not in known_tags(root):
        raise ReleaseError(f"GTO made no tag {entry.gto_tag}: this version of it names tags otherwise.")


def _to_mlflow(root: Path, entries: Sequence[Entry], *, commit: str, uri: str, card: str) -> None:
    made: list[tuple[str, str]] = []
    try:
        client = mlflow_client.connect(uri)
        for entry in entries:
            if not client.search_registered_models(f"name = '{entry.name}'"):
                client.create_registered_model(entry.name)
            tags = {"aj.name": str(entry.version), "aj.version": entry.version.number, "aj.commit": commit, **entry.tags}
            new = client.create_model_version(entry.name, source=entry.source, tags=tags, description=card)
            made.append((entry.name, new.version))
    except Exception as error:  # of MLflow, of its database's driver, of a server behind the address
        for name, number in made:
            client.delete_model_version(name, number)
        raise ReleaseError(f"MLflow at {uri} failed ({error}): mend it, or give another with --mlflow.") from error
