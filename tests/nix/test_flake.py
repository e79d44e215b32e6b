"""flake.nix, its lock and its hook, as far as a machine without nixpkgs and without a network can tell; and that the checks see what is broken.

What this cannot show: docs/environment.md.
"""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.nix.checks import CHECKS
from tests.nix.sandbox import Sandbox, copied


@pytest.mark.parametrize("check", CHECKS)
def test_the_flake_passes(nix: Sandbox, tmp_path: Path, check: str) -> None:
    assert list(CHECKS[check](nix, copied(tmp_path / "flake"))) == []


class Breakage(NamedTuple):
    """One edit that a person might make, and the check that has to say so."""

    check: str
    file: str
    old: str
    new: str
    said: str


BREAKAGES = {
    "a brace is missing": Breakage("syntax", "flake.nix", "outputs =\n    {", "outputs =\n    ", "flake.nix does not parse"),
    "a quote is missing in the hook": Breakage("syntax", "nix/hook.sh", 'driver:$AJ_LIBRARIES"', "driver:$AJ_LIBRARIES", "hook.sh does not parse"),
    "another release without a new lock": Breakage("lock", "flake.nix", "nixos-26.05", "nixos-25.11", "does not agree"),
    "a lock of another commit": Breakage("lock", "flake.lock", "5880666f", "5880666e", "the record is"),
    "a lock of other content": Breakage("lock", "flake.lock", "sha256-OURZ", "sha256-PURZ", "the record is"),
    "a package that nixpkgs does not have": Breakage("names", "flake.nix", "pkgs.ninja", "pkgs.ninja-build", "ninja-build"),
    "CUDA 12 under wheels for CUDA 13": Breakage("names", "flake.nix", "pkgs.cudaPackages_13;", "pkgs.cudaPackages;", "CUDA 12.9"),
    "every unfree package is let in": Breakage(
        "names", "flake.nix", "config.allowUnfreePredicate =", "config.allowUnfree = true; config.allowUnfreePredicate =", "any unfree part"
    ),
    "a part is not allowed by its name": Breakage("names", "flake.nix", "unfree;\n          };", "[ ];\n          };", "not allowed by its name"),
    "no shell for ARM": Breakage("names", "flake.nix", '"x86_64-linux" "aarch64-linux"', '"x86_64-linux"', "there should be cpu and default"),
    "settings in a variable that uv's cache ignores": Breakage(
        "shells", "nix/hook.sh", 'uv sync --locked "${settings[@]}"', 'CMAKE_ARGS="${settings[*]}" uv sync --locked', "without GGML_CUDA=ON"
    ),
    "ggml may link the stub of libcuda": Breakage("shells", "flake.nix", '"GGML_CUDA_NO_VMM=ON"', "", "without GGML_CUDA_NO_VMM"),
    "uv may write a new lock": Breakage("shells", "nix/hook.sh", 'uv sync --locked "', 'uv sync "', "does not fit pyproject.toml"),
    "uv run puts the plain build back": Breakage("shells", "nix/hook.sh", "export UV_NO_SYNC=1", ":", "without GGML_CUDA=ON"),
    "nixpkgs' Python path stays": Breakage("shells", "nix/hook.sh", "unset PYTHONPATH", ":", "before .venv"),
    "a whole system folder is linked": Breakage("shells", "nix/hook.sh", "{libcuda,", "{lib,libcuda,", "not the driver's libraries alone"),
    "nix's cuBLAS goes before torch's": Breakage(
        "shells", "nix/hook.sh", "driver:$AJ_LIBRARIES", "driver:$AJ_LIBRARIES:$CUDA_HOME/lib", "cuBLAS is on LD_LIBRARY_PATH"
    ),
    "triton's second assembler is forgotten": Breakage(
        "shells", "flake.nix", "TRITON_PTXAS_BLACKWELL_PATH =", "TRITON_PTXAS_BLACKWEL_PATH =", "TRITON_PTXAS_BLACKWELL_PATH not set"
    ),
    "uv may download a Python": Breakage("shells", "flake.nix", 'UV_PYTHON_DOWNLOADS = "never"', 'UV_PYTHON_DOWNLOADS = "manual"', "'manual'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKAGES)
def test_a_breakage_is_seen(nix: Sandbox, tmp_path: Path, name: str) -> None:
    broken = BREAKAGES[name]
    flake = copied(tmp_path / "flake")
    text = (flake / broken.file).read_text()
    assert text.count(broken.old) == 1, f"{broken.old!r} is not once in {broken.file}: the breakage breaks nothing"
    (flake / broken.file).write_text(text.replace(broken.old, broken.new))
    problems = list(CHECKS[broken.check](nix, flake))
    assert any(broken.said in problem for problem in problems), problems
