"""What is known of a run, kept here before it goes anywhere: a line a fact, the files beside.

A server that goes away loses nothing: facts are appended and synced first, then sent, and each destination has a mark of how far it
got. Files are hard links where the disk allows (a stage replaces its outputs by renaming, so a link keeps the old content).
"""

import dataclasses
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj.errors import ContractError, DataError
from aj.hashing import sha256
from aj.stage import WORK
from aj.tracking.facts import Fact, refuse_private

FOLDER = WORK / "tracking"
TEXT = (".json", ".yaml", ".lock", ".jinja", ".txt", ".md")  # artifacts that are read for what must not be told


@dataclass(frozen=True)
class Line:
    """A fact and when it was written down (milliseconds since 1970: MLflow wants one, and the same at every attempt)."""

    fact: Fact
    time: int


class Journal:
    """The journal of one run, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path, self.files = folder, folder / "facts.jsonl", folder / "files"

    @classmethod
    def all(cls) -> list["Journal"]:
        """Every journal that there is, by name."""
        return [cls(path.parent) for path in sorted(FOLDER.glob("*/facts.jsonl"))]

    @contextmanager
    def held(self) -> Iterator[None]:
        """One writer at a time: `watch` and `send` may both run."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def lines(self) -> list[Line]:
        """All that was written down. A last line that a killed process left half is no line yet."""
        if not self.path.is_file():
            return []
        whole = self.path.read_bytes().rpartition(b"\n")[0]
        found = []
        for number, text in enumerate(whole.splitlines(), start=1):
            try:
                row = json.loads(text)
                found.append(Line(Fact(**row["fact"]), row["time"]))
            except (ValueError, KeyError, TypeError):
                raise DataError(f"{self.path}, line {number} is not a fact ({text[:60]!r}): restore the line.") from None
        return found

    def add(self, facts: Iterable[Fact]) -> int:
        """Write down the facts that are new; returns how many. Raises ContractError where one must not be told."""
        known = {_place(line.fact): line.fact.value for line in self.lines()}
        new = []
        for fact in facts:
            if known.get(_place(fact)) == fact.value:
                continue
            known[_place(fact)] = fact.value  # a curve may have its last point twice: measured at that step, and after the end
            new.append(fact)
            if isinstance(fact.value, str):
                refuse_private(f"{fact.kind} {fact.key!r}", f"{fact.key} = {fact.value}")
        if new:
            self._cut_half_line()
            rows = ({"fact": dataclasses.asdict(fact), "time": time.time_ns() // 1_000_000} for fact in new)
            with self.path.open("a") as stream:
                stream.writelines(json.dumps(row) + "\n" for row in rows)
                stream.flush()
                os.fsync(stream.fileno())
        return len(new)

    def keep(self, place: str, fetch: Callable[[Path], None]) -> Fact:
        """Keep a file, which ``fetch`` writes, until it has been sent. Raises ContractError where its text must not be told."""
        target = self.files / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        fetch(target)
        if target.suffix in TEXT:
            try:
                text = target.read_text(encoding="utf-8", errors="replace")
                refuse_private(f"file {place!r}", text, credentials=not place.startswith("tokenizer/"))
            except ContractError:
                target.unlink()
                raise
        return Fact("file", place, sha256(target))

    def mark(self, destination: str) -> dict[str, Any]:
        """How far a destination got: ``sent`` lines, and the run's id there."""
        path = self.folder / f"sent-{destination}.json"
        known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"sent": 0}
        return known

    def set_mark(self, destination: str, mark: dict[str, Any]) -> None:
        """Note how far a destination got."""
        path = self.folder / f"sent-{destination}.json"
        half = path.with_suffix(".half")
        half.write_text(json.dumps(mark) + "\n")
        half.replace(path)

    def _cut_half_line(self) -> None:
        if self.path.is_file():
            content = self.path.read_bytes()
            if content and not content.endswith(b"\n"):
                self.path.write_bytes(content[: content.rfind(b"\n") + 1])


def _place(fact: Fact) -> tuple[str, str, int]:
    return fact.kind, fact.key, fact.step
