"""Scores with their 95 % intervals, as metrics/*.json of a tree record them.

An interval is a pair of keys that end in ``low`` and ``high``: ``X.low`` belongs to ``X.accuracy`` or ``X.pass_rate``, ``X_low`` to ``X``,
``X_rate`` or ``X_accuracy``. What has no interval (losses, counts) is no score.
"""

from dataclasses import dataclass

from aj import exact_json
from aj.release.errors import ReleaseError
from aj.release.tree import Tree

FOLDER, EVAL = "metrics/", "metrics/eval_"


@dataclass(frozen=True)
class Score:
    """A proportion measured on ``n`` items (None where the file does not say), with its interval."""

    value: float
    low: float
    high: float
    n: int | None

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"

    def apart(self, other: "Score") -> bool:
        """Whether the intervals have nothing in common."""
        return self.high < other.low or other.high < self.low


def numbers(tree: Tree, path: str) -> dict[str, float]:
    """A metrics file. Raises ReleaseError when it is missing, broken, or holds what is no number."""
    text = tree.content(path)
    if text is None:
        raise ReleaseError(f"{path} is not in {tree}: run `dvc repro`, and commit what it measured.")
    try:
        values = exact_json.loads(text)
    except ValueError as error:
        raise ReleaseError(f"{path} of {tree} cannot be read ({error}): run the stage that writes it again.") from None
    if not isinstance(values, dict) or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values.values()):
        raise ReleaseError(f"{path} of {tree} holds something that is no number: run the stage that writes it again.")
    return values


def of_forms(tree: Tree) -> dict[str, dict[str, Score]]:
    """Form (as in metrics/eval_FORM.json) -> metric -> Score."""
    files = sorted(path for path in tree.files if path.startswith(EVAL) and path.endswith(".json"))
    return {path.removeprefix(EVAL).removesuffix(".json"): intervals(numbers(tree, path), path) for path in files}


def intervals(values: dict[str, float], path: str) -> dict[str, Score]:
    """Metric -> Score of a flat metrics file. Raises ReleaseError for half an interval, or one whose value is missing."""
    found = {}
    for key in sorted(values):
        stem = key.removesuffix("low")
        if stem == key or not stem.endswith((".", "_")):
            continue
        beside = [stem[:-1]] if stem.endswith("_") else []
        name = next((name for name in (*beside, f"{stem}accuracy", f"{stem}pass_rate", f"{stem}rate") if name in values), None)
        if name is None or f"{stem}high" not in values:
            raise ReleaseError(f"{path} has {key} but no value or no upper end to it: run the stage that writes it again.")
        n = values.get(f"{stem.rpartition('.')[0]}.n")
        found[name] = Score(values[name], values[key], values[f"{stem}high"], None if n is None else int(n))
    return found
