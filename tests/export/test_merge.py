"""Merging: what peft would give, tensor by tensor, and a refusal of all that is not plain LoRA."""

import dataclasses
import json

import pytest
import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from aj.errors import ExportError
from aj.export.merge import PLAIN, REFUSED, logit_difference, merge_adapter

BIG = 10**12


def merged_by_peft(base, adapter):
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter)
    return model.merge_and_unload().state_dict()


def shards_of(directory):
    return {file.name: file.read_bytes() for file in sorted(directory.glob("*.safetensors*"))}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_rslora": True},
        {"target_modules": ["q_proj", "down_proj"]},
        {"rank_pattern": {"q_proj": 4}, "alpha_pattern": {r"layers\.1\.mlp\.up_proj": 64, "q_proj": 3}},
    ],
)
def test_a_merge_equals_peft_in_float32(base, make_adapter, tmp_path, options):
    adapter = make_adapter(base, **options)
    report = merge_adapter(base, adapter, tmp_path / "merged", shard_bytes=BIG)
    merged, before, expected = (
        load_file(tmp_path / "merged" / "model.safetensors"),
        load_file(base / "model.safetensors"),
        merged_by_peft(base, adapter),
    )
    assert merged.keys() == before.keys()
    assert max(float((merged[name] - expected[name]).abs().max()) for name in merged) < 1e-6
    changed = [name for name in merged if not torch.equal(merged[name], before[name])]
    assert report.merged == len(changed) == len(load_file(adapter / "adapter_model.safetensors")) / 2
    assert report.tensors == len(merged)
    assert report.total_bytes == sum(t.nbytes for t in merged.values())
    assert report.shards == 1


def test_a_bfloat16_base_is_added_to_in_float32_and_rounded_once(make_base, make_adapter, tmp_path):
    base = make_base(dtype=torch.bfloat16)
    adapter = make_adapter(base)
    merge_adapter(base, adapter, tmp_path / "merged", shard_bytes=BIG)
    merged, before = (
        load_file(tmp_path / "merged" / "model.safetensors"),
        load_file(base / "model.safetensors"),
    )
    lora = load_file(adapter / "adapter_model.safetensors")
    name = "model.layers.1.mlp.down_proj"
    a, b = (lora[f"base_model.model.{name}.lora_{side}.weight"].float() for side in "AB")
    exact = before[f"{name}.weight"].double() + 2 * b.double() @ a.double()
    assert merged[f"{name}.weight"].dtype == torch.bfloat16
    wrong = merged[f"{name}.weight"] != exact.bfloat16()
    assert wrong.float().mean() < 1e-4  # float32 sums may fall on the other side of a rounding boundary


def test_shards_hold_the_same_tensors_and_load_as_a_model(llama, make_adapter, tmp_path):
    adapter = make_adapter(llama)
    merge_adapter(llama, adapter, tmp_path / "one", shard_bytes=BIG)
    report = merge_adapter(llama, adapter, tmp_path / "many", shard_bytes=1_000_000)
    index = json.loads((tmp_path / "many" / "model.safetensors.index.json").read_text())
    files = sorted(set(index["weight_map"].values()))
    assert report.shards == len(files) > 3
    assert not (tmp_path / "many" / "model.safetensors").exists()
    whole, parts = load_file(tmp_path / "one" / "model.safetensors"), {}
    for file in files:
        shard = load_file(tmp_path / "many" / file)
        assert sum(t.nbytes for t in shard.values()) <= 1_000_000
        parts |= shard
    assert {name: file for file in files for name in load_file(tmp_path / "many" / file)} == index["weight_map"]
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert logit_difference(llama, adapter, tmp_path / "many", [[5, 6, 7]]) < 1e-3
    again = merge_adapter(tmp_path / "many", adapter, tmp_path / "twice", shard_bytes=BIG)  # reads shards, too
    assert again.tensors == report.tensors


def test_a_tensor_larger_than_a_shard_gets_one_of_its_own(qwen, make_adapter, tmp_path):
    report = merge_adapter(qwen, make_adapter(qwen), tmp_path / "merged", shard_bytes=1)
    assert report.shards == report.tensors


def test_the_logits_of_a_merge_are_those_of_base_and_adapter(base, make_adapter, tmp_path, token_rows):
    adapter = make_adapter(base)
    merge_adapter(base, adapter, tmp_path / "merged", shard_bytes=BIG)
    assert 0 < logit_difference(base, adapter, tmp_path / "merged", token_rows[:4]) < 1e-3
    assert logit_difference(base, adapter, base, token_rows[:4]) > 0.1


def test_merging_twice_gives_the_same_bytes(qwen, make_adapter, tmp_path):
    adapter = make_adapter(qwen)
    for name in ("first", "second"):
        merge_adapter(qwen, adapter, tmp_path / name, shard_bytes=1_000_000)
    assert shards_of(tmp_path / "first") == shards_of(tmp_path / "second")


def test_config_tokenizer_and_template_are_copied_byte_for_byte(qwen, make_adapter, tmp_path):
    merge_adapter(qwen, make_adapter(qwen), tmp_path / "merged", shard_bytes=BIG)
    names = {file.name for file in qwen.iterdir()} - {"model.safetensors"}
    assert {"config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"} <= names
    for name in names:
        assert (tmp_path / "merged" / name).read_bytes() == (qwen / name).read_bytes()
    assert AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template


def test_an_adapter_tensor_that_fits_nothing_is_an_error_that_names_it(qwen, make_adapter, tmp_path):
    adapter = make_adapter(qwen)
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    moved = {name.replace("layers.1.mlp.up_proj", "layers.9.mlp.up_proj"): t for name, t in tensors.items()}
    save_file(moved, file)
    with pytest.raises(ExportError, match=r"model\.layers\.9\.mlp\.up_proj\.weight"):
        merge_adapter(qwen, adapter, tmp_path / "merged", shard_bytes=BIG)
    save_file(tensors | {"base_model.model.model.embed_tokens.weight": torch.zeros(4)}, file)
    with pytest.raises(ExportError, match=r"model\.embed_tokens\.weight"):
        merge_adapter(qwen, adapter, tmp_path / "merged", shard_bytes=BIG)
    lone = next(name for name in tensors if "layers.0.self_attn.q_proj.lora_A" in name)
    save_file({name: t for name, t in tensors.items() if name != lone}, file)
    with pytest.raises(ExportError, match=r"only lora_B of model\.layers\.0\.self_attn\.q_proj"):
        merge_adapter(qwen, adapter, tmp_path / "merged", shard_bytes=BIG)
    assert not (tmp_path / "merged").exists()  # all of it was found before anything was written


def test_an_adapter_of_another_size_is_refused(qwen, make_base, make_adapter, tmp_path):
    adapter = make_adapter(make_base(hidden=128))
    with pytest.raises(ExportError, match=r"\[128, 256\].*has \[256, 512\]"):
        merge_adapter(qwen, adapter, tmp_path / "merged", shard_bytes=BIG)


def test_an_adapter_of_a_tied_head_is_refused_with_the_reason(qwen, make_adapter, tmp_path):
    adapter = make_adapter(qwen)
    file = adapter / "adapter_model.safetensors"
    head = {"base_model.model.lm_head.lora_A.weight": torch.zeros(8, 256)}
    head |= {"base_model.model.lm_head.lora_B.weight": torch.zeros(512, 8)}
    save_file(load_file(file) | head, file)
    with pytest.raises(ExportError, match="tied embeddings have no lm_head"):
        merge_adapter(qwen, adapter, tmp_path / "merged", shard_bytes=BIG)


@pytest.mark.parametrize(
    "options",
    [
        {"use_dora": True},
        {"modules_to_save": ["lm_head"]},
        {"fan_in_fan_out": True},
        {"bias": "all"},
        {"lora_bias": True},
        {"init_lora_weights": "pissa"},
        {"trainable_token_indices": [1, 2]},
        {"peft_type": "IA3"},
    ],
)
def test_what_is_more_than_plain_lora_is_refused_by_name(qwen, make_adapter, edit_json, tmp_path, options):
    adapter = make_adapter(qwen)
    edit_json(adapter / "adapter_config.json", lambda config: config.update(options))
    with pytest.raises(ExportError, match=next(iter(options))):
        merge_adapter(qwen, adapter, tmp_path / "merged", shard_bytes=BIG)


def test_every_field_of_pefts_lora_config_has_been_thought_about():
    harmless = {
        *("task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "r"),
        *("inference_mode", "target_modules", "exclude_modules", "lora_alpha", "lora_dropout", "use_rslora"),
        *("rank_pattern", "alpha_pattern", "layers_to_transform", "layers_pattern", "megatron_core"),
        *("loftq_config", "eva_config", "corda_config", "lora_ga_config"),  # only with the init of that name
        *("velora_config", "runtime_config", "qalora_group_size", "ensure_weight_tying"),
    }
    fields = {field.name for field in dataclasses.fields(LoraConfig)}
    assert fields - harmless == set(PLAIN) | set(REFUSED)


def test_a_base_that_is_stored_in_4_bits_is_refused(make_base, qwen, make_adapter, edit_json, tmp_path):
    base = make_base()
    config = {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}
    edit_json(base / "config.json", lambda content: content.update(config))
    with pytest.raises(ExportError, match=r"bitsandbytes.*unquantized checkpoint"):
        merge_adapter(base, make_adapter(qwen), tmp_path / "merged", shard_bytes=BIG)


def test_an_adapter_that_diverged_does_not_become_a_model(qwen, make_adapter, tmp_path):
    adapter = make_adapter(qwen)
    file = adapter / "adapter_model.safetensors"
    tensors = load_file(file)
    name = next(name for name in tensors if "layers.1.self_attn.o_proj.lora_B" in name)
    tensors[name][3, 3] = float("nan")
    save_file(tensors, file)
    with pytest.raises(ExportError, match=r"layers\.1\.self_attn\.o_proj\.weight is not finite"):
        merge_adapter(qwen, adapter, tmp_path / "merged", shard_bytes=BIG)


def test_a_folder_with_files_in_it_is_not_written_into(qwen, make_adapter, tmp_path):
    (tmp_path / "merged").mkdir()
    (tmp_path / "merged" / "model-00009-of-00009.safetensors").touch()
    with pytest.raises(ExportError, match="not empty"):
        merge_adapter(qwen, make_adapter(qwen), tmp_path / "merged", shard_bytes=BIG)


def test_a_missing_file_is_an_error_that_names_it(qwen, make_adapter, tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}")
    with pytest.raises(ExportError, match=r"model\.safetensors is missing"):
        merge_adapter(tmp_path / "base", make_adapter(qwen), tmp_path / "merged", shard_bytes=BIG)
