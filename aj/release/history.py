"""Releases that were made: the git tags with exact artifact names, read without a registry."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aj.errors import ParamsError
from aj.release.errors import ReleaseError
from aj.release.tree import git
from aj.version import Version


@dataclass(frozen=True)
class Release:
    """One number of one code: its flavours, and the commit they were made from."""

    code: str
    number: str
    flavours: tuple[str, ...]
    commit: str

    @property
    def name(self) -> str:
        """The name without a flavour."""
        return f"AJ-{self.code}-v{self.number}"

    @property
    def order(self) -> tuple[int, ...]:
        """By number; never by SemVer, whose order knows no flavour."""
        return tuple(int(part) for part in self.number.split("."))


def releases(root: Path, code: str, *, mix: bool, within: str | None = None) -> list[Release]:
    """Releases of a model (or of its mix) in order; ``within``: only those that this commit descends from.

    Raises ReleaseError where tags of one number stand on several commits, and in a shallow clone, which has no history.
    """
    if git(root, "rev-parse", "--is-shallow-repository").strip() == b"true":
        raise ReleaseError("this clone is shallow, so earlier releases may be missing: run `git fetch --unshallow --tags`.")
    form = "--format=%(refname:strip=2) %(objectname) %(*objectname)"
    merged = [f"--merged={within}"] if within else []
    listed = git(root, "for-each-ref", *merged, form, f"refs/tags/AJ-{code}-v*").decode().splitlines()
    found: dict[str, dict[str, str]] = {}
    for tag, tagged, *peeled in (line.split() for line in listed):
        try:
            version = Version.parse(tag)
        except ParamsError:
            continue  # somebody's own tag, or GTO's form
        if version.code == code and (version.flavour == "mix") == mix:
            found.setdefault(version.number, {})[str(version)] = peeled[0] if peeled else tagged
    return sorted((_release(code, number, tags) for number, tags in found.items()), key=lambda release: release.order)


def last(root: Path, code: str, commit: str, *, mix: bool) -> Release | None:
    """The newest release that a commit descends from."""
    return next(reversed(releases(root, code, mix=mix, within=commit)), None)


def find(root: Path, code: str, name: str) -> str:
    """What git knows a release by: a tag of it where ``name`` is ``v1.2.3``, ``1.2.3`` or a name without flavour, else ``name``."""
    number = name.removeprefix(f"AJ-{code}-").removeprefix("v")
    known: Sequence[Release] = releases(root, code, mix=False)
    return next((release.commit for release in known if release.number == number), name)


def _release(code: str, number: str, tags: dict[str, str]) -> Release:
    if len(set(tags.values())) > 1:
        stand = ", ".join(f"{tag} on {commit[:10]}" for tag, commit in sorted(tags.items()))
        raise ReleaseError(
            f"release {number} of {code} stands on several commits ({stand}): one of these tags is wrong; remove it."
        )
    flavours = tuple(v.flavour for v in sorted(Version.parse(tag) for tag in tags))
    return Release(code, number, flavours, next(iter(tags.values())))
