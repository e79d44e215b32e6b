"""The parts of a GGUF against what its tag records of them: tensors, metadata, lineage, scores, padding, and the whole."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from aj.errors import AJError
from aj.export.gguf_file import CHUNK, GGUFFile, Progress
from aj.hashing import canonical
from aj.lineage import scores
from aj.lineage.check import Check, leaves
from aj.lineage.origin import KEY, SCORES, carried
from aj.release.tree import Tree

PLACES = ("in the file", "in git")


def checks(file: GGUFFile, wanted: Mapping[str, Any], tree: Tree, flavour: str, progress: Progress) -> Iterator[Check]:
    """One check a kind of part. ``wanted``: the record of ``quantize`` at the tag, whose commit ``tree`` is."""
    inner = {key: value for key, value in wanted.items() if key != "file"}
    found = [_tensors(file, wanted, progress), _metadata(file, wanted), _lineage(file, inner)]
    if SCORES in file.keys:
        found.append(_scores(file, tree, flavour))
    found.append(_padding(file))
    yield from found
    yield _whole(file, str(wanted["file"]), progress, named=any(check.wrong for check in found))


def _tensors(file: GGUFFile, wanted: Mapping[str, Any], progress: Progress) -> Check:
    check = Check("tensors")
    try:
        check.each(file.tensor_hashes(progress), wanted["tensors"], PLACES, "tensor ")
    except AJError as error:
        check.wrong.append(str(error))
    return check


def _metadata(file: GGUFFile, wanted: Mapping[str, Any]) -> Check:
    check = Check("metadata keys")
    found = {key: value for key, value in file.key_hashes().items() if key not in (KEY, SCORES)}
    check.each(found, wanted["metadata"], PLACES, "metadata key ")
    return check


def _lineage(file: GGUFFile, wanted: Mapping[str, Any]) -> Check:
    check = Check(f"leaves of {KEY}")
    try:
        found = carried(file, KEY)
        check.each(leaves(found or {}, KEY), leaves(wanted, KEY), PLACES)
        if found == wanted and file.text(KEY) != canonical(wanted):
            check.wrong.append(f"metadata key {KEY} is not canonical JSON: spaces or the order of keys were changed")
    except AJError as error:
        check.wrong.append(str(error))
    return check


def _scores(file: GGUFFile, tree: Tree, flavour: str) -> Check:
    check = Check(f"leaves of {SCORES}")
    try:
        check.each(leaves(carried(file, SCORES), SCORES), leaves(scores.of(tree, flavour), SCORES), PLACES)
        if not check.wrong and file.text(SCORES) != canonical(scores.of(tree, flavour)):
            check.wrong.append(f"metadata key {SCORES} is not canonical JSON: spaces or the order of keys were changed")
    except AJError as error:
        check.wrong.append(str(error))
    return check


def _padding(file: GGUFFile) -> Check:
    check = Check("spans of padding")
    try:
        with file.path.open("rb") as stream:
            for start, end in file.padding():
                check.asked += 1
                stream.seek(start)
                while start < end:
                    chunk = stream.read(min(CHUNK, end - start))
                    if chunk.strip(b"\0"):
                        check.wrong.append(f"the padding between byte {start} and {end} is not all zeros")
                        break
                    start += len(chunk)
    except AJError as error:
        check.wrong.append(str(error))
    return check


def _whole(file: GGUFFile, wanted: str, progress: Progress, *, named: bool) -> Check:
    check = Check("the whole file" + (f" without {SCORES}" if SCORES in file.keys else ""), asked=1)
    found = hashlib.sha256()
    for chunk in file.rewritten(drop=[SCORES]):
        found.update(chunk)
        progress(len(chunk))
    if found.hexdigest() != wanted and not named:
        check.wrong.append(
            f"all tensors, keys and padding are right, but the file's SHA-256 is {found.hexdigest()}, {wanted} in git: its head or "
            "the table of tensors was changed"
        )
    return check
