"""The store of objects behind a DVC remote, and the errors of a remote as one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aj.errors import AJError


class RemoteError(AJError):
    """A remote is not there, refuses the credentials, or holds something else than what it should."""


@contextmanager
def store(name: str | None) -> Iterator[tuple[Any, Any]]:
    """(repository, store of objects) of a remote of the repository here; the default remote where no name is given.

    Raises RemoteError for what is wrong with the repository, its configuration, the credentials or the connection.
    """
    from botocore.exceptions import BotoCoreError
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        repo = Repo(".")
    except DvcException as error:
        raise RemoteError(f"{_line(error)}.") from None
    try:
        odb = repo.cloud.get_remote_odb(name, "audit")
        address = odb.fs.unstrip_protocol(odb.path)
        try:
            yield repo, odb
        except PermissionError as error:
            raise RemoteError(
                f"{address} refuses these credentials ({_line(error)}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
            ) from None
        except FileNotFoundError as error:
            raise RemoteError(f"{address} is not there ({_line(error)}): make the bucket, or push first.") from None
        except (BotoCoreError, OSError) as error:
            raise RemoteError(
                f"{address} cannot be reached ({_line(error)}): look at AWS_ENDPOINT_URL and the network."
            ) from None
    except DvcException as error:
        raise RemoteError(f"{_line(error)}.") from None
    finally:
        repo.close()


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
