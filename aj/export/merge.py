"""Add a LoRA adapter to its base, streaming: W + scale * B @ A in float32, cast back to the base's dtype.

At most ROWS rows of one tensor are in anonymous memory (inputs are mapped, shards written front to back), so
the peak does not grow with the model. Same base, adapter and shard size: same bytes.
The base is merged as it lies on disk, however training loaded it. A base that is *stored* in 4 bits is
refused; to mend it, name the checkpoint that it was quantized from.
What is not covered: adapters that are more than two matrices beside a linear layer (DoRA, saved modules,
embeddings, biases: see REFUSED), and adapters saved as .bin. Each is an error, never skipped.
"""

import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aj.errors import ExportError
from aj.export.checkpoint import DTYPE_BYTES, open_checkpoint

ROWS = 4096
COPIED = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
)  # fmt: skip
LORA_TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
PLAIN = {"peft_type": ("LORA",), "bias": (None, "none"), "init_lora_weights": (None, True, False, "gaussian")}
REFUSED = (
    "use_dora", "modules_to_save", "fan_in_fan_out", "lora_bias", "use_qalora", "use_bdlora", "arrow_config",
    "target_parameters", "trainable_token_indices", "layer_replication", "alora_invocation_tokens",
    "kasa_config", "monteclora_config", "megatron_config",
)  # fmt: skip


@dataclass(frozen=True)
class MergeReport:
    """What a merge wrote: tensors in all, those an adapter changed, bytes of tensor data, shard files."""

    tensors: int
    merged: int
    total_bytes: int
    shards: int


@dataclass(frozen=True)
class _Update:
    a: Any  # safetensors slice, (r, in)
    b: Any  # safetensors slice, (out, r)
    scale: float


def merge_adapter(base_dir: Path, adapter_dir: Path, out_dir: Path, *, shard_bytes: int) -> MergeReport:
    """Write base + adapter as a model directory of its own, with the base's config, tokenizer and template.

    A shard holds at most ``shard_bytes`` of tensor data; a larger single tensor gets one of its own. Raises
    ExportError for a base stored quantized, an adapter outside plain LoRA, an adapter tensor that fits no
    base tensor, a result that is not finite, and an ``out_dir`` that is not empty.
    """
    quantized = json.loads((base_dir / "config.json").read_text()).get("quantization_config")
    if quantized:
        raise ExportError(
            f"{base_dir} is stored quantized ({quantized.get('quant_method')}), which merging cannot add to: "
            "name the unquantized checkpoint as the base and load it in 4 bits only to train."
        )
    base, updates = open_checkpoint(base_dir), _read_adapter(adapter_dir)
    for name, update in updates.items():
        shape = [update.b.get_shape()[0], update.a.get_shape()[1]]
        found = base[name].get_shape() if name in base else "no such tensor (tied embeddings have no lm_head)"
        if found != shape:
            raise ExportError(
                f"{adapter_dir} changes {name} of shape {shape}, but {base_dir} has {found}: "
                "merge into the base that the adapter was trained on."
            )
    out_dir.mkdir(parents=True, exist_ok=True)
    if any(out_dir.iterdir()):
        raise ExportError(f"{out_dir} is not empty, and files of two models must not mix: clear it first.")
    sizes = {name: math.prod(t.get_shape()) * DTYPE_BYTES[t.get_dtype()] for name, t in base.items()}
    shards: list[list[str]] = [[]]
    for name, size in sizes.items():
        if shards[-1] and sum(sizes[other] for other in shards[-1]) + size > shard_bytes:
            shards.append([])
        shards[-1].append(name)
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        part = f"-{number:05d}-of-{len(shards):05d}" if len(shards) > 1 else ""
        _write_shard(out_dir / f"model{part}.safetensors", {name: base[name] for name in shard}, updates)
        weight_map |= dict.fromkeys(shard, f"model{part}.safetensors")
    if len(shards) > 1:
        index = {"metadata": {"total_size": sum(sizes.values())}, "weight_map": weight_map}
        text = json.dumps(index, indent=2, sort_keys=True)
        (out_dir / "model.safetensors.index.json").write_text(text + "\n")
    for name in COPIED:
        if (base_dir / name).exists():
            shutil.copyfile(base_dir / name, out_dir / name)
    return MergeReport(len(base), len(updates), sum(sizes.values()), len(shards))


def logit_difference(base_dir: Path, adapter_dir: Path, merged_dir: Path, token_rows: Sequence[Sequence[int]]) -> float:
    """Largest absolute difference of any logit between base + adapter (through peft) and the merged model.

    Both run in float32, one after the other. For a float32 base this is rounding (about 1e-5); for a 16-bit
    base it also holds what the cast back to 16 bits costs, because peft adds the adapter's output unrounded.
    """
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    def logits(directory: Path, adapter: Path | None) -> list[torch.Tensor]:
        model: Any = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
        if adapter is not None:
            model = PeftModel.from_pretrained(model, str(adapter))
        with torch.no_grad():  # from_pretrained leaves both in eval mode
            return [model(input_ids=torch.tensor([list(row)])).logits[0] for row in token_rows]

    pairs = zip(logits(base_dir, adapter_dir), logits(merged_dir, None), strict=True)
    return max(float((left - right).abs().max()) for left, right in pairs)


def _read_adapter(adapter_dir: Path) -> dict[str, _Update]:
    """Base tensor name -> its update; every tensor of the adapter is in exactly one of them."""
    config = json.loads((adapter_dir / "adapter_config.json").read_text())
    odd = [key for key, allowed in PLAIN.items() if config.get(key) not in allowed]
    if odd := odd + [key for key in REFUSED if config.get(key)]:
        said = ", ".join(f"{key}={config[key]!r}" for key in odd)
        raise ExportError(f"{adapter_dir} uses {said}, which cannot be merged here: train plain LoRA layers.")
    halves: dict[str, dict[str, Any]] = {}
    for name, tensor in open_checkpoint(adapter_dir, "adapter_model").items():
        if not (match := LORA_TENSOR.fullmatch(name)):
            raise ExportError(f"{adapter_dir} holds {name}, not lora_A or lora_B: train plain LoRA layers.")
        halves.setdefault(match["module"], {})[match["side"]] = tensor
    updates = {}
    for module, half in halves.items():
        if len(half) != 2:
            raise ExportError(f"{adapter_dir} has only lora_{min(half)} of {module}: save the adapter again.")
        rank = half["A"].get_shape()[0]  # the tensor's own, which a rank_pattern may have set
        # The first alpha_pattern that matches the end of the name, as peft's get_pattern_key does it.
        patterns = config.get("alpha_pattern") or {}
        alphas = (alpha for key, alpha in patterns.items() if re.match(rf"(.*\.)?({key})$", module))
        scale = next(alphas, config["lora_alpha"]) / (math.sqrt(rank) if config.get("use_rslora") else rank)
        updates[f"{module}.weight"] = _Update(half["A"], half["B"], scale)
    return updates


def _write_shard(file: Path, tensors: Mapping[str, Any], updates: Mapping[str, _Update]) -> None:
    """Length, header, data (the safetensors format) in turn: its own writer wants the shard in memory."""
    import torch

    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    # Wide types first, as safetensors does it: every tensor then starts at a multiple of its item size.
    ordered = sorted(tensors.items(), key=lambda item: -DTYPE_BYTES[item[1].get_dtype()])
    end = 0
    for name, tensor in ordered:
        dtype, shape = tensor.get_dtype(), tensor.get_shape()
        start, end = end, end + math.prod(shape) * DTYPE_BYTES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        for name, tensor in ordered:
            update = updates.get(name)
            a = update.a[:].float() if update else None
            for row in range(0, tensor.get_shape()[0], ROWS):
                block = tensor[row : row + ROWS]
                if update and a is not None:
                    delta = update.b[row : row + ROWS].float() @ a
                    block = block.float().add_(delta, alpha=update.scale).to(block.dtype)
                    if not torch.isfinite(block).all():
                        raise ExportError(f"{name} is not finite after merging: the adapter's training diverged.")
                handle.write(block.contiguous().view(torch.uint8).numpy())
