"""A project as one tree has it: parameters, stages, and where dvc.lock does not know yet what the files say.

An input of a stage is a pair (kind, name) with a value: ``("parameter", "lora_r")``, ``("pin", "torch")``, ``("file", "aj/chat.py")``
(a folder counts as one), ``("command", "")``. What another stage makes is no input here: its cause lies with that stage.
``code`` and ``version`` are left out: a label is never the reason for another label.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aj.hashing import canonical
from aj.release import parsed
from aj.release.errors import ReleaseError
from aj.release.pipeline import Declared, Locked, at, declared, locked, overlap
from aj.release.tree import Tree

LABELS = {"code", "version"}
PINS = "pyproject.toml"
REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+(?:\[[^]]*])?)(.*)", re.DOTALL)

Input = tuple[str, str]
Inputs = dict[Input, str]


@dataclass(frozen=True)
class Snapshot:
    """What the files of a tree say of its pipeline."""

    tree: Tree

    @classmethod
    def of(cls, root: Path, rev: str | None = None) -> "Snapshot":
        """The snapshot of a commit, or of the working tree."""
        return cls(Tree.of(root, rev))

    @cached_property
    def params(self) -> dict[str, Any]:
        """params.yaml."""
        values = parsed.read(self.tree, "params.yaml")
        if not isinstance(values, dict):
            raise ReleaseError(f"params.yaml of {self.tree} holds no mapping of keys: start from one with `aj use tiny`.")
        return values

    def label(self, key: str) -> str:
        """``code`` or ``version``, as text."""
        if not isinstance(self.params.get(key), str):
            raise ReleaseError(f"params.yaml of {self.tree} has {key} {self.params.get(key)!r}: write it as text.")
        return str(self.params[key])

    @cached_property
    def declared(self) -> dict[str, Declared]:
        """Stages of dvc.yaml by address."""
        return declared(parsed.read(self.tree, "dvc.yaml"), self.params)

    @cached_property
    def locked(self) -> dict[str, Locked]:
        """Stages of dvc.lock by address; those that dvc.yaml no longer has are left out (DVC keeps them)."""
        return {a: stage for a, stage in locked(parsed.read(self.tree, "dvc.lock")).items() if a in self.declared}

    @cached_property
    def made(self) -> list[str]:
        """Paths that stages make."""
        return [o for stage in self.declared.values() for o in stage.outs]

    def hashes(self, address: str) -> dict[str, str]:
        """Path -> hash of the outputs of a stage's last run; empty for one that never ran."""
        return dict(self.locked[address].outs) if address in self.locked else {}

    def recorded(self, address: str) -> Inputs:
        """The inputs with which a stage last ran, from dvc.lock."""
        stage = self.locked.get(address)
        if not stage:
            return {}
        found: Inputs = {("command", ""): stage.cmd}
        for file, values in stage.params.items():
            for key, value in values.items():
                found |= _parameter(file, key, value)
        return found | {("file", path): digest for path, digest in stage.deps.items() if not self._is_made(path)}

    def present(self, address: str) -> Inputs:
        """The inputs with which a stage would run now, from the files."""
        stage = self.declared[address]
        found: Inputs = {("command", ""): stage.cmd}
        for file, keys in stage.params.items():
            values = parsed.read(self.tree, file)
            for key in keys or values:
                try:
                    found |= _parameter(file, key, at(values, key))
                except KeyError:
                    found |= _parameter(file, key, "(absent)")
        last = self.locked[address].deps if address in self.locked else {}
        for path in stage.deps:
            if not self._is_made(path):
                found["file", path] = self._digest_of(path, last)
        return found

    def stale(self, address: str) -> list[str]:
        """Why dvc.lock does not hold for a stage, a sentence each; empty where it does. What stands upstream is not asked."""
        if address not in self.locked:
            return [f"stage {address} has never run"]
        last, now = self.recorded(address), self.present(address)
        wrong = [
            f"{_name(key)} is {now.get(key, '(absent)')} here, {last.get(key, '(absent)')} in dvc.lock ({address})"
            if key[0] in ("parameter", "pin")
            else f"{_name(key)} is not the one that {address} ran with"
            for key in sorted(last.keys() | now.keys())
            if last.get(key) != now.get(key)
        ]
        entry, given = self.locked[address], self.declared[address]
        wrong += [
            f"{path} is declared by {address}, which ran without it"
            for path in {*given.deps, *given.outs} - {*entry.deps, *entry.outs}
        ]
        outs = {path: digest for a in self.locked for path, digest in self.hashes(a).items()}
        wrong += [f"{path} is not the one that {address} ran with" for path, h in entry.deps.items() if outs.get(path, h) != h]
        return wrong

    def mislabelled(self, address: str) -> list[str]:
        """Labels that stand in what a stage made but no longer in params.yaml, a sentence each."""
        given = self.locked[address].params.get("params.yaml", {}) if address in self.locked else {}
        return [
            f"{key} is {self.label(key)} in params.yaml, but {address} wrote {given[key]} into its files"
            for key in sorted(LABELS & given.keys())
            if given[key] != self.label(key)
        ]

    @cached_property
    def reads(self) -> dict[str, tuple[str, ...]]:
        """Address -> those of a stage's dependencies that stages make."""
        return {a: tuple(d for d in stage.deps if self._is_made(d)) for a, stage in self.declared.items()}

    @cached_property
    def makes(self) -> dict[str, tuple[str, ...]]:
        """Address -> outputs."""
        return {a: stage.outs for a, stage in self.declared.items()}

    @cached_property
    def feeders(self) -> dict[str, set[str]]:
        """Address -> the stages that make what a stage reads."""
        return {
            a: {s for s, outs in self.makes.items() if s != a and any(overlap(o, d) for o in outs for d in deps)}
            for a, deps in self.reads.items()
        }

    def _is_made(self, path: str) -> bool:
        if path not in self._asked:
            self._asked[path] = any(overlap(path, out) for out in self.made)
        return self._asked[path]

    @cached_property
    def _asked(self) -> dict[str, bool]:
        return {}

    def _digest_of(self, path: str, last: Mapping[str, str]) -> str:
        """DVC's hash of a dependency: from git, from its .dvc file; where it lies outside both, what dvc.lock has."""
        if path in self._digests:
            return self._digests[path]
        if f"{path}.dvc" in self.tree.files:
            out = parsed.read(self.tree, f"{path}.dvc")["outs"][0]
            return str(out.get("md5") or out.get("etag") or "(absent)")
        outside = "://" in path or (self.tree.root / path).exists()  # a bucket, a file that git ignores
        return last.get(path, "(absent)") if outside else "(absent)"

    @cached_property
    def _digests(self) -> dict[str, str]:
        """Path -> DVC's hash of every declared file or folder that git has."""
        paths = {d for stage in self.declared.values() for d in stage.deps if not self._is_made(d)}
        members = {path: self.tree.under(path) for path in paths}
        content = self.tree.read([name for names in members.values() for name in names])
        return {path: _digest(path, {n: content[n] for n in names}) for path, names in members.items() if names}


def _digest(path: str, content: Mapping[str, bytes]) -> str:
    """DVC's hash: MD5 of a file, or of the JSON list of a folder's files (dvc-data, ``Tree.digest``)."""
    if path in content:
        return hashlib.md5(content[path]).hexdigest()
    files = [{"md5": hashlib.md5(text).hexdigest(), "relpath": name[len(path) + 1 :]} for name, text in content.items()]
    listed = json.dumps(sorted(files, key=lambda file: file["relpath"]), sort_keys=True)
    return f"{hashlib.md5(listed.encode()).hexdigest()}.dir"


def _parameter(file: str, key: str, value: Any) -> Inputs:
    if file == PINS and isinstance(value, list):
        return dict(_pin(requirement) for requirement in value)
    name = key if file == "params.yaml" else f"{file}:{key}"
    return {("parameter", n): v for n, v in _leaves(name, value) if n not in LABELS}


def _pin(requirement: Any) -> tuple[Input, str]:
    found = REQUIREMENT.fullmatch(requirement) if isinstance(requirement, str) else None
    return (("pin", found[1]), found[2].strip() or "any") if found else (("pin", canonical(requirement)), "included")


def _leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    else:
        yield key, value if isinstance(value, str) else canonical(value)


def _name(key: Input) -> str:
    return " ".join(part for part in key if part) if key[0] != "file" else key[1]
