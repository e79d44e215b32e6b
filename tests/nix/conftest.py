"""nix, wherever it is: the folder that AJ_NIX names, the PATH, or Debian's package unpacked into the user's cache."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.nix.sandbox import ROOT, Sandbox

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aj/nix"


def found() -> Path | str:
    """The folder of nix and nix-instantiate, or why there is none."""
    if named := os.environ.get("AJ_NIX"):
        return Path(named) if (Path(named) / "nix").is_file() else f"AJ_NIX is {named}, which has no nix"
    if (program := shutil.which("nix")) and shutil.which("nix-instantiate"):
        return Path(program).parent
    if (CACHE / "nix-instantiate").is_file():
        return CACHE
    if platform.system() != "Linux" or not shutil.which("apt-get"):
        return "no nix on PATH, and no apt-get to get Debian's"
    # A fixed number of seconds: a mirror that does not answer must not hold up the rest of the tests.
    try:
        subprocess.run(
            ["bash", str(ROOT / "tests/nix/get_nix.sh"), str(CACHE)], capture_output=True, text=True, timeout=180, check=True
        )
    except subprocess.CalledProcessError as error:
        return f"no nix on PATH, and Debian's could not be got: {error.stderr.strip()[-300:]}"
    except subprocess.TimeoutExpired:
        return "no nix on PATH, and Debian's mirror did not answer within 180 s"
    return CACHE


@pytest.fixture(scope="session")
def nix(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    programs = found()
    if isinstance(programs, str):
        pytest.skip(f"{programs}; `bash tests/nix/get_nix.sh FOLDER` gets it, AJ_NIX=FOLDER names it")
    return Sandbox(tmp_path_factory.mktemp("nix"), programs)
