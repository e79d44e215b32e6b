"""A project whose `uv sync --locked` takes a second: its one package is an sdist named llama-cpp-python that records how it was built.

The real sync compiles llama.cpp for minutes. uv, its lock, its cache of built wheels and the build settings of the hook are the
real ones here; what is built is not.
"""

import io
import subprocess
import tarfile
from pathlib import Path

PROJECT = """\
[project]
name = "tiny"
version = "0"
requires-python = ">=3.11"
dependencies = ["llama-cpp-python==0.1"]

[[tool.uv.index]]
name = "links"
url = "links"
format = "flat"
default = true
"""
SDIST = {
    "PKG-INFO": "Metadata-Version: 2.2\nName: llama-cpp-python\nVersion: 0.1\n",
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    '[project]\nname = "llama-cpp-python"\nversion = "0.1"\n',
    "backend.py": """\
import json, zipfile

INFO = "llama_cpp_python-0.1.dist-info"
FILES = {
    f"{INFO}/METADATA": "Metadata-Version: 2.2\\nName: llama-cpp-python\\nVersion: 0.1\\n",
    f"{INFO}/WHEEL": "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
}


def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "llama_cpp_python-0.1-py3-none-any.whl"
    files = {**FILES, "llama_cpp.json": json.dumps(config_settings or {})}
    record = "".join(f"{file},,\\n" for file in [*files, f"{INFO}/RECORD"])
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        for file, text in {**files, f"{INFO}/RECORD": record}.items():
            wheel.writestr(file, text)
    return name
""",
}
BUILT = ".venv/lib/python3.11/site-packages/llama_cpp.json"


def make(folder: Path, environment: dict[str, str]) -> Path:
    """The project with its lock, made by the real uv without a network."""
    (folder / "links").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(PROJECT)
    with tarfile.open(folder / "links/llama_cpp_python-0.1.tar.gz", "w:gz") as sdist:
        for name, text in SDIST.items():
            member = tarfile.TarInfo(f"llama_cpp_python-0.1/{name}")
            member.size = len(text.encode())
            sdist.addfile(member, io.BytesIO(text.encode()))
    subprocess.run(["uv", "lock", "--offline"], cwd=folder, env=environment, check=True, capture_output=True)
    return folder
