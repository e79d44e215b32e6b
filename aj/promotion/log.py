"""policies/events.jsonl: what happened to policies, a line an event, each with the hash of all before it; lines are only added.

The chain is that of transcripts (aj/sqlenv/transcript.py): a line that was changed, dropped or moved is found. The file is kept in git,
which finds what the chain alone does not: a tail that was cut off, or a whole new chain.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aj.promotion.policy import PromotionError
from aj.sqlenv.transcript import _link as link  # the one hash chain of the house

LOG = Path("policies/events.jsonl")
Event = dict[str, Any]


def read(path: Path = LOG) -> list[Event]:
    """All events, oldest first. Raises PromotionError naming the first line that is not as it was written."""
    found: list[Event] = []
    before = ""
    lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else [""]
    for number, line in enumerate(lines[:-1], 1):
        try:
            event = json.loads(line)
            said, content = event["hash"], {key: value for key, value in event.items() if key != "hash"}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PromotionError(f"line {number} of {path} is no event ({error!r}): restore the file from git.") from None
        before = link(before, content)
        if said != before:
            raise PromotionError(f"line {number} of {path} or one before it was changed: restore the file from git.")
        found.append(event)
    if lines[-1]:
        raise PromotionError(f"the last line of {path} is not whole: a write was cut off; remove that line.")
    return found


def append(event: Event, path: Path = LOG) -> Event:
    """Add an event with its time (UTC) and its hash, synced before it returns."""
    content = {**event, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    before = found[-1]["hash"] if (found := read(path)) else ""
    whole = {**content, "hash": link(before, content)}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(whole, sort_keys=True, ensure_ascii=False) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    return whole


@contextmanager
def alone(root: Path = Path()) -> Iterator[None]:
    """One promotion at a time."""
    path = root / ".aj/lock/policies"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PromotionError("another promotion or rollback is running: wait for it.") from None
        yield
