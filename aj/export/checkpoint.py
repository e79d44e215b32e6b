"""A safetensors checkpoint as named slices: nothing is read until it is asked for."""

import json
from pathlib import Path
from typing import Any

from aj.errors import ExportError

DTYPE_BYTES = {"F32": 4, "F16": 2, "BF16": 2}


def open_checkpoint(model_dir: Path, stem: str = "model") -> dict[str, Any]:
    """Tensor name -> safetensors slice: ``get_shape()``, ``get_dtype()``, ``[a:b]`` reads rows into torch.

    In the order of the files. Raises ExportError when a file is missing or a tensor is not F32, F16 or BF16.
    """
    from safetensors import safe_open

    index = model_dir / f"{stem}.safetensors.index.json"
    sharded = set(json.loads(index.read_text())["weight_map"].values()) if index.exists() else set()
    slices: dict[str, Any] = {}
    for file in sorted(model_dir / name for name in sharded or {f"{stem}.safetensors"}):
        if not file.is_file():
            raise ExportError(f"{file} is missing: save or download the model as safetensors.")
        handle: Any = safe_open(file, framework="pt")
        slices |= {name: handle.get_slice(name) for name in handle.offset_keys()}
    if odd := {t.get_dtype() for t in slices.values()} - DTYPE_BYTES.keys():
        raise ExportError(f"{model_dir} stores {', '.join(odd)} tensors: save it as one of {', '.join(DTYPE_BYTES)}.")
    return slices
