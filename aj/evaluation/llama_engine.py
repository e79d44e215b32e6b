"""A GGUF file that answers: greedy continuations and logits through llama.cpp, many sequences at a time.

It calls llama_cpp's low-level functions (llama.cpp's include/llama.h): the high-level class decodes one
sequence at a time, and batched decoding is the lever. Each live sequence has a slot of the KV cache; when it
ends, the next context gets the slot (continuous batching). The cache is float32 and flash attention is off,
so that differences seen are the weights': a float32 model is then within 1e-4 of a logit of transformers
(0.02 with llama.cpp's defaults).
What is not covered: sampling. Kernels for one row and for many round differently, most of all in k-quants, so
a near-tie may fall differently when contexts are grouped differently.
"""

import ctypes
import functools
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from aj.errors import ExportError
from aj.export.quantize import library_log

Part = tuple[int, int, Sequence[int]]  # slot, position of the first token, tokens


class LlamaEngine:
    """A loaded model. Use it as a context manager or ``close()`` it: its memory is not Python's."""

    eos_token_id: int
    metadata: dict[str, str]
    """The file's metadata as llama.cpp prints it, without arrays: ``{"general.name": …}``."""

    def __init__(self, path: Path, *, threads: int, max_length: int = 512, parallel: int = 32) -> None:
        """Load ``path`` for ``parallel`` sequences of at most ``max_length`` tokens, context included.

        The KV cache has ``max_length * parallel`` cells. Raises ExportError when llama.cpp cannot load it.
        """
        import llama_cpp

        self._lib: Any = llama_cpp  # declared more loosely than it is used here
        self._model = self._context = self._batch = None
        self._max_length, self._parallel = max_length, parallel
        log = library_log()
        _start_backend()
        lib = self._lib
        self._model = lib.llama_model_load_from_file(os.fsencode(path), lib.llama_model_default_params())
        if not self._model:
            raise ExportError(f"llama.cpp cannot load {path}: {log.tail()}")
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_seq_max = max_length * parallel, parallel
        self._capacity = params.n_batch = max(2048, max_length + parallel)  # a context beside all live sequences
        params.n_threads = params.n_threads_batch = threads
        params.type_k = params.type_v = lib.GGML_TYPE_F32
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        params.kv_unified = False  # a strip of cells a sequence: attention does not pass over the others'
        self._context = lib.llama_init_from_model(self._model, params)
        if not self._context:
            self.close()
            raise ExportError(f"llama.cpp has no room for {parallel} x {max_length} tokens: {log.tail()}")
        self._batch = lib.llama_batch_init(self._capacity, 0, 1)
        self._vocab = lib.llama_model_get_vocab(self._model)
        self._vocab_size = lib.llama_vocab_n_tokens(self._vocab)
        self.eos_token_id = lib.llama_vocab_eos(self._vocab)
        keys, values = lib.llama_model_meta_key_by_index, lib.llama_model_meta_val_str_by_index
        entries = range(lib.llama_model_meta_count(self._model))
        self.metadata = {self._text(keys, i): self._text(values, i) for i in entries}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model; a second call does nothing."""
        if self._batch is not None:
            self._lib.llama_batch_free(self._batch)
        if self._context:
            self._lib.llama_free(self._context)
        if self._model:
            self._lib.llama_model_free(self._model)
        self._model = self._context = self._batch = None

    def tokenize(self, text: str) -> list[int]:
        """Token ids of ``text``: special tokens written in it are recognised, none is added."""
        data = text.encode()
        ids = (self._lib.llama_token * (len(data) + 1))()  # byte-level: never more tokens than bytes
        count = self._lib.llama_tokenize(self._vocab, data, len(data), ids, len(ids), False, True)
        return list(ids[:count])

    def generate(self, contexts: Sequence[Sequence[int]], max_new_tokens: int, *, grammar: str = "") -> list[list[int]]:
        """Greedy continuation of each context, in the order given, without the context itself.

        With ``grammar`` (GBNF, its start rule called root) only tokens that the grammar allows are taken. A result ends with ``eos_token_id`` where that is reached, else after ``max_new_tokens`` or where
        context and result together have ``max_length`` tokens; without room for one token it is empty.
        Raises ValueError for an empty context and for a grammar that llama.cpp cannot read.
        """
        if not all(contexts):
            raise ValueError("a context is empty: give at least one token to continue from")
        results: list[list[int]] = [[] for _ in contexts]
        limits = [min(max_new_tokens, self._max_length - len(context)) for context in contexts]
        waiting = deque(i for i, limit in enumerate(limits) if limit > 0)
        live: dict[int, int] = {}  # slot -> index of its context
        free = list(reversed(range(self._parallel)))  # the lowest is taken first
        samplers: dict[int, Any] = {}  # index of a context -> where it stands in the grammar
        self._forget()
        while waiting or live:
            parts: list[Part] = [(slot, len(contexts[i]) + len(results[i]) - 1, results[i][-1:]) for slot, i in live.items()]
            room = self._capacity - len(parts)
            while waiting and free and len(contexts[waiting[0]]) <= room:
                slot = free.pop()
                live[slot] = waiting.popleft()
                parts.append((slot, 0, contexts[live[slot]]))
                room -= len(contexts[live[slot]])
            parts.sort()  # llama.cpp computes slots in one go only where their numbers follow each other
            ends = self._decode(parts, every=False)
            for (slot, _, _), end in zip(parts, ends, strict=True):
                result = results[live[slot]]
                if grammar and live[slot] not in samplers:
                    samplers[live[slot]] = self._constrained(grammar)
                result.append(self._next(end, samplers.get(live[slot])))
                if result[-1] == self.eos_token_id or len(result) == limits[live[slot]]:
                    self._forget(slot)
                    free.append(slot)
                    if sampler := samplers.pop(live.pop(slot), None):
                        self._lib.llama_sampler_free(sampler)
        return results

    def logits(self, rows: Sequence[Sequence[int]]) -> Iterator[npt.NDArray[np.float32]]:
        """The logits after every token of each row, in order: (len(row), vocabulary), float32.

        Raises ValueError for a row that is empty or longer than ``max_length``.
        """
        if odd := [len(row) for row in rows if not 0 < len(row) <= self._max_length]:
            raise ValueError(f"a row has {odd[0]} tokens: this engine takes 1 to {self._max_length}")
        waiting = deque(rows)
        while waiting:
            parts: list[Part] = []
            room = self._max_length  # not more: a position's logits are 0.6 MB with Qwen2's vocabulary
            while waiting and len(parts) < self._parallel and len(waiting[0]) <= room:
                parts.append((len(parts), 0, waiting.popleft()))
                room -= len(parts[-1][2])
            self._forget()
            ends = self._decode(parts, every=True)
            spans = [range(end + 1 - len(part[2]), end + 1) for part, end in zip(parts, ends, strict=True)]
            yield from [np.stack([self._logits(i) for i in span]) for span in spans]

    def _constrained(self, grammar: str) -> Any:
        """A sampler of its own for one sequence: the grammar remembers what was written."""
        allowed = self._lib.llama_sampler_init_grammar(self._vocab, grammar.encode(), b"root")
        if not allowed:
            raise ValueError(f"llama.cpp cannot read the grammar: {library_log().tail()}")
        chain = self._lib.llama_sampler_chain_init(self._lib.llama_sampler_chain_default_params())
        self._lib.llama_sampler_chain_add(chain, allowed)
        self._lib.llama_sampler_chain_add(chain, self._lib.llama_sampler_init_greedy())
        return chain

    def _next(self, end: int, sampler: Any) -> int:
        if sampler is None:
            return int(self._logits(end).argmax())
        return int(self._lib.llama_sampler_sample(sampler, self._context, end))  # accepts what it takes

    def _decode(self, parts: Sequence[Part], *, every: bool) -> list[int]:
        """Run the model over all parts at once; returns where in the batch each part's last token is."""
        batch: Any = self._batch
        ends, i = [], 0
        for slot, first, tokens in parts:
            for position, token in enumerate(tokens, first):
                batch.token[i], batch.pos[i], batch.logits[i] = token, position, every
                batch.n_seq_id[i], batch.seq_id[i][0] = 1, slot
                i += 1
            batch.logits[i - 1] = True
            ends.append(i - 1)
        batch.n_tokens = i
        if code := self._lib.llama_decode(self._context, batch):
            raise RuntimeError(f"llama_decode returned {code} for {i} tokens: {library_log().tail()}")
        return ends

    def _logits(self, i: int) -> npt.NDArray[np.float32]:
        """(vocabulary,), a view of llama.cpp's memory that the next decode overwrites."""
        pointer = self._lib.llama_get_logits_ith(self._context, i)
        view: npt.NDArray[np.float32] = np.ctypeslib.as_array(pointer, shape=(self._vocab_size,))
        return view

    def _forget(self, slot: int = -1) -> None:
        self._lib.llama_memory_seq_rm(self._lib.llama_get_memory(self._context), slot, -1, -1)

    def _text(self, read: Callable[..., int], i: int) -> str:
        size = read(self._model, i, None, 0) + 1  # as snprintf: the length it would have had
        buffer = ctypes.create_string_buffer(size)
        read(self._model, i, buffer, size)
        return buffer.value.decode("utf-8", "replace")


@functools.cache
def _start_backend() -> None:
    import llama_cpp

    llama_cpp.llama_backend_init()
