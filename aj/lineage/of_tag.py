"""The tag against itself: whether the code, parameters, pins and data of the commit are those that its records say were used.

A record is written by the run; this is where it is held against the files that the commit has. Nothing is checked out.
"""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from aj import record
from aj.hashing import digest
from aj.lineage import origin
from aj.lineage.check import ABSENT, Check, leaves
from aj.release.pipeline import at
from aj.release.snapshot import Snapshot

PLACES = ("in the commit", "in the record")


def checks(snapshot: Snapshot, wanted: Mapping[str, Any], address: str, stages: origin.Records) -> Iterator[Check]:
    """``wanted``: the record of ``quantize``; ``address``: its stage; ``stages``: the records above it."""
    yield _records(wanted, address, stages)
    own = {**wanted["stages"][address], "pins": {}}
    everything = {**stages, address: own}
    yield _code(snapshot, everything)
    yield _parameters(snapshot, everything)
    yield _data(snapshot, everything)


def _records(wanted: Mapping[str, Any], address: str, stages: origin.Records) -> Check:
    check = Check("leaves of the records")
    above = {**origin.above(stages), "stages": {name: origin.stage(found) for name, found in stages.items()}}
    carried = {key: wanted[key] for key in above} | {"stages": {k: v for k, v in wanted["stages"].items() if k != address}}
    places = (f"in {record.path_of(address)}", "by the records of the stages")
    check.each(leaves(carried), leaves(above), places)
    outs = {path: value for found in stages.values() for path, value in found["outputs"].items()}
    for name, found in wanted["stages"].items():
        for path, value in found["data"].items():
            if path in outs:
                check.same(f"{path} that {name} read", value, outs[path], ("by its record", "by the record of its maker"))
    return check


def _code(snapshot: Snapshot, stages: origin.Records) -> Check:
    check = Check("files of code in the commit")
    names = {a: [n for d in snapshot.declared[a].deps if record.is_code(d) for n in snapshot.tree.under(d)] for a in stages}
    content = snapshot.tree.read([name for found in names.values() for name in found])
    hashes = {name: hashlib.sha256(text).hexdigest() for name, text in content.items()}
    for address, found in stages.items():
        now = {name: hashes[name] for name in names[address]}
        if isinstance(found["code"], dict):
            check.each(now, found["code"], (f"in the commit ({address})", "in the record"))
        else:
            check.same(f"the code of {address}", digest(now), found["code"], PLACES)
    return check


def _parameters(snapshot: Snapshot, stages: origin.Records) -> Check:
    check = Check("parameters and pins in the commit")
    project = tomllib.loads((snapshot.tree.content(record.PINS) or b"").decode())
    for address, found in stages.items():
        for key, value in found["params"].items():
            check.same(f"{key} ({address})", _value(snapshot.params, key, value), value, PLACES)
        for key, value in found["pins"].items():
            check.same(f"{record.PINS} {key} ({address})", _value(project, key, value), value, PLACES)
    return check


def _data(snapshot: Snapshot, stages: origin.Records) -> Check:
    check = Check("data in git that stages read")
    for address, found in stages.items():
        for path, value in found["data"].items():
            names = snapshot.tree.under(path)
            if not names:
                continue  # a stage makes it: its record has it
            content = snapshot.tree.read(names)
            tree = {n.removeprefix(f"{path}/") if n != path else n.rpartition("/")[2]: t for n, t in content.items()}
            hashes = {name: hashlib.sha256(text).hexdigest() for name, text in sorted(tree.items())}
            check.same(f"{path} ({address})", digest(hashes), value, PLACES)
    return check


def _value(values: Any, key: str, like: Any) -> Any:
    """A value at a key; where the record has it as a number with a fraction and the file as a whole one, as the record has it."""
    try:
        found = at(values, key)
    except KeyError:
        return ABSENT
    return float(found) if isinstance(like, float) and type(found) is int else found
