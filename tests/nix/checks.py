"""What is checked of flake.nix, flake.lock and nix/hook.sh. A check gives what is wrong, one sentence each; none where all is well."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.nix import tiny_project
from tests.nix.sandbox import Sandbox

LOCKED = {  # as three independent public records of nixos-26.05 have it
    "lastModified": 1787204541,
    "narHash": "sha256-OURZPknrTjQrlNyxPdqzyqmU/81Wes1CUP/Ft1Rv/YI=",
    "owner": "NixOS",
    "repo": "nixpkgs",
    "rev": "5880666fd9eb563038431edb35c2d0aa595884e6",
    "type": "github",
}
SYSTEMS = ("aarch64-linux", "x86_64-linux")
DRIVER = ("libcuda.so.1", "libcudadebugger.so.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1", "libnvidia-nvvm.so.4",
          "libnvidia-gpucomp.so.1")  # fmt: skip
FIXED = {"UV_PYTHON_DOWNLOADS": "never", "PYTHONHASHSEED": "0", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
CUDA = (
    "CUDA_HOME",
    "CUDAToolkit_ROOT",
    "NVCC_APPEND_FLAGS",
    "TRITON_PTXAS_PATH",
    "TRITON_PTXAS_BLACKWELL_PATH",
    "TRITON_LIBCUDA_PATH",
)


def syntax(nix: Sandbox, flake: Path) -> Iterator[str]:
    """Every .nix file parses, the hook too."""
    for file in sorted(flake.rglob("*.nix")):
        if (done := nix.run("nix-instantiate", "--parse", str(file))).returncode:
            yield f"{file.name} does not parse: {done.stderr}"
    if (done := nix.run("bash", "-n", str(flake / "nix/hook.sh"))).returncode:
        yield f"hook.sh does not parse: {done.stderr}"


def lock(nix: Sandbox, flake: Path) -> Iterator[str]:
    """The lock has one input, agrees with flake.nix, and is the record."""
    done = nix.run("nix", "flake", "metadata", "--offline", "--no-update-lock-file", "--json", f"path:{flake}")
    if done.returncode:
        yield f"flake.lock does not agree with flake.nix: {done.stderr}"
        return
    nodes = json.loads(done.stdout)["locks"]["nodes"]
    if set(nodes) != {"root", "nixpkgs"}:
        yield f"flake.lock has the inputs {sorted(nodes)}: one is enough, nixpkgs"
    if nodes["nixpkgs"]["locked"] != LOCKED:
        yield f"flake.lock pins {nodes['nixpkgs']['locked']}: the record is {LOCKED}"


def names(nix: Sandbox, flake: Path) -> Iterator[str]:
    """Both shells evaluate for both systems: every name is known, every unfree part allowed by its name."""
    done = nix.stubbed("flake", "check", "--no-build", "--all-systems", f"path:{flake}")
    unexpected = re.findall(r"^warning: (?!not writing modified lock file).*", done.stderr, re.MULTILINE)
    if done.returncode or unexpected:
        yield f"the shells do not evaluate: {done.stderr}"
        return
    every = "builtins.mapAttrs (_: builtins.attrNames)"
    found = json.loads(nix.stubbed("eval", "--json", f"path:{flake}#devShells", "--apply", every).stdout)
    if found != {system: ["cpu", "default"] for system in SYSTEMS}:
        yield f"the shells are {found}: there should be cpu and default for {' and '.join(SYSTEMS)}"


def shells(nix: Sandbox, flake: Path) -> Iterator[str]:
    """Both shells open, one after the other, with one cache of uv; the hook's sync, settings and libraries are right."""
    place = flake.with_name(f"{flake.name}-opened")
    host = place / "host"
    host.mkdir(parents=True)
    for library in (*DRIVER, "libGL.so.1", "libcudnn.so.9"):
        (host / library).touch()
    project = tiny_project.make(place / "project", nix.environment)
    for shell in ("cpu", "default"):
        # `uv run` in the shell must not undo what the hook built.
        command = ("bash", "-c", "env -0; uv run --quiet python -c ''")
        done = nix.stubbed("develop", f"path:{flake}#{shell}", "--command", *command, cwd=project, AJ_DRIVER=str(host))
        if done.returncode:
            yield f"{shell}: the shell does not open: {done.stderr}"
            continue
        environment = dict(line.partition("=")[::2] for line in done.stdout.split("\0") if "=" in line)
        yield from (f"{shell}: {problem}" for problem in opened(environment, project))
        built = json.loads((project / tiny_project.BUILT).read_text())
        yield from (f"{shell}: {problem}" for problem in settings(built, cuda=shell == "default"))
    (project / "pyproject.toml").write_text(tiny_project.PROJECT.replace('"0"', '"1"'))
    done = nix.stubbed("develop", f"path:{flake}#cpu", "--command", "echo", "went on", cwd=project)
    if done.returncode == 0 or "went on" in done.stdout:
        yield "a lock that does not fit pyproject.toml lets the shell's command run"


def opened(environment: dict[str, str], project: Path) -> Iterator[str]:
    """What the variables of an opened shell should be."""
    for name, value in FIXED.items():
        if environment.get(name) != value:
            yield f"{name} is {environment.get(name)!r}, not {value!r}"
    if "PYTHONPATH" in environment:
        yield f"PYTHONPATH is {environment['PYTHONPATH']}: it goes before .venv"
    if not environment.get("UV_PYTHON", "").endswith("/bin/python3.11"):
        yield f"UV_PYTHON is {environment.get('UV_PYTHON')}: it should be the shell's"
    if not environment["PATH"].startswith(f"{project}/.venv/bin:"):
        yield f"PATH does not begin with .venv: {environment['PATH']}"
    driver = project / ".aj/driver"
    first, *libraries = environment["LD_LIBRARY_PATH"].split(":")
    if first != str(driver) or any(not part.startswith(environment["NIX_STORE"]) for part in libraries):
        yield f"LD_LIBRARY_PATH should be the driver's folder and the store's, not {environment['LD_LIBRARY_PATH']}"
    if any("cuda" in part or "cublas" in part for part in libraries):
        yield f"cuBLAS is on LD_LIBRARY_PATH, before the one inside torch: {environment['LD_LIBRARY_PATH']}"
    if (linked := sorted(file.name for file in driver.iterdir())) != sorted(DRIVER):
        yield f"the driver's folder holds {linked}, not the driver's libraries alone"
    if "CUDA_HOME" in environment and (missing := [name for name in CUDA if not environment.get(name)]):
        yield f"{', '.join(missing)} not set"


def settings(built: dict[str, str], cuda: bool) -> Iterator[str]:
    """What llama-cpp-python's build should have been given, by uv's keyed settings and not by a variable."""
    wanted = {"GGML_NATIVE": "OFF", **({"GGML_CUDA": "ON", "GGML_CUDA_NO_VMM": "ON"} if cuda else {})}
    for name, value in wanted.items():
        if built.get(f"cmake.define.{name}") != value:
            yield f"llama-cpp-python was built without {name}={value}: {built}"
    if not cuda and any("CUDA" in name for name in built):
        yield f"llama-cpp-python was built with CUDA: {built}"
    if cuda and not re.fullmatch(r"\d+(;\d+)*", built.get("cmake.define.CMAKE_CUDA_ARCHITECTURES", "")):
        yield f"llama-cpp-python was built without a list of CUDA architectures: {built}"
    if cuda and not built.get("cmake.define.CMAKE_INSTALL_RPATH", "").endswith("-cuda-home-0/lib"):
        yield f"llama-cpp-python was built without an rpath to cuBLAS: {built}"


CHECKS: dict[str, Callable[[Sandbox, Path], Iterator[str]]] = {"syntax": syntax, "lock": lock, "names": names, "shells": shells}
