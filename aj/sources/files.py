"""JSONL and Parquet files, beside the card or in a bucket: landed byte for byte, so that a broken row stays visible until it is
counted.

A file beside the card lands under its path relative to the card, a remote one (any address fsspec reads; ``s3://`` with the
usual AWS environment, ``AWS_ENDPOINT_URL`` for another server) under its whole path. A remote file is fetched into the resume
folder first and appears in the output only when all are whole; a killed fetch goes on at the byte where it stopped, unless the
remote file has changed.
What is not covered: a remote file that changes under its address is noticed only where the card writes its sha256.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from tqdm import tqdm

from aj.errors import DataError, ParamsError
from aj.hashing import sha256
from aj.sources import pin, rows
from aj.sources.card import CARDS, Files, refuse_evaluation

SUFFIXES = (".jsonl", ".parquet")
CHUNK = 16 << 20  # bytes fetched at once, lost at most when a fetch is killed


def land(card: Files, name: str, out: Path, resume: Path) -> tuple[int, dict[str, int]]:
    """Land the card's files under ``out/rows``; returns the number of rows, broken ones included, and the rows of each file.

    Raises DataError for a pattern without a file, a file of another kind or with another SHA-256 than the card says, and for
    a source without a row; ParamsError for a weight that fits no file. None of them leaves a file under ``out``.
    """
    found: dict[str, Path] = {}
    for pattern in card.paths:
        matches = _fetch(card, name, pattern, resume) if "://" in pattern else _beside(name, pattern)
        for landed, file in matches.items():
            if found.setdefault(landed, file) != file:
                raise ParamsError(f"source {name!r}: two files would land as {landed!r}: rename one, or mend paths.")
    _check_digests(card, name, {landed: sha256(file) for landed, file in found.items()})
    _check_weights(card, name, list(found))
    counts = {landed: _count(file) for landed, file in found.items()}
    if not sum(counts.values()):
        raise DataError(f"source {name!r} is empty: {', '.join(found)} has 0 rows; fill it or remove the source.")
    for landed, file in found.items():
        target = out / "rows" / landed
        if file.is_relative_to(resume):
            pin.place(file, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)  # never a link: a later edit of the source must not reach what was landed
    return sum(counts.values()), {f"rows.{landed}": count for landed, count in counts.items()}


def _beside(name: str, pattern: str) -> dict[str, Path]:
    folder = CARDS / name
    try:
        matches = sorted(folder.glob(pattern))
    except (ValueError, NotImplementedError) as error:
        raise ParamsError(f"source {name!r}: {pattern!r} is no pattern of files beside the card ({error}): mend paths.") from None
    if not matches:
        raise DataError(f"source {name!r}: no file matches {str(folder / pattern)!r}; put it there or mend the card.")
    return {_landed(name, path.relative_to(folder)): path for path in matches}


def _fetch(card: Files, name: str, pattern: str, resume: Path) -> dict[str, Path]:
    import fsspec

    with _readable(card, pattern):
        system, path = fsspec.url_to_fs(pattern, skip_instance_cache=True)  # a cached one would remember another endpoint
        matches = [m for m in sorted(system.glob(path)) if not system.isdir(m)]
    if not matches:
        raise DataError(
            f"source {name!r}: no file of {card.id!r} (licence: {card.licence}) matches {pattern!r}; check the address, "
            "AWS_ENDPOINT_URL and that its owner gives you access, or mend the card."
        )
    found = {}
    for match in matches:
        landed = _landed(name, PurePosixPath(match.rpartition("://")[2].lstrip("/")), bucket=1)
        found[landed] = _resume(card, system, match, resume)
    return found


def _landed(name: str, path: PurePath, bucket: int = 0) -> str:
    refuse_evaluation(name, *path.parts[bucket:])  # a bucket may be called as it likes
    if path.suffix not in SUFFIXES:
        raise DataError(f"source {name!r}: {path.name!r} is not one of {', '.join(SUFFIXES)}: convert it or mend the card.")
    if ".." in path.parts:  # a key may be spelt so
        raise DataError(f"source {name!r}: {path.as_posix()!r} would land outside its folder: rename it or mend the card.")
    return path.as_posix()


def _resume(card: Files, system: Any, path: str, resume: Path) -> Path:
    """Fetch one remote file; what a killed fetch left is continued if the file is still the same."""
    with _readable(card, path):
        info = system.info(path)  # size and ETag of an object, size and modification time of a file
    size, known = info["size"], hashlib.sha256(json.dumps(info, sort_keys=True, default=str).encode()).hexdigest()[:16]
    whole = resume / f"{known}{PurePosixPath(path).suffix}"
    part = whole.with_suffix(".part")
    if whole.is_file():
        return whole
    resume.mkdir(parents=True, exist_ok=True)
    start = part.stat().st_size if part.is_file() else 0
    with tqdm(total=size, initial=start, desc=path, unit="B", unit_scale=True) as bar:
        for chunk in _chunks(card, system, path, start):
            with part.open("ab") as target:
                target.write(chunk)
            bar.update(len(chunk))
    part.touch()  # of an empty file no chunk came
    if part.stat().st_size != size:
        raise DataError(f"{path!r} has {part.stat().st_size} of {size} bytes: run the stage again, it goes on from there.")
    return part.replace(whole)


def _chunks(card: Files, system: Any, path: str, start: int) -> Iterator[bytes]:
    with _readable(card, path), system.open(path, "rb", cache_type="none") as stream:
        stream.seek(start)
        while chunk := stream.read(CHUNK):
            yield chunk


@contextmanager
def _readable(card: Files, path: str) -> Iterator[None]:
    import aiohttp
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (OSError, ImportError, ValueError, aiohttp.ClientError, BotoCoreError, ClientError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise DataError(
            f"{path!r} of {card.id!r} (licence: {card.licence}) cannot be read ({reason}): check the address, AWS_ENDPOINT_URL and "
            "the AWS credentials, and that its owner gives you access."
        ) from None


def _check_digests(card: Files, name: str, digests: dict[str, str]) -> None:
    if not card.sha256:
        lines = "\n".join(f"  {json.dumps(landed)}: {json.dumps(digest)}" for landed, digest in digests.items())
        print(f"{name}: no sha256 in its card; to pin these files, write\nsha256:\n{lines}")
        return
    absent = sorted(card.sha256.keys() - digests.keys())
    if absent:
        raise DataError(
            f"source {name!r}: {absent[0]!r} stands in sha256 but matches none of paths: put it back or mend the card."
        )
    for landed, digest in digests.items():
        wanted = card.sha256.get(landed)
        if wanted is None:
            raise DataError(f"source {name!r}: {landed!r} is not in sha256: remove the file, or add its digest {digest}.")
        if digest != wanted:
            raise DataError(
                f"source {name!r}: {landed!r} has SHA-256 {digest}, the card says {wanted}: restore the file, or mend the card."
            )


def _check_weights(card: Files, name: str, landed: list[str]) -> None:
    for glob in card.weights:
        if not any(PurePosixPath(file).match(glob) for file in landed):
            raise ParamsError(f"source {name!r}: the weight of {glob!r} fits none of {', '.join(landed)}: mend weights.")
    for file in landed:
        fitting = [glob for glob in card.weights if PurePosixPath(file).match(glob)]
        if len(fitting) > 1:
            raise ParamsError(f"source {name!r}: the weights of {' and '.join(fitting)} both fit {file!r}: leave one.")


def _count(file: Path) -> int:
    # The rows that rows.read would give, without parsing one: a line that holds more than white space, a row of the footer.
    if file.suffix == ".parquet":
        return sum(rows.group_sizes(file))
    with file.open("rb", buffering=1 << 20) as stream:
        return sum(not line.isspace() for line in stream)
