"""What dvc.yaml says of a stage, and a view of the parameters that holds the stage to it."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from aj.errors import ContractError
from aj.params import as_dict


@dataclass(frozen=True)
class Declaration:
    """What dvc.yaml says of one stage, with its items resolved."""

    name: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...]
    pins: tuple[str, ...] = ()
    """Keys of pyproject.toml."""

    @classmethod
    def read(cls, name: str) -> "Declaration":
        """Ask DVC itself, so that foreach and matrix items resolve exactly as they do in ``dvc repro``."""
        from dvc.dependency import ParamsDependency
        from dvc.exceptions import DvcException
        from dvc.repo import Repo

        try:
            stage = Repo().stage.load_one("dvc.yaml", name)
        except DvcException as error:
            raise ContractError(f"stage {name!r} is not in dvc.yaml ({error}): see `dvc stage list`.") from None
        plain = [d.def_path for d in stage.deps if not isinstance(d, ParamsDependency)]
        keys = [k for d in stage.deps if isinstance(d, ParamsDependency) if d.def_path == "params.yaml" for k in d.params]
        pins = [k for d in stage.deps if isinstance(d, ParamsDependency) if d.def_path == "pyproject.toml" for k in d.params]
        return cls(name, tuple(plain), tuple(keys), tuple(o.def_path for o in stage.outs), tuple(pins))


class Recorded:
    """A parameter section that notes which keys are read, and refuses those the stage did not declare."""

    def __init__(self, section: Any, declared: tuple[str, ...], seen: set[str], at: str = "") -> None:
        self._section, self._declared, self._seen, self._at = section, declared, seen, at

    def __getattr__(self, name: str) -> Any:
        return self._wrap(getattr(self._section, name), name)

    def __getitem__(self, name: str) -> Any:
        return self._wrap(self._section[name], name)

    def __iter__(self) -> Any:
        self._check(self._at.rstrip("."))  # its names are the user's own; what counts as read are their values
        return iter(self._section)

    def plain(self, key: str) -> Any:
        """A declared key's value as plain nested dicts, without noting a read."""
        value: Any = self._section
        for part in key.split("."):
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        if isinstance(value, dict):
            return {k: as_dict(v) for k, v in value.items()}
        return as_dict(value)

    def _wrap(self, value: Any, name: str) -> Any:
        if dataclasses.is_dataclass(value) or isinstance(value, dict):
            return Recorded(value, self._declared, self._seen, f"{self._at}{name}.")
        self._check(self._at + name)
        self._seen.add(self._at + name)
        return value

    def _check(self, key: str) -> None:
        if not any(key == d or key.startswith(d + ".") for d in self._declared):
            raise ContractError(f"the stage reads parameter {key!r}, which dvc.yaml does not declare: add it there.")
