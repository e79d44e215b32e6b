"""What evaluation recorded at a revision, or in the working tree: numbers from git, episodes by the hash in that revision's dvc.lock.

Episodes come from the workspace, DVC's cache or its remote, whichever has them; their bytes must have the recorded hash.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from aj import revision
from aj.errors import AJError
from aj.gate.metrics import Measured, measure

Rows = tuple[Mapping[str, Any], ...]


class GateError(AJError):
    """The gate cannot be run, or a model does not pass it."""


class NoEvidence(GateError):
    """A number or a file of episodes is not there, not finite, or not the recorded one. ``bucket`` is the reason it is counted under."""

    def __init__(self, bucket: str, sentence: str) -> None:
        super().__init__(sentence)
        self.bucket = bucket


class Evidence:
    """One side of a comparison. ``rev``: anything git can resolve; None is the working tree."""

    def __init__(self, rev: str | None = None, root: Path = Path()) -> None:
        self.revision, self.root = rev, root
        self.name = rev or "the working tree"
        self.numbers, self.items = cache(self._numbers), cache(self._items)
        self.questions, self.tasks = cache(self._questions), cache(self._tasks)

    @cached_property
    def _files(self) -> Any:
        return revision.files(self.revision, self.root)

    def number(self, form: str, metric: str) -> float:
        """One recorded metric. Raises NoEvidence where it is missing or not a finite number."""
        value = self.numbers(form).get(metric)
        where = f"metrics/eval_{form}.json of {self.name}"
        if value is None:
            raise NoEvidence("missing", f"{where} has no {metric!r}: run eval again, or mend the rule.")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise NoEvidence("not_a_number", f"{metric} in {where} is {value!r}: find out why, and run eval again.")
        return float(value)

    def _numbers(self, form: str) -> Mapping[str, Any]:
        path = f"metrics/eval_{form}.json"
        try:
            numbers = json.loads(
                self._files.read_text(path)
            )  # reads NaN, which exact_json refuses: the metric is named, not the file
        except FileNotFoundError:
            raise NoEvidence("missing", f"{path} is not in {self.name}: run `dvc repro`, or take another revision.") from None
        except ValueError as error:
            raise NoEvidence("unreadable", f"{path} of {self.name} is not JSON ({error}): run eval again.") from None
        if not isinstance(numbers, dict):
            raise NoEvidence("unreadable", f"{path} of {self.name} holds a {type(numbers).__name__}: run eval again.")
        return numbers

    def _questions(self, form: str) -> Rows:
        return self._rows(f"metrics/transcripts/{form}.jsonl")

    def _tasks(self, form: str) -> Rows:
        return self._rows(f"metrics/transcripts/{form}_tasks.jsonl")

    def _items(self, form: str, metric: str) -> Measured:
        """The items of a metric. Raises NoEvidence where there are none, or where the episodes are not what the eval stage writes."""
        questions, tasks = self.questions(form), self.tasks(form)
        try:
            found = measure(metric, questions, tasks)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise NoEvidence(
                "unreadable",
                f"the episodes of {form} in {self.name} cannot be read ({type(error).__name__}: {error}): run eval again.",
            ) from None
        if not found.items:
            splits = ", ".join(dict.fromkeys(str(row["split"]) for row in questions))
            raise NoEvidence(
                "missing", f"no episode of {form} in {self.name} measures {metric!r}; its splits are {splits or 'none'}."
            )
        return found

    def _rows(self, path: str) -> Rows:
        from dvc.exceptions import DvcException

        try:
            recorded = self._files.info(path).get("dvc_info", {}).get("md5")
            content: bytes = self._files.read_bytes(path)
        except (OSError, DvcException) as error:
            fetch = "`dvc fetch --all-commits" if self.revision else "`dvc pull"
            raise NoEvidence(
                "missing",
                f"{path} of {self.name} is neither in the cache nor in the remote ({' '.join(str(error).split())}), so nothing can be "
                f"paired: {fetch} {path}` brings it where a remote has it; else `dvc push` it where it was made.",
            ) from None
        if recorded is None:
            raise NoEvidence("missing", f"dvc.lock of {self.name} does not record {path}: run `dvc repro` and commit dvc.lock.")
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != recorded:
            raise NoEvidence(
                "changed", f"{path} of {self.name} does not have the hash in its dvc.lock ({recorded}): `dvc checkout` it."
            )
        try:
            # Only a line feed ends a line: the line separators of Unicode stand unescaped in what a model wrote.
            return tuple(json.loads(line) for line in content.decode("utf-8", "surrogatepass").split("\n") if line.strip())
        except ValueError as error:
            raise NoEvidence("unreadable", f"{path} of {self.name} is not JSON a line ({error}): run eval again.") from None
