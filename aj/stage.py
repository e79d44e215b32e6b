"""The seal that every stage runs in.

What it promises: parameters are checked before anything is touched; inputs are hashed at the start and again at
the end (DVC hashes dependencies only after the command, so a script edited while it runs would be recorded as the
producer); a stage reads only the parameters it declares in dvc.yaml; outputs are written to a temporary folder,
synced, then renamed, with the manifest written last; a killed run leaves only a resume folder keyed by its inputs.
Nothing that depends on the machine is in a hashed output: time, host and commit go to .aj/runs/. Code hashes go into the
record that a stage declares under metrics/lineage (aj/record.py), and the seal writes it.
What it does not cover: inputs outside dvc.yaml (a hub that changes behind a branch name, say).
"""

import csv
import errno
import fcntl
import hashlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from aj import params as parameters
from aj import record
from aj.declaration import Declaration, Recorded
from aj.errors import AJError, ContractError, DataError
from aj.hashing import canonical, digest, hash_tree

WORK = Path(".aj")  # ignored by git and DVC: locks, temporary outputs, resume folders, run records
SHELLS = {"sh", "ash", "bash", "dash", "fish", "ksh", "zsh"}
HEADROOM = 256 << 20  # bytes kept free beyond what a stage says it needs


@dataclass
class Run:
    """One execution of a stage: its parameters in, its outputs out."""

    declaration: Declaration
    item: str
    params: Any
    """A ``Recorded`` view of Params: reads like it, and notes what is read."""
    inputs: dict[str, dict[str, str]]
    read: set[str]
    scratch: Path
    started: float = field(default_factory=time.time)
    _metrics: dict[str, dict[str, Any]] = field(default_factory=dict)

    def out(self, path: str) -> Path:
        """Where to write a declared output; it appears under its own name only when the stage has succeeded."""
        if path not in self.declaration.outs:
            raise ContractError(f"output {path!r} of {self.declaration.name} is not in dvc.yaml: declare it there.")
        target = self.scratch / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def metrics(self, path: str, values: Mapping[str, float | int | None]) -> None:
        """Write a metrics file: flat, sorted, rounded to 6 significant digits; NaN and missing values are errors."""
        bad = [k for k, v in values.items() if v is None or v != v or v in (float("inf"), float("-inf"))]
        if bad:
            raise ContractError(f"metric {bad[0]!r} is {values[bad[0]]}: a metric that could not be measured is no metric.")
        rounded = {k: v if isinstance(v, int) else float(f"{v:.6g}") for k, v in sorted(values.items())}
        self.out(path).write_text(json.dumps(rounded, indent=2) + "\n")

    def curve(self, path: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write a table for a plot as CSV; every row has the same columns."""
        rows = list(rows)
        if not rows:
            raise ContractError(f"the curve {path!r} has no point: nothing was logged.")
        with self.out(path).open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)

    def need_space(self, size: int) -> None:
        """Stop before work starts when the disk cannot hold ``size`` more bytes."""
        free = shutil.disk_usage(self.scratch).free
        if free < size + HEADROOM:
            raise DataError(
                f"no disk space for {self.declaration.name}: {(size + HEADROOM) / 1e9:.1f} GB needed, "
                f"{free / 1e9:.1f} GB free; make room and run it again."
            )

    def record(self) -> dict[str, Any]:
        """What this run has read and made so far, as its record in git has it (aj/record.py)."""
        made = {o: self.scratch / o for o in self.declaration.outs if not record.is_record(o) and (self.scratch / o).exists()}
        read = {k: self.params.plain(k) for k in sorted(self.read)}
        return record.lineage(self.declaration.name, params=read, inputs=self.inputs, pins=self.declaration.pins, outs=made)

    @cached_property
    def resume_dir(self) -> Path:
        """A folder that outlives a killed run, named by the hash of everything this run depends on."""
        known = {"inputs": self.inputs, "params": {k: self.params.plain(k) for k in self.declaration.params}}
        folder = WORK / "resume" / self.declaration.name / hashlib.sha256(canonical(known).encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def seal(name: str, act: Callable[[Run], None]) -> None:
    """Run one stage and end the process: 0 when its outputs are in place, 1 with one sentence when not."""
    try:
        _run(name, act)
    except AJError as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _fail(f"no disk space left while writing {error.filename or 'outputs'}: make room and run the stage again.")


def _run(name: str, act: Callable[[Run], None]) -> None:
    address = _address(name)
    _die_with_dvc()
    if not sys.stderr.isatty():
        os.environ.setdefault("TQDM_MININTERVAL", "15")  # seconds; a log file wants few lines
    params = parameters.load()
    declaration = Declaration.read(address)
    with _lock(address):
        missing = [d for d in declaration.deps if not Path(d).exists()]
        if missing:
            raise DataError(f"input {missing[0]!r} of {address} does not exist: restore it, or make it with `dvc repro`.")
        scratch = WORK / "tmp" / address
        shutil.rmtree(scratch, ignore_errors=True)  # what a killed run left behind
        scratch.mkdir(parents=True)
        stamps = {d: _stamp(Path(d)) for d in declaration.deps}
        inputs = {d: hash_tree(Path(d)) for d in declaration.deps}
        commit = record.commit()
        read: set[str] = set()
        run = Run(declaration, address.partition("@")[2], Recorded(params, declaration.params, read), inputs, read, scratch)
        try:
            act(run)
            _unchanged(declaration, inputs, stamps)
            _publish(run)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(WORK / "resume" / address, ignore_errors=True)
        record.keep(
            WORK / "runs", address, record.circumstances(address, started=run.started, inputs=inputs, read=read, commit=commit)
        )


def _publish(run: Run) -> None:
    for out in run.declaration.outs:
        if (run.scratch / out).is_dir():
            _write_manifest(run.scratch / out, run)
    own = record.path_of(run.declaration.name)
    if own in run.declaration.outs and not (run.scratch / own).exists():
        run.out(own).write_text(record.text(run.record()))
    absent = [o for o in run.declaration.outs if not (run.scratch / o).exists()]
    if absent:
        raise ContractError(f"{run.declaration.name} did not write its output {absent[0]!r}: a stage makes all it declares.")
    for out in run.declaration.outs:
        made, place = run.scratch / out, Path(out)
        for file in [made] if made.is_file() else [f for f in made.rglob("*") if f.is_file()]:
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_dir():
            shutil.rmtree(place)
        made.replace(place)


def _write_manifest(folder: Path, run: Run) -> None:
    # Code hashes are left to dvc.lock and the records: with them here, an edited comment would change every
    # byte downstream, and DVC could not stop where the data came out the same.
    data = {d: digest(tree) for d, tree in run.inputs.items() if not record.is_code(d) and not record.is_record(d)}
    manifest = {
        "stage": run.declaration.name,
        "inputs": data,
        "params": {k: run.params.plain(k) for k in sorted(run.read)},
        "files": hash_tree(folder),
    }
    (folder / record.MANIFEST).write_text(json.dumps(manifest, sort_keys=True, indent=1, ensure_ascii=False) + "\n")


def _unchanged(declaration: Declaration, inputs: dict[str, dict[str, str]], stamps: dict[str, Any]) -> None:
    for dep in declaration.deps:
        if _stamp(Path(dep)) != stamps[dep] and hash_tree(Path(dep)) != inputs[dep]:
            raise ContractError(
                f"input {dep!r} changed while {declaration.name} ran: its outputs were thrown away; run it again."
            )


def _stamp(path: Path) -> list[tuple[str, int, int]]:
    files = [path] if path.is_file() else sorted(f for f in path.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
    return [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files]


def _address(name: str) -> str:
    """``sft`` or ``eval@q8``: DVC passes it in the environment, so that no parameter ever stands in a command line."""
    given = os.environ.get("DVC_STAGE", "").rpartition(":")[2]
    if given.partition("@")[0] == name:
        return given
    return f"{name}@{sys.argv[1]}" if len(sys.argv) > 1 else name


def _die_with_dvc() -> None:
    # `kill -9` of dvc would leave the trainer running and writing. A shell stands between the two, unless it has
    # replaced itself with its command (bash does, an older dash does not), so the parent alone is not the one to watch.
    if "DVC_STAGE" not in os.environ:
        return
    dvc = next((p for p in psutil.Process().parents() if p.name() not in SHELLS), None)

    def follow() -> None:
        if dvc:
            dvc.wait()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="die-with-dvc", daemon=True).start()


class _lock:
    """One process a stage: an orphan of a killed dvc is waited for by name instead of being raced."""

    def __init__(self, address: str) -> None:
        self.address, self.path = address, WORK / "lock" / address

    def __enter__(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.stream = self.path.open("a+")
        try:
            fcntl.flock(self.stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.stream.seek(0)
            raise ContractError(
                f"stage {self.address} is already running as process {self.stream.read() or '?'}: wait for it or end it."
            ) from None
        self.stream.truncate(0)
        self.stream.write(str(os.getpid()))
        self.stream.flush()

    def __exit__(self, *_: object) -> None:
        self.stream.close()


def _fail(sentence: str) -> None:
    print(f"error: {sentence}", file=sys.stderr, flush=True)
    raise SystemExit(1)
