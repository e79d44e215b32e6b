"""The model card of a release, in Markdown: facts only, each read from the commit that is released."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from aj.hashing import canonical
from aj.release import artifacts, facts, reason, scores
from aj.release.required import Required
from aj.release.snapshot import Snapshot
from aj.version import Version


def write(model: Required, mix: Required, names: Sequence[Version], gate: Sequence[str]) -> str:
    """The card. ``names``: the artifacts of this release; ``gate``: what the gate said, or why there was none."""
    snapshot = model.snapshot
    base, data = facts.base(snapshot), facts.sources(snapshot)
    head = {"license": base["licence"], "base_model": base["id"], "datasets": [source.id for source in data]}
    lines = ["---", *(f"{key}: {canonical(value)}" for key, value in head.items()), "---", ""]
    lines += [f"# AJ-{model.code} v{model.number}", "", f"Made from commit `{snapshot.tree.rev}`.", ""]

    lines += ["## Files", "", *table(("name", "path", "DVC's MD5"), _files(snapshot, names)), ""]
    mix_name = Version.of(mix.code, mix.number, "mix")
    lines += [f"The mix they learned from is {mix_name}.", ""]

    lines += ["## Since the last release", "", "```text", *reason.tree(model, "model"), *reason.tree(mix, "mix"), "```", ""]
    lines += ["## Gate", "", *gate, ""]
    lines += ["## Base", "", *table(("what", "value"), base.items()), ""]

    whole = sum(source.taken for source in data)
    rows = (
        (s.name, s.id, s.revision, s.licence, f"{s.share:.1%}", s.taken, f"{s.taken / whole:.1%}" if whole else "-") for s in data
    )
    lines += ["## Data", "", *table(("source", "id", "revision", "licence", "asked", "rows", "share"), rows), ""]

    lines += ["## Scores", "", "Each with its 95 % interval, on the held-out items.", "", *_scores(snapshot), ""]
    lines += ["## Parameters", "", *table(("parameter", "value"), facts.inputs(snapshot, "parameter").items()), ""]
    lines += ["## Pins", "", *table(("library", "version"), facts.inputs(snapshot, "pin").items()), ""]
    lines += ["## Hashes", "", *table(("what", "hash"), facts.hashes(snapshot).items())]
    return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(str(cell).replace('|', chr(92) + '|') or '(empty)' for cell in row)} |"


def _files(snapshot: Snapshot, names: Sequence[Version]) -> Iterator[tuple[str, str, str]]:
    known = facts.hashes(snapshot)
    for name in names:
        path = artifacts.path(name.flavour)
        parts: Mapping[str, str] = {p: h for p, h in known.items() if p == path or p.startswith(f"{path}/")}
        yield str(name), path, ", ".join(h if p == path else f"{p.rpartition('/')[2]} {h}" for p, h in parts.items())


def _scores(snapshot: Snapshot) -> Iterator[str]:
    forms = scores.of_forms(snapshot.tree)
    metrics = sorted({metric for found in forms.values() for metric in found})
    rows = []
    for metric in metrics:
        sizes = sorted({found[metric].n for found in forms.values() if metric in found}, key=str)
        n = ", ".join("?" if size is None else str(size) for size in sizes)
        rows.append((metric, n, *(found.get(metric, "-") for found in forms.values())))
    yield from table(("metric", "n", *forms), rows)
