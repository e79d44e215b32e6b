"""Nix in a scratch folder: a store of its own, no daemon, no root, no network; nixpkgs is the stub of names."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKED = ("flake.nix", "flake.lock", "nix")
CONFIG = {
    "experimental-features": "nix-command flakes",
    "build-users-group": "",
    "substituters": "",
    "flake-registry": "",
    "build-hook": "",
    "sandbox": "false",
    "warn-dirty": "false",
}


class Sandbox:
    """One scratch folder with nix's store and the stub of nixpkgs, whose packages link the host's programs."""

    def __init__(self, folder: Path, programs: Path) -> None:
        """``programs`` holds nix and nix-instantiate."""
        self.programs, self.stub = programs, folder / "stub"
        state = {f"NIX_{name}_DIR": str(folder / name.lower()) for name in ("STORE", "STATE", "LOG", "LOCALSTATE", "CONF")}
        self.environment = {
            **state,
            "NIX_REMOTE": "local",
            "NIX_PATH": "",
            "NIX_CONFIG": "\n".join(f"{key} = {value}" for key, value in CONFIG.items()),
            "HOME": str(folder / "home"),
            "UV_CACHE_DIR": str(folder / "uv"),
            "UV_OFFLINE": "1",
            "PATH": f"{programs}:{os.environ['PATH']}",
        }
        for name in (*state.values(), self.environment["HOME"]):
            Path(name).mkdir(parents=True)
        shutil.copytree(ROOT / "tests/nix/stub", self.stub)
        python = Path(sys.base_prefix) / "bin/python3"
        (self.stub / "host.nix").write_text(
            f'{{ bash = "{shutil.which("bash")}"; path = "{os.environ["PATH"]}"; python = "{python}"; uv = "{_uv()}"; }}\n'
        )

    def run(self, *command: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command with nix on its PATH; stdout and stderr are kept apart."""
        return subprocess.run(
            command, cwd=cwd, env={**self.environment, **variables}, capture_output=True, text=True, timeout=120, check=False
        )

    def stubbed(self, *command: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """A command of nix, offline, with the stub instead of nixpkgs."""
        offline = ("--offline", "--no-write-lock-file", "--override-input", "nixpkgs", f"path:{self.stub}")
        # Options of nix go before `--command`, whose words are the shell's.
        cut = command.index("--command") if "--command" in command else len(command)
        return self.run("nix", *command[:cut], *offline, *command[cut:], cwd=cwd, **variables)


def _uv() -> str:
    # A shim (pyenv's) needs its own environment, so the program behind it.
    done = subprocess.run(
        ["bash", "-c", "pyenv which uv 2>/dev/null || command -v uv"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def copied(to: Path) -> Path:
    """What the checks are about, in a folder of its own: `path:.` would take .venv along."""
    to.mkdir(parents=True)
    for name in CHECKED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, to / name)
    return to
