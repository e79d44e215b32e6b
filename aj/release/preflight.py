"""Everything that stands between a commit and its release; all refusals at once, a sentence each."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from aj.record import is_record
from aj.release import artifacts, parsed, registry, scores
from aj.release.errors import ReleaseError
from aj.release.required import Required
from aj.release.tree import git
from aj.version import Version


def names(model: Required, mix: Required) -> list[Version]:
    """What a release makes: every form of the model, and the mix where its last release is another one."""
    flavours = artifacts.flavours(model.snapshot.made)
    found = [Version.of(model.code, model.number, flavour) for flavour in flavours if flavour != "mix"]
    new_mix = not mix.last or mix.number != mix.last.number
    return [*found, Version.of(mix.code, mix.number, "mix")] if new_mix and "mix" in flavours else found


def refusals(root: Path, model: Required, mix: Required) -> Iterator[str]:
    """Why this commit cannot be released, apart from its number and its gate."""
    dirty = git(root, "status", "--porcelain").decode().splitlines()
    if dirty:
        yield f"the tree is dirty ({len(dirty)} files, {dirty[0].strip()} among them): commit or remove them."
    if model.last and model.number == model.last.number:
        yield f"nothing that is released has changed since {model.last.name}: there is nothing to release."
    snapshot = model.snapshot
    behind = [s for address in snapshot.declared for s in (*snapshot.stale(address), *snapshot.mislabelled(address))]
    if behind:
        yield f"dvc.lock is behind the files ({len(behind)} places; {behind[0]}): run `dvc repro`, and commit."
    yield from _undeclared(model, mix)
    taken = registry.known_tags(root) & {tag for version in names(model, mix) for tag in _tags(version)}
    if taken:
        yield f"tag {min(taken)} exists already: a release is made once; delete it only if it was never pushed."
    yield from _unmeasured(model)
    yield from _unpushed(root)


def _tags(version: Version) -> tuple[str, str]:
    return str(version), registry.Entry(version, "", {}).gto_tag


def _undeclared(model: Required, mix: Required) -> Iterator[str]:
    given = parsed.read(model.snapshot.tree, "dvc.yaml").get("artifacts") or {}
    for version in names(model, mix):
        name, path = registry.Entry(version, "", {}).name, artifacts.path(version.flavour)
        if (given.get(name) or {}).get("path") != path:
            yield f"dvc.yaml declares no artifact {name} with path {path}: add it, or `dvc artifacts get` will not find it."


def _unmeasured(model: Required) -> Iterator[str]:
    outs = [o for stage in model.snapshot.declared.values() for o in stage.outs if not is_record(o)]
    files = [o for o in outs if o.startswith("metrics/") and o.endswith(".json")]
    for path in files:
        try:
            scores.numbers(model.snapshot.tree, path)
        except ReleaseError as error:
            yield str(error)


def _unpushed(root: Path) -> Iterator[str]:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(root)) as repo:
            found: dict[str, str] = repo.status(cloud=True)
    except DvcException as error:
        yield f"the remote cannot be asked what it has ({' '.join(str(error).split())}): see `dvc remote list`."
        return
    absent = sorted(path for path, state in found.items() if state in ("new", "missing"))
    if absent:
        yield f"{len(absent)} outputs are not in the remote ({_few(absent)}): run `dvc push`."


def _few(paths: Sequence[str]) -> str:
    return ", ".join(paths[:3]) + (", …" if len(paths) > 3 else "")
