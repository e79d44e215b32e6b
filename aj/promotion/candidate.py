"""What a file or folder is as a version of a policy: its name, its hashes, and the commit that records them."""

from dataclasses import dataclass
from pathlib import Path

from aj import params
from aj.gate.rules import Form
from aj.hashing import canonical, digest, hash_tree, sha256
from aj.params import read_yaml
from aj.promotion import gto_tags
from aj.promotion.policy import Policy, PromotionError
from aj.release.tree import git
from aj.version import Version

FOLDERS: dict[str, tuple[Form, str]] = {"models/grpo": ("grpo", "lora"), "models/merged": ("merged", "merged")}
"""Folder -> (form that evaluation knows it by, flavour)."""
FILES: dict[str, Form] = {"models/gguf/q8": "q8", "models/gguf/q4km": "q4km"}
"""Folder of one GGUF -> its form, which is its flavour too."""
RECORDED = ("dvc.lock", "dvc.yaml", "params.yaml", "metrics", "data/gate.yaml")


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A model that is to be promoted."""

    form: Form
    out: str
    path: Path
    version: Version

    @property
    def policy_id(self) -> str:
        """``AJ-{Code}-{flavour}``."""
        return f"AJ-{self.version.code}-{self.version.flavour}"

    @property
    def model(self) -> str:
        """The hash of what lies there."""
        return model_hash(self.path)


def find(given: Path) -> Candidate:
    """The candidate that a path names. Raises PromotionError where it is no output of the pipeline or has another name than params.yaml gives."""
    path = given.absolute()
    root = Path().absolute()
    relative = path.relative_to(root) if path.is_relative_to(root) else given
    if not path.exists():
        raise PromotionError(f"{given} does not exist: make it with `dvc repro`, or bring it with `dvc pull`.")
    p = params.load()
    if relative.as_posix() in FOLDERS:
        form, flavour = FOLDERS[relative.as_posix()]
        return Candidate(form=form, out=relative.as_posix(), path=relative, version=Version.of(p.code, p.version, flavour))
    folder = (relative if path.is_dir() else relative.parent).as_posix()
    files = [relative] if path.is_file() else sorted(relative.glob("*.gguf"))
    if folder not in FILES or len(files) != 1 or files[0].suffix != ".gguf":
        raise PromotionError(
            f"{given} is no model of the pipeline: promote {', '.join(FOLDERS)} or the GGUF in one of {', '.join(FILES)}."
        )
    version = Version.of(p.code, p.version, FILES[folder])
    if files[0].stem != str(version):
        raise PromotionError(f"{files[0]} is not called {version}, as params.yaml says: run `dvc repro`.")
    return Candidate(form=FILES[folder], out=folder, path=files[0], version=version)


def policy_of(candidate: Candidate, parent: str) -> Policy:
    """The version that a candidate would be. Raises PromotionError where its commit does not record it, or its files are not those recorded."""
    from dvc.repo import Repo

    commit = _commit(candidate)
    if changed := git(Path(), "status", "--porcelain", "--", *RECORDED).decode():
        raise PromotionError(f"not committed: {', '.join(changed.split()[1::2])}; commit what was evaluated, then promote it.")
    with Repo() as repo:
        outs = {out.def_path: out for out in repo.index.outs}
        out = outs.get(candidate.out)
        if out is None or not out.hash_info or out.changed_checksum():
            raise PromotionError(
                f"{candidate.out} is not what dvc.lock records: run `dvc repro` or `dvc checkout`, and commit dvc.lock."
            )
        if out.changed_cache():
            raise PromotionError(
                f"{candidate.out} is not in DVC's cache, so that no rollback could bring it back: run `dvc commit`."
            )
        mix = {
            path: str(found.hash_info.value) for path, found in outs.items() if path.startswith("data/mix") and found.hash_info
        }
    if not mix:
        raise PromotionError("dvc.lock records no data/mix: a version without the hash of its data is none; run `dvc repro`.")
    return Policy(
        policy_id=candidate.policy_id, version=candidate.version.number, model=candidate.model, data=digest(mix),
        params=digest({"params.yaml": canonical(read_yaml(Path("params.yaml")))}), parent=parent, commit=commit, path=candidate.path.as_posix(),
    )  # fmt: skip


def model_hash(path: Path) -> str:
    """SHA-256 of a file, or of the names and hashes of a folder's files."""
    return sha256(path) if path.is_file() else digest(hash_tree(path))


def _commit(candidate: Candidate) -> str:
    """The commit that records the candidate: its release's, where nothing that is recorded has changed since, else HEAD."""
    released = gto_tags.commit_of(candidate.policy_id, candidate.version.number)
    same = released and not git(Path(), "diff", "--name-only", released, "HEAD", "--", *RECORDED)
    return released if same else git(Path(), "rev-parse", "HEAD").decode().strip()
