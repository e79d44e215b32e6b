"""The files of a revision, git's and DVC's read alike, without checking anything out; what DVC's cache lacks comes from its remote."""

from pathlib import Path
from typing import Any

from aj.errors import AJError


class RevisionError(AJError):
    """A revision is none that git can resolve here, or this is no DVC repository."""


def files(revision: str | None, root: Path = Path()) -> Any:
    """A DVCFileSystem of a revision (anything git can resolve), or of the working tree where it is None. Raises RevisionError."""
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.scm import SCMError

    try:
        found = DVCFileSystem(str(root), rev=revision)
        _ = found.repo  # opens it: a revision that is none is found here, not where the first file is missed
    except NotDvcRepoError:
        raise RevisionError(f"{str(root.absolute())!r} is no DVC repository: run this at its root.") from None
    except (DvcException, SCMError) as error:
        said = " ".join(str(error).split())
        raise RevisionError(
            f"revision {revision!r} cannot be read ({said}): name a commit, tag or branch, or one of `dvc exp list`; "
            "`git fetch --unshallow --tags` brings what a shallow clone lacks."
        ) from None
    return found
