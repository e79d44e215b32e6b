"""A Hugging Face model directory as an unquantized GGUF file, one tensor in memory at a time.

Matrices keep the checkpoint's own type (F32, F16 or BF16): converting must not round, that is quantizing's
business. Norms and biases are F32, as llama.cpp wants them. Same directory and metadata: same bytes.
What is not covered: architectures outside ARCHITECTURES, rope scaling other than ``llama3``, sliding windows,
tokenizers that vocabulary.py does not know. Each is an ExportError, because llama.cpp would load such a file and
answer slightly wrong.
Source: llama.cpp's convert_hf_to_gguf.py and ggml's docs/gguf.md.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from aj.errors import ExportError
from aj.export.checkpoint import open_checkpoint
from aj.export.vocabulary import add_vocabulary

if TYPE_CHECKING:
    from gguf import GGUFReader, GGUFWriter

Value = str | int | float | bool | list[str]


class Architecture(NamedTuple):
    """GGUF's name for an architecture, and whether llama.cpp's rope pairs neighbouring rows of q and k."""

    name: str
    permuted: bool


ARCHITECTURES = {
    "Qwen2ForCausalLM": Architecture("qwen2", permuted=False),
    "LlamaForCausalLM": Architecture("llama", permuted=True),
}
VOCABULARY = ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.merges")


def write_gguf(model_dir: Path, out: Path, *, metadata: Mapping[str, Value]) -> int:
    """Convert ``model_dir`` to the file ``out``; returns the number of tensors written.

    ``metadata`` is stored under its own keys (``general.name``, ``aj.lineage``, …): text, bool, list of
    text, float as FLOAT64, int as UINT32 or else INT64. Raises ExportError for what llama.cpp could not
    represent faithfully (see the module), for a value without a GGUF type and for a key that is set here.
    """
    import gguf

    config = json.loads((model_dir / "config.json").read_text())
    model = (config.get("architectures") or ["model without an architecture"])[0]
    if model not in ARCHITECTURES:
        raise ExportError(f"{model_dir} is a {model}: GGUF export supports {', '.join(ARCHITECTURES)}.")
    tensors = _tensors(model_dir, config, ARCHITECTURES[model])
    kinds = {tensor.get_dtype() for tensor, _ in tensors.values() if len(tensor.get_shape()) > 1}
    if len(kinds) != 1:
        raise ExportError(f"{model_dir} mixes {' and '.join(sorted(kinds))} matrices: save it in one type.")
    kind = gguf.GGMLQuantizationType[kinds.pop()]
    rope = _rope_factors(model_dir, config)
    partial = out.with_name(out.name + ".partial")
    writer = gguf.GGUFWriter(partial, ARCHITECTURES[model].name)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_file_type(gguf.LlamaFileType["ALL_F32" if kind.name == "F32" else f"MOSTLY_{kind.name}"])
    for key, value in sorted(metadata.items()):
        _add_metadata(writer, key, value)
    _add_hyperparameters(writer, config)
    add_vocabulary(writer, model_dir, config["vocab_size"], config)
    if rope is not None:
        writer.add_tensor_info("rope_freqs.weight", rope.shape, rope.dtype, rope.nbytes)
    for name, (tensor, _) in tensors.items():
        stored = kind if len(shape := tensor.get_shape()) > 1 else gguf.GGMLQuantizationType.F32
        size = math.prod(shape) * gguf.GGML_QUANT_SIZES[stored][1]
        writer.add_tensor_info(name, shape, np.dtype(np.float32), size, raw_dtype=stored)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        if rope is not None:
            writer.write_tensor_data(rope)
        for tensor, heads in tensors.values():
            writer.write_tensor_data(_array(tensor, heads))
        writer.close()
        partial.replace(out)
    finally:
        writer.close()
        partial.unlink(missing_ok=True)
    return len(tensors) + (rope is not None)


def read_metadata(path: Path) -> dict[str, Any]:
    """Key -> value of all metadata, chat template included, without the arrays that list the vocabulary."""
    fields = _open(path).fields.items()
    return {k: f.contents() for k, f in fields if k not in VOCABULARY and not k.startswith("GGUF.")}


def _open(path: Path) -> "GGUFReader":
    import gguf

    try:
        return gguf.GGUFReader(path)
    except (ValueError, IndexError, KeyError) as error:
        raise ExportError(f"{path} is not a whole GGUF file ({error}): convert it again.") from error


def _tensors(model_dir: Path, config: dict[str, Any], model: Architecture) -> dict[str, tuple[Any, int]]:
    """GGUF name -> (safetensors slice, number of heads whose rows are to be reordered, 0 for none)."""
    import gguf

    arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == model.name)
    names = gguf.get_tensor_name_map(arch, config["num_hidden_layers"])
    queries = config["num_attention_heads"]
    heads = {"q": queries, "k": config.get("num_key_value_heads") or queries}
    tied = config.get("tie_word_embeddings", False)
    tensors: dict[str, tuple[Any, int]] = {}
    for name, tensor in open_checkpoint(model_dir).items():
        if name.endswith(".rotary_emb.inv_freq") or (tied and name == "lm_head.weight"):
            continue  # computed from the config; a copy of the embeddings
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise ExportError(f"{model_dir} has the tensor {name}, unknown to GGUF's {model.name}: cannot export.")
        side = re.search(r"\.self_attn\.([qk])_proj\.", name)
        tensors[target] = (tensor, heads[side[1]] if side and model.permuted else 0)
    if not tied and "output.weight" not in tensors:
        raise ExportError(f"{model_dir} lacks lm_head.weight and does not tie it: save the model again.")
    if (rows := tensors["token_embd.weight"][0].get_shape()[0]) != config["vocab_size"]:
        raise ExportError(f"{model_dir} embeds {rows} tokens, config.json says {config['vocab_size']}: fix it.")
    return tensors


def _array(tensor: Any, heads: int) -> npt.NDArray[Any]:
    import torch

    whole = tensor[:]
    if heads:
        shape = whole.shape
        whole = whole.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
    whole = whole.float() if whole.dim() == 1 else whole.contiguous()
    array: npt.NDArray[Any] = (whole.view(torch.uint16) if whole.dtype == torch.bfloat16 else whole).numpy()
    return array


def _add_metadata(writer: "GGUFWriter", key: str, value: Value) -> None:
    from gguf import GGUFValueType as Kind

    if key in writer.kv_data[0] or key.startswith(("tokenizer.", f"{writer.arch}.")):
        raise ExportError(f"The metadata key {key} describes the model itself and is set here: leave it out.")
    match value:
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_key_value(key, value, Kind.UINT32 if 0 <= value < 2**32 else Kind.INT64)
        case float():
            writer.add_float64(key, value)
        case str():
            writer.add_key_value(key, value, Kind.STRING)  # add_string drops an empty one
        case [*items] if items and all(isinstance(item, str) for item in items):
            writer.add_array(key, items)
        case _:
            raise ExportError(f"The metadata value {key}={value!r} has no GGUF type: use text, a number or a list.")


def _add_hyperparameters(writer: "GGUFWriter", config: dict[str, Any]) -> None:
    heads = config["num_attention_heads"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or {}
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config.get("num_key_value_heads") or heads)
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(head_dim)
    writer.add_rope_freq_base(float(rope.get("rope_theta", config.get("rope_theta", 10_000.0))))


def _rope_factors(model_dir: Path, config: dict[str, Any]) -> npt.NDArray[np.float32] | None:
    """(head_dim / 2,) divisors of the rope frequencies, as Llama 3.1 stretches them; None without scaling."""
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind not in ("default", "llama3") or config.get("use_sliding_window"):
        what = "a sliding window" if kind in ("default", "llama3") else f"the rope type {kind!r}"
        raise ExportError(f"{model_dir} uses {what}, which the export cannot represent: use a base without it.")
    if kind == "default":
        return None
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    theta = rope.get("rope_theta", config.get("rope_theta", 10_000.0))
    wavelength = 2 * np.pi * theta ** (np.arange(0, head_dim, 2) / head_dim)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    blend = np.clip((rope["original_max_position_embeddings"] / wavelength - low) / (high - low), 0, 1)
    return np.asarray(1 / ((1 - blend) / rope["factor"] + blend), dtype=np.float32)
