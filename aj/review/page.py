"""A review as Markdown: dvc.lock, parameters, metrics, gate, plots. The same input gives the same bytes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aj.review.gate import Gate
from aj.review.lock import Lock
from aj.review.metrics import Row, Value

ARROWS = {"higher": "↑", "lower": "↓", "": ""}
Parameters = Mapping[str, Mapping[str, tuple[Any, Any]]]
"""File -> key -> (before, after); None where a side does not have the key."""


def markdown(
    title: str,
    lock: Lock,
    parameters: Parameters,
    metrics: Sequence[Row],
    gate: Gate,
    plots: Sequence[str],
    unread: Sequence[str],
) -> str:
    """The whole page. ``plots``: lines about them. ``unread``: what could not be read, and so is in no table."""
    parts = [
        f"# {title}",
        f"## dvc.lock: {'current' if lock.current() else 'stale'}",
        *_lock(lock),
        "## Parameters",
        *_parameters(parameters),
        "## Metrics",
        *_metrics(metrics),
        f"## Gate: {gate.status}",
        gate.page,
        "## Plots",
        *plots,
    ]
    if unread:
        parts += ["## Not read", "\n".join(f"- {line}" for line in unread)]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown; a bar or a line break in a cell stays in its cell."""
    cells = [[" ".join(str(cell).replace("|", "\\|").split()) for cell in row] for row in (head, ["---"] * len(head), *rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def _lock(lock: Lock) -> Iterator[str]:
    if lock.current():
        yield f"All {lock.stages} stages are what dvc.lock says; `dvc repro` has nothing to run."
        return
    yield "The metrics below are not those of this code and these parameters: run `uv run dvc repro` and commit dvc.lock and metrics."
    yield table(
        ["stage", "differs from dvc.lock in"], [[stage, ", ".join(why) or "its inputs"] for stage, why in lock.stale.items()]
    )
    if lock.behind:
        yield f"Behind them, and perhaps to run too: {', '.join(lock.behind)}."


def _parameters(parameters: Parameters) -> Iterator[str]:
    rows = [[file, key, *map(_json, sides)] for file, keys in sorted(parameters.items()) for key, sides in sorted(keys.items())]
    yield table(["file", "parameter", "before", "after"], rows) if rows else "None moved."


def _metrics(metrics: Sequence[Row]) -> Iterator[str]:
    measured = [row for row in metrics if row.measured()]
    moved, same = [r for r in measured if r.moved()], [r for r in measured if not r.moved()]
    numbers = [row for row in metrics if not row.measured() and row.moved()]
    yield "Shares of items with their 95 % interval. ↑: higher is better, ↓: lower is. Within chance: the intervals overlap (the gate compares item by item)."
    if not measured:
        yield "No metric with an interval is recorded."
    if moved:
        yield _values(moved)
    if same:
        yield _folded(f"{len(same)} that did not move", _values(same))
    if numbers:
        yield _folded(f"{len(numbers)} other numbers that moved", _values(numbers))


def _values(rows: Sequence[Row]) -> str:
    return table(
        ["metric", "", "n", "before", "after", "change", "reading"],
        [[r.name, ARROWS[r.direction], _n(r), _value(r.before), _value(r.after), _change(r), r.reading()] for r in rows],
    )


def _folded(summary: str, text: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _value(value: Value | None) -> str:
    if value is None:
        return "-"
    return f"{value.value:.4g}" if value.low is None else f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})"


def _n(row: Row) -> str:
    sides = list(dict.fromkeys(f"{side.n:g}" for side in (row.before, row.after) if side is not None and side.n is not None))
    return " → ".join(sides)


def _change(row: Row) -> str:
    return f"{row.after.value - row.before.value:+.4g}" if row.before and row.after and row.moved() else ""


def _json(value: Any) -> str:
    return "-" if value is None else json.dumps(value, sort_keys=True, ensure_ascii=False)
