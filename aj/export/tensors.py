"""The tensors of a safetensors model, each with a hash: which of them two models have in common, whatever files they lie in.

Read from the bytes: a type that torch or numpy does not know hashes like any other. Source: the format of safetensors.
"""

import hashlib
import json
import struct
from pathlib import Path

from aj.errors import ExportError
from aj.hashing import canonical, digest

CHUNK = 1 << 24  # bytes


def tensor_hashes(folder: Path) -> dict[str, str]:
    """Tensor -> SHA-256 over name, type, shape and data, over all files of a model. Raises ExportError where one is broken."""
    found: dict[str, str] = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            found |= _of(file)
        except (struct.error, ValueError, KeyError, TypeError) as error:
            raise ExportError(f"{file} is not a whole safetensors file ({error}): make or fetch it again.") from None
    if not found:
        raise ExportError(f"{folder} has no tensor in a safetensors file: make or fetch it again.")
    return found


def tensor_hash(folder: Path) -> str:
    """SHA-256 over the hashes of all tensors by name: a model's identity."""
    return digest(tensor_hashes(folder))


def _of(file: Path) -> dict[str, str]:
    found = {}
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > file.stat().st_size:
            raise ValueError("its head is longer than the file")
        head = json.loads(stream.read(length))
        for name, tensor in head.items():
            if name == "__metadata__":
                continue
            start, end = tensor["data_offsets"]
            stream.seek(8 + length + start)
            hashed = hashlib.sha256(canonical([name, tensor["dtype"], tensor["shape"]]).encode() + b"\n")
            left = end - start
            while left > 0:
                chunk = stream.read(min(CHUNK, left))
                if not chunk:
                    raise ValueError(f"it ends within {name}")
                hashed.update(chunk)
                left -= len(chunk)
            found[name] = hashed.hexdigest()
    return found
