"""A release, from the first doubt to the last tag: number, preflight, gate, card, registries."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aj.lineage import scores
from aj.release import artifacts, card, facts, preflight, reason, registry
from aj.release.errors import ReleaseError
from aj.release.number import verify
from aj.release.required import required
from aj.release.tree import Tree
from aj.release.verdict import Gate
from aj.tracking import mlflow_client
from aj.version import Version

CARDS = Path(".aj/release")
"""Cards are written here and into MLflow: in git, a card would make the tree dirty that it describes."""


@dataclass(frozen=True)
class Published:
    """What a release left behind."""

    names: list[Version]
    tags: list[str]
    card: Path
    uri: str
    copies: list[Path]
    """GGUFs that carry their scores."""
    notes: list[str]
    """Why a copy was not made, a sentence each."""


def publish(root: Path, *, gate: Gate, uri: str = "") -> Published:
    """Release the commit that is checked out.

    Raises ReleaseError listing every refusal; then nothing was made.
    """
    head = Tree.of(root, "HEAD")
    model, mix = required(root, head.rev), required(root, head.rev, mix=True)
    found = list(preflight.refusals(root, model, mix))
    try:
        verify(model)
    except ReleaseError as error:
        found.append(str(error))
    gated: Sequence[str] = ()
    if not found:  # a gate may take long: it is not asked about what is refused already
        verdict = gate(root, str(head.rev), model.last.commit if model.last else None)
        gated = verdict.lines
        if not verdict.passed:
            found.append("the gate failed:\n" + "\n".join(f"  {line}" for line in gated))
    if found:
        raise ReleaseError("not released:\n" + "\n".join(f"- {sentence}" for sentence in found))

    names = preflight.names(model, mix)
    text = card.write(model, mix, names, gated)
    uri = uri or mlflow_client.uri(root)
    hashes = facts.hashes(model.snapshot)
    entries = [_entry(root, name, hashes) for name in names]
    copies, notes = scores.copies(root, head, names, root / CARDS)
    message = "\n".join(
        [*reason.tree(model, "model"), *reason.tree(mix, "mix"), "", *(f"{h}  {path}" for path, h in hashes.items())]
    )
    registry.register(root, entries, commit=str(head.rev), uri=uri, message=message + "\n", card=text)
    place = root / CARDS / f"AJ-{model.code}-v{model.number}.md"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return Published(names, [tag for entry in entries for tag in (str(entry.version), entry.gto_tag)], place, uri, copies, notes)


def _entry(root: Path, name: Version, hashes: dict[str, str]) -> registry.Entry:
    import dvc.api

    path = artifacts.path(name.flavour)
    parts = {p: h for p, h in hashes.items() if p == path or p.startswith(f"{path}/")}
    source = dvc.api.get_url(next(iter(parts)), repo=str(root))
    return registry.Entry(name, source, {"aj.path": path, **{f"md5.{p}": h for p, h in parts.items()}})
