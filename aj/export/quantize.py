"""An unquantized GGUF made smaller by llama.cpp's own quantizer, called through ctypes.

Source: ``llama_model_quantize`` in llama.cpp's include/llama.h, as packaged by llama-cpp-python. Custom
metadata goes through unchanged, and the bytes do not depend on the number of threads.
What is not covered: importance matrices. k-quants need rows that are multiples of 256; where they are not,
llama.cpp falls back to another type, which ``quantize`` counts and ``fallbacks`` names.
"""

import ctypes
import functools
import os
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aj.errors import ExportError


@dataclass(frozen=True)
class QuantType:
    """One way to quantize: llama.cpp's file type, and the tensor types it has where nothing falls back."""

    ftype: str
    """Name of a constant of llama_cpp."""
    tensor_types: frozenset[str]


# One row a flavour: add a row for a new one. Norms and biases stay F32 in all of them.
FLAVOURS: Mapping[str, QuantType] = {
    "q8": QuantType("LLAMA_FTYPE_MOSTLY_Q8_0", frozenset({"F32", "Q8_0"})),
    "q6k": QuantType("LLAMA_FTYPE_MOSTLY_Q6_K", frozenset({"F32", "Q6_K"})),
    "q5km": QuantType("LLAMA_FTYPE_MOSTLY_Q5_K_M", frozenset({"F32", "Q5_K", "Q6_K"})),
    "q4km": QuantType("LLAMA_FTYPE_MOSTLY_Q4_K_M", frozenset({"F32", "Q4_K", "Q6_K"})),
}


@dataclass
class LibraryLog:
    """The last lines that llama.cpp said in this process; they go here instead of to stderr."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=200))
    callback: Any = None  # held here: ctypes frees a callback that nobody holds, and llama.cpp would call into it

    def tail(self, count: int = 8) -> str:
        """The last ``count`` lines in one."""
        return " ".join(line.strip() for line in list(self.lines)[-count:] if line.strip())


@functools.cache
def library_log() -> LibraryLog:
    """Take over llama.cpp's log, of which a process has one, until the process ends."""
    import llama_cpp

    log = LibraryLog()

    def keep(_level: int, text: bytes, _user_data: int | None) -> None:
        log.lines.append(text.decode("utf-8", "replace"))

    log.callback = llama_cpp.llama_log_callback(keep)
    llama_cpp.llama_log_set(log.callback, ctypes.c_void_p(0))
    return log


def quantize(src: Path, dst: Path, flavour: str, *, threads: int) -> dict[str, int]:
    """Quantize ``src`` to ``dst`` and return how many tensors have which type, read back from the file.

    ``dst`` appears whole or not at all. Raises ExportError for a flavour without a row in FLAVOURS and, with
    llama.cpp's last words, when it refuses.
    """
    import llama_cpp
    from gguf import GGUFReader

    if flavour not in FLAVOURS:
        raise ExportError(f"The quantization flavour {flavour!r} is unknown: use one of {', '.join(FLAVOURS)}.")
    log = library_log()
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = getattr(llama_cpp, FLAVOURS[flavour].ftype)
    params.nthread = threads
    partial = dst.with_name(dst.name + ".partial")
    try:
        code = llama_cpp.llama_model_quantize(os.fsencode(src), os.fsencode(partial), ctypes.byref(params))
        if code != 0:
            raise ExportError(f"llama.cpp cannot quantize {src} to {flavour} (code {code}): {log.tail()}")
        counts = Counter(tensor.tensor_type.name for tensor in GGUFReader(partial).tensors)
        partial.replace(dst)
    finally:
        partial.unlink(missing_ok=True)
    return dict(sorted(counts.items()))


def fallbacks(counts: Mapping[str, int], flavour: str) -> dict[str, int]:
    """The part of ``quantize``'s counts that is not of the flavour's own types, {} where all is well."""
    return {name: count for name, count in counts.items() if name not in FLAVOURS[flavour].tensor_types}
