"""`aj remote audit`: whether a DVC remote holds what it should, byte for byte."""

import argparse

from aj.commands import Commands


def register(commands: Commands) -> None:
    """Add `remote`."""
    parser = commands.add_parser("remote", help="whether a DVC remote holds what it should")
    parts = parser.add_subparsers(dest="part", required=True)
    check = parts.add_parser("audit", help="hash every object on the remote; exits 1 unless all are right and none is missing")
    check.add_argument("--remote", help="name of a remote; the default one where it is not given")
    check.add_argument(
        "--all", action="store_true", help="what every branch and tag names has to be there, not only this commit's"
    )
    check.add_argument("--jobs", type=int, default=8, help="objects read at a time")
    check.add_argument(
        "--delete",
        action="store_true",
        help="delete what is corrupt, and the listings that name it, so that `dvc push` sends it again",
    )
    check.set_defaults(run=audit)


def audit(given: argparse.Namespace) -> None:
    """Print the counts and each object that is not right; raise RemoteError where there is one."""
    from aj.remote import audit as audits
    from aj.remote.opened import RemoteError, store

    with store(given.remote) as (repo, odb):
        found = audits.audit(odb, audits.wanted(repo, given.all), given.jobs)
        address = odb.fs.unstrip_protocol(odb.path)
        print(f"{address}: {found.summary()}")
        for kind in ("corrupt", "missing", "unreadable"):
            for key in sorted(getattr(found, kind)):
                why = f": {found.unreadable[key]}" if kind == "unreadable" else ""
                print(f"{kind:10} {key} {found.names.get(key, '(no commit looked at names it)')}{why}")
        for path in sorted(found.strange):
            print(f"strange    {path}")
        if given.delete:
            audits.delete(odb, found.to_delete())
            print(f"{len(found.to_delete())} objects deleted; now `dvc push` from where the data is.")
    if not found.whole():
        raise RemoteError(
            f"{address} is not whole ({found.summary()}): `aj remote audit --delete`, then `dvc push` from where the data is, mends it."
        )
