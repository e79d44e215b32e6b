"""Whether the number that somebody typed is the one that the change implies."""

from aj.release import reason
from aj.release.errors import ReleaseError
from aj.release.required import Required


def verify(found: Required) -> None:
    """Raise ReleaseError where the number of params.yaml is smaller or larger than the required one, or is taken."""
    typed = found.snapshot.label("version")
    if typed != found.number:
        small, large = (tuple(int(part) for part in number.split(".")) for number in (typed, found.number))
        wrong = "smaller" if small < large else "larger"
        tree = "\n".join(reason.tree(found, "model"))
        raise ReleaseError(f"version {typed} in params.yaml is {wrong} than the change implies: write {found.number}.\n{tree}")
    if found.taken:
        at = found.taken.commit[:10]
        raise ReleaseError(f"version {typed} was released from {at}, which this commit does not descend from: merge it.")
