"""Small real models with random weights, and the tokenizer and adapters that go with them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from aj.export.gguf import write_gguf

torch.set_num_threads(1)

VOCABULARY = 512  # the tokenizer has fewer tokens: the rest is padding
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
QWEN2_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA_REGEX = QWEN2_REGEX.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SENTENCES = [
    "SELECT name FROM sensors WHERE region = 'north' AND price > 100;",
    "The quick brown fox doesn't jump over 12345 lazy dogs, it's asleep.",
    "How many orders were placed in 2024? Answer with a single number.",
    "Thyme and sage grow well together; water them when the soil is dry.",
    "def add(left, right):\n    return left + right\n\n\nprint(add(1, 22))",
    "Über die Straße gehen — naïve café, 你好世界, привет мир.",
]


def save_tokenizer(directory: Path, *, llama: bool = False, regex: str | None = None) -> None:
    """A byte-level BPE of about 400 tokens, as Qwen2's (NFC) or Llama 3's (bos, whole words first)."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=llama))
    tokenizer.normalizer = None if llama else normalizers.NFC()
    split = pre_tokenizers.Split(Regex(regex or (LLAMA_REGEX if llama else QWEN2_REGEX)), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        min_frequency=1,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    if llama:
        tokenizer.post_processor = processors.TemplateProcessing(single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        bos_token="<|endoftext|>" if llama else None,
    )
    fast.add_tokens(["<think>"])  # an added token that is not special
    fast.chat_template = CHATML
    fast.save_pretrained(directory)


def build_model(*, llama: bool = False, hidden: int = 256) -> PreTrainedModel:
    """Two layers of random weights: no tensor is near its default, logits spread over several nats."""
    shape = {
        "vocab_size": VOCABULARY,
        "hidden_size": hidden,
        "intermediate_size": 2 * hidden,
        "num_hidden_layers": 2,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "max_position_embeddings": 512,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    model: PreTrainedModel
    if llama:
        scaling = {"rope_type": "llama3", "rope_theta": 50_000.0, "factor": 8.0}
        scaling |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
        model = LlamaForCausalLM(LlamaConfig(**shape, bos_token_id=0, rope_parameters=scaling))
    else:
        model = Qwen2ForCausalLM(Qwen2Config(**shape, tie_word_embeddings=True))
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            noise = torch.randn(weight.shape, generator=generator)
            weight.copy_(1 + 0.2 * noise if "norm" in name else 0.2 * noise if weight.dim() == 1 else 0.1 * noise)
        head = model.get_output_embeddings().weight
        head *= 2
        head[2] *= 1.3  # the end of turn wins now and then
    return model.eval()


def save_base(directory: Path, *, llama: bool = False, dtype: torch.dtype = torch.float32, hidden: int = 256) -> Path:
    """A complete model directory."""
    build_model(llama=llama, hidden=hidden).to(dtype).save_pretrained(directory)
    save_tokenizer(directory, llama=llama)
    return directory


def save_adapter(directory: Path, base: PreTrainedModel, **options: object) -> Path:
    """A LoRA adapter whose two halves are both far from zero."""
    settings = {"r": 8, "lora_alpha": 16, "target_modules": LINEARS, "task_type": "CAUSAL_LM"} | options
    adapted = get_peft_model(base, LoraConfig(**settings))
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, weight in sorted(adapted.named_parameters()):
            if "lora_" in name:
                weight.copy_(0.05 * torch.randn(weight.shape, generator=generator))
    adapted.save_pretrained(directory)
    return directory


@pytest.fixture
def make_base(tmp_path: Path) -> Callable[..., Path]:
    """Write a model directory of one's own; options as ``save_base``'s."""
    return lambda name="base", **options: save_base(tmp_path / name, **options)


@pytest.fixture
def make_adapter(tmp_path: Path) -> Callable[..., Path]:
    """Write an adapter for a base directory; options as LoraConfig's."""

    def make(base_dir: Path, name: str = "adapter", **options: object) -> Path:
        return save_adapter(tmp_path / name, AutoModelForCausalLM.from_pretrained(base_dir), **options)

    return make


@pytest.fixture
def make_tokenizer() -> Callable[..., None]:
    """Write a tokenizer over the one that a model directory has; options as ``save_tokenizer``'s."""
    return save_tokenizer


@pytest.fixture
def edit_json() -> Callable[[Path, Callable[[dict], object]], None]:
    """Change a JSON file in place."""

    def edit(path: Path, change: Callable[[dict], object]) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


@pytest.fixture(scope="session")
def token_rows() -> list[list[int]]:
    """40 rows of 3 to 42 token ids."""
    generator = torch.Generator().manual_seed(5)
    return [torch.randint(3, 400, (3 + i,), generator=generator).tolist() for i in range(40)]


@pytest.fixture(scope="session")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float32 Qwen2 with tied embeddings; do not change it."""
    return save_base(tmp_path_factory.mktemp("qwen"))


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float32 Llama with a head of its own and Llama 3.1's rope scaling; do not change it."""
    return save_base(tmp_path_factory.mktemp("llama"), llama=True)


@pytest.fixture(scope="session", params=["qwen", "llama"])
def base(request: pytest.FixtureRequest) -> Path:
    """Each of the two models in turn."""
    path: Path = request.getfixturevalue(request.param)
    return path


@pytest.fixture(scope="session")
def gguf_file(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``base`` as a float32 GGUF with some metadata; do not change it."""
    out = tmp_path_factory.mktemp("gguf") / f"{base.name}.gguf"
    write_gguf(base, out, metadata={"general.name": "AJ-Test", "aj.lineage": '{"parent": null}'})
    return out
