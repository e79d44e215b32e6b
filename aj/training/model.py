"""The base and its one adapter: load, continue, save.

The adapter is what travels between stages. A 4-bit base (QLoRA, Dettmers et al., 2023) is quantized when it is loaded;
nothing 4-bit is ever written.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.errors import TrainingError
from aj.training import gpu

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def load_base(weights: Path, *, precision: str, quantization: str = "none") -> "PreTrainedModel":
    """The base as a causal language model on the GPU where there is one, else on the CPU."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True, "device_map": {"": _device()}}
    if quantization == "nf4":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16, bnb_4bit_use_double_quant=True
        )  # fmt: skip
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(weights, **options)
    return model


def add_adapter(model: "PreTrainedModel", *, r: int, alpha: int, dropout: float, seed: int) -> "PeftModel":
    """A fresh LoRA adapter (Hu et al., 2021) on the seven linears of every layer; B starts at zero."""
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training

    if getattr(model, "is_loaded_in_4bit", False):
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    torch.manual_seed(seed)
    config = LoraConfig(r=r, lora_alpha=alpha, lora_dropout=dropout, target_modules=LINEARS, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    assert isinstance(adapted, PeftModel)
    return adapted


def continue_adapter(model: "PreTrainedModel", adapter: Path) -> "PeftModel":
    """The base with an earlier stage's adapter, trainable."""
    from peft import PeftModel, prepare_model_for_kbit_training

    if getattr(model, "is_loaded_in_4bit", False):
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    adapted = PeftModel.from_pretrained(model, adapter, is_trainable=True)
    # Where the base really is: peft looks its config up when it saves, and would ask the hub for the name in the file.
    adapted.peft_config["default"].base_model_name_or_path = model.name_or_path
    return adapted


def save_adapter(model: "PeftModel", out: Path, base_id: str) -> None:
    """Write the adapter without anything that depends on this machine. Raises TrainingError when it is not finite."""
    import torch

    for name, weight in model.named_parameters():
        if "lora_" in name and not torch.isfinite(weight).all():
            raise TrainingError(f"{name} is not finite after training: lower the learning rate.")
    model.save_pretrained(out, selected_adapters=["default"])
    (out / "README.md").unlink(missing_ok=True)  # peft's model card names local paths
    path = out / "adapter_config.json"
    config = json.loads(path.read_text())
    config["base_model_name_or_path"] = base_id
    config["target_modules"] = sorted(config["target_modules"])  # a set: its order changes from process to process
    path.write_text(json.dumps(config, sort_keys=True, indent=1) + "\n")


def trainable(model: "PeftModel") -> int:
    """Number of trainable parameters: r * (in + out) summed over the adapted linears."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _device() -> int | str:
    import torch

    gpu.claim()  # CUDA looks at what it may see once, when it is first asked
    return 0 if torch.cuda.is_available() else "cpu"
