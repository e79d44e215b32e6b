"""What a remote really holds: the MD5 of every object against its key, and every file that a commit or a folder names.

DVC trusts names. A remote object whose bytes have changed is "up to date" for `push`, and so is one that is gone where the
listing of its folder (key ending in .dir) is there: `push` takes a listing for a promise that its files are there too.

What is not covered: the run-cache, and objects of DVC before 3.0 (their MD5 is of text with other line ends).
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

KEY = re.compile(r"[0-9a-f]{32}(\.dir)?")


@dataclass
class Audit:
    """What was found, by key: 32 hex digits, and .dir for the listing of a folder."""

    right: set[str] = field(default_factory=set)
    corrupt: set[str] = field(default_factory=set)
    """The bytes are not those that the key is the hash of."""
    missing: set[str] = field(default_factory=set)
    """Named by dvc.lock or by a right listing, and not there."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Key -> why its bytes could not be had: not known to be right."""
    strange: list[str] = field(default_factory=list)
    """Paths among the objects that are no keys; nothing reads them."""
    names: dict[str, str] = field(default_factory=dict)
    """Key -> the path in the repository that first named it."""
    listed: dict[str, set[str]] = field(default_factory=dict)
    """Key of a right listing -> the keys of its files."""

    def whole(self) -> bool:
        """Everything that should be there is there, and right."""
        return not (self.corrupt or self.missing or self.unreadable)

    def summary(self) -> str:
        """The counts, in one line."""
        return ", ".join(f"{len(getattr(self, k))} {k}" for k in ("right", "corrupt", "missing", "unreadable", "strange"))

    def to_delete(self) -> set[str]:
        """What has to go so that a push sends it again: corrupt objects, and the listings that promise what is not right."""
        wrong = self.corrupt | self.missing
        return self.corrupt | {listing for listing, files in self.listed.items() if files & wrong}


def audit(odb: Any, wanted: Mapping[str, str], jobs: int) -> Audit:
    """Read every object of a store (dvc_data's HashFileDB) by streaming, ``jobs`` at a time; nothing is kept on disk.

    ``wanted``: key -> path, what a commit needs. Raises OSError where the store cannot be listed.
    """
    found = Audit(names=dict(wanted))
    present = set(_keys(odb, found))
    with ThreadPoolExecutor(jobs) as pool:
        for key, digest, problem, files in pool.map(lambda key: _read(odb, key), sorted(present)):
            if problem:
                found.unreadable[key] = problem
            elif digest != key.removesuffix(".dir"):
                found.corrupt.add(key)
            else:
                found.right.add(key)
            if key in found.right and key.endswith(".dir"):
                found.listed[key] = set(files.values())
                for path, file in files.items():
                    found.names.setdefault(file, f"{found.names.get(key, key)}/{path}")
    named = set(wanted).union(*found.listed.values())
    found.missing = named - present
    return found


def wanted(repo: Any, every: bool) -> dict[str, str]:
    """Key -> path of what dvc.lock names: of the workspace alone, or of ``every`` branch and tag too."""
    keys: dict[str, str] = {}
    for _ in repo.brancher(all_branches=every, all_tags=every):
        for out in repo.index.outs:
            if out.use_cache and out.hash_info:
                keys.setdefault(out.hash_info.value, repo.fs.relpath(out.fs_path, repo.root_dir))
    return keys


def delete(odb: Any, keys: Iterable[str]) -> None:
    """Delete objects of a store."""
    for key in sorted(keys):
        odb.fs.remove(odb.oid_to_path(key))


def _keys(odb: Any, found: Audit) -> Iterator[str]:
    for path in odb.fs.find(odb.path):
        key = "".join(odb.fs.parts(path)[-2:])
        if KEY.fullmatch(key) and path.endswith(odb.oid_to_path(key)):
            yield key
        else:
            found.strange.append(path)


def _read(odb: Any, key: str) -> tuple[str, str, str, dict[str, str]]:
    # (key, MD5, why it could not be read, path -> key of a listing)
    try:
        with odb.fs.open(odb.oid_to_path(key), "rb") as stream:
            if not key.endswith(".dir"):
                return key, hashlib.file_digest(stream, "md5").hexdigest(), "", {}
            text = stream.read()
    except Exception as error:  # each store's library raises its own; whatever it was, it is counted and shown
        return key, "", " ".join(str(error).split()) or type(error).__name__, {}
    digest = hashlib.md5(text).hexdigest()
    if digest != key.removesuffix(".dir"):
        return key, digest, "", {}
    return key, digest, "", {file["relpath"]: file["md5"] for file in json.loads(text)}
