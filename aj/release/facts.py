"""What a tree says of its base, its data and its bytes: the facts that a model card and a registry hold."""

import hashlib
from dataclasses import dataclass
from typing import Any

from aj.hashing import canonical
from aj.release import artifacts, parsed, scores
from aj.release.change import Change
from aj.release.pipeline import at
from aj.release.snapshot import Snapshot

MIX = "metrics/mix.json"


@dataclass(frozen=True)
class Source:
    """One source of the mix."""

    name: str
    id: str
    revision: str
    licence: str
    share: float
    """What params.yaml asks for."""
    taken: int
    """Rows in the SFT training set."""


def sources(snapshot: Snapshot) -> list[Source]:
    """The sources of the mix, in the order of params.yaml."""
    rows, found = scores.numbers(snapshot.tree, MIX), []
    for name, wanted in snapshot.params["sources"].items():
        card: dict[str, Any] = parsed.read(snapshot.tree, f"data/sources/{name}/source.yaml")
        taken = int(rows.get(f"source.{name}.taken", 0))
        found.append(Source(name, card["id"], str(card["revision"]), card["licence"], float(wanted["share"]), taken))
    return found


def base(snapshot: Snapshot) -> dict[str, str]:
    """Id, revision, licence, origin; the chat template with its SHA-256 where it is a file of the project."""
    given = at(snapshot.params, "base")
    template = snapshot.tree.content(given["chat_template"])
    digest = f" (SHA-256 {hashlib.sha256(template).hexdigest()})" if template is not None else ""
    facts = {key: str(given[key]) for key in ("id", "revision", "licence", "origin")}
    return facts | {"chat template": f"{given['chat_template']}{digest}"}


def inputs(snapshot: Snapshot, kind: str) -> dict[str, str]:
    """Name -> value of the parameters or pins that decided the released weights, as dvc.lock has them."""
    stages = Change(snapshot, snapshot, artifacts.MODEL).deciding
    return dict(sorted((key[1], value) for stage in stages for key, value in snapshot.recorded(stage).items() if key[0] == kind))


def hashes(snapshot: Snapshot) -> dict[str, str]:
    """Path -> DVC's MD5 of the base, the mix and every form; and SHA-256 of dvc.lock and of the code that decided the weights."""
    outs = {path: digest for address in snapshot.locked for path, digest in snapshot.hashes(address).items()}
    wanted = [artifacts.BASE, *artifacts.MIX, *artifacts.MODEL]
    code = {path: digest for path, digest in inputs(snapshot, "file").items() if path.startswith(("aj/", "stages/"))}
    lock = snapshot.tree.content("dvc.lock") or b""
    return {path: outs[path] for path in wanted if path in outs} | {
        "dvc.lock (SHA-256)": hashlib.sha256(lock).hexdigest(),
        "code (SHA-256 of its hashes)": hashlib.sha256(canonical(code).encode()).hexdigest(),
    }
