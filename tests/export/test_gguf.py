"""GGUF files answer as the Hugging Face directory they were made from, or are not made."""

import hashlib
import shutil

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from aj.errors import ExportError
from aj.evaluation.llama_engine import LlamaEngine
from aj.export.gguf import read_metadata, write_gguf
from aj.export.gguf_file import tensor_hash

TEXTS = [
    *("Hello world", "hello  world", "   leading", "trailing   ", "a\tb", "a\n\nb", "\n \n", " \t \n  x"),
    *("x\r\ny", "it's", "IT'S", "we'll've", "don't 'quote'", "1", "12", "123", "1234567890", "3.14159"),
    *("1,000,000", "v1.2.3", "naïve café", "Straße", "Ünïcödé", "你好，世界", "привет мир"),
    *("日本語のテキスト", "مرحبا بالعالم", "שלום", "हिन्दी"),
    *("👍🏽 emoji 👨‍👩‍👧", "x\u00a0y", "\u200bzero", "½ ² ³", "٣٤٥", "Ⅷ", "∑∫≠", "“quotes”", "—dash—", "…"),
    *("<|im_start|>user\nhi<|im_end|>\n", "<|im_end|><|im_end|>", "<|im_start"),
    *("a<|endoftext|>b", "<think>ok</think>", "SELECT * FROM t WHERE a >= 10;", "def f(x):\n    return x"),
    *('{"k": [1, 2]}', "https://a.b/c?d=e&f=1#g", "snake_case_name", "CamelCaseName", "a-b-c", "!!!???"),
    *("((()))", "a+b=c", "#hashtag @user", "C:\\path\\file", "The quick brown fox", "word " * 20, "\x07\x1b"),
    *("aaaaaaaaaaaaaaaa", "a" * 300),
]  # fmt: skip


@pytest.fixture(scope="module")
def hf(base):
    return AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)


@pytest.fixture(scope="module")
def engine(gguf_file):
    with LlamaEngine(gguf_file, threads=1, max_length=384, parallel=8) as engine:
        yield engine


def types_of(path):
    return {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors}


def test_logits_of_a_float32_gguf_are_those_of_transformers(hf, engine, token_rows):
    for row, logits in zip(token_rows, engine.logits(token_rows), strict=True):
        expected = hf(torch.tensor([row])).logits[0].detach().numpy()
        assert logits.shape == expected.shape
        assert expected.std() > 1  # not a comparison of near-ties
        assert np.abs(logits - expected).max() < 1e-3


def test_logits_agree_far_into_the_context_where_rope_scaling_counts(hf, engine):
    row = torch.randint(3, 400, (350,), generator=torch.Generator().manual_seed(1))
    [logits] = engine.logits([row.tolist()])
    assert np.abs(logits - hf(row[None]).logits[0].detach().numpy()).max() < 1e-3


def test_greedy_answers_are_those_of_transformers_token_for_token(hf, engine, token_rows):
    expected = []
    for row in token_rows:
        ids = torch.tensor([row])
        whole = hf.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=30)
        expected.append(whole[0, len(row) :].tolist())
    assert engine.generate(token_rows, 30) == expected
    assert len({tuple(answer) for answer in expected}) > 10


def test_tokenisation_is_the_same_on_sixty_awkward_strings(base, engine):
    tokenizer = AutoTokenizer.from_pretrained(base)
    assert len(TEXTS) >= 60
    for text in TEXTS:
        assert engine.tokenize(text) == tokenizer.encode(text, add_special_tokens=False), text


def test_token_types_tell_special_added_and_padding_tokens_apart(base, gguf_file):
    fields = gguf.GGUFReader(gguf_file).fields
    types = dict(zip(*(fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type")), strict=True))
    assert types["<|im_end|>"] == gguf.TokenType.CONTROL
    assert types["<think>"] == gguf.TokenType.USER_DEFINED
    assert types["a"] == gguf.TokenType.NORMAL
    assert types["[PAD511]"] == gguf.TokenType.UNUSED
    assert len(types) == 512


def test_metadata_and_chat_template_are_read_back(base, tmp_path):
    given = {
        "general.name": "AJ-TinySQL-v0.1.0",
        "general.license": "apache-2.0",
        "general.tags": ["sql", "agent"],
        "general.base_model.count": 1,
        "aj.lineage": '{"data": "sha256:…"}',
        "aj.loss": 0.1,
        "aj.offset": -3,
        "aj.empty": "",
        "aj.exact": True,
    }
    write_gguf(base, tmp_path / "model.gguf", metadata=given)
    found = read_metadata(tmp_path / "model.gguf")
    assert {key: found[key] for key in given} == given
    assert found["tokenizer.chat_template"] == (base / "chat_template.jinja").read_text()
    assert found["general.type"] == "model"
    assert found["general.file_type"] == 0
    assert found["general.architecture"] in ("qwen2", "llama")
    assert "tokenizer.ggml.tokens" not in found
    with LlamaEngine(tmp_path / "model.gguf", threads=1, parallel=1) as engine:
        assert engine.metadata["general.name"] == "AJ-TinySQL-v0.1.0"
        assert engine.metadata["aj.lineage"] == given["aj.lineage"]
        assert engine.metadata["tokenizer.chat_template"] == found["tokenizer.chat_template"]


def test_a_bos_is_added_by_default_where_the_tokenizer_adds_one(base, gguf_file):
    tokenizer = AutoTokenizer.from_pretrained(base)
    found = read_metadata(gguf_file)
    assert found["tokenizer.ggml.add_bos_token"] == (tokenizer.encode("a")[0] == tokenizer.bos_token_id)
    assert found["tokenizer.ggml.eos_token_id"] == tokenizer.eos_token_id
    assert found["tokenizer.ggml.padding_token_id"] == tokenizer.pad_token_id


@pytest.mark.parametrize(("dtype", "name"), [(torch.float32, "F32"), (torch.float16, "F16"), (torch.bfloat16, "BF16")])
def test_matrices_keep_the_checkpoints_type_and_bits(make_base, tmp_path, dtype, name):
    base = make_base(dtype=dtype)
    write_gguf(base, tmp_path / "model.gguf", metadata={})
    types = types_of(tmp_path / "model.gguf")
    assert {types[key] for key in types if "norm" in key or "bias" in key} == {"F32"}
    assert {types[key] for key in types if "norm" not in key and "bias" not in key} == {name}
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors}
    stored = load_file(base / "model.safetensors")["model.embed_tokens.weight"]
    assert tensors["token_embd.weight"].data.tobytes() == stored.view(torch.uint8).numpy().tobytes()


def test_llamas_query_and_key_rows_are_put_where_llama_cpp_turns_them(llama, tmp_path):
    write_gguf(llama, tmp_path / "model.gguf", metadata={})
    tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(tmp_path / "model.gguf").tensors}
    stored = load_file(llama / "model.safetensors")
    for side, heads in (("q", 8), ("k", 4)):
        weight = stored[f"model.layers.1.self_attn.{side}_proj.weight"].numpy()
        # Rows 0, 16, 1, 17, … of each head's 32: transformers turns i with i + 16, llama.cpp neighbours.
        order = [head * 32 + half * 16 + i for head in range(heads) for i in range(16) for half in (0, 1)]
        assert np.array_equal(tensors[f"blk.1.attn_{side}.weight"], weight[order])
        assert not np.array_equal(tensors[f"blk.1.attn_{side}.weight"], weight)
    assert np.array_equal(tensors["blk.1.attn_v.weight"], stored["model.layers.1.self_attn.v_proj.weight"].numpy())


def test_the_same_directory_gives_the_same_bytes_in_any_order_of_metadata(base, tmp_path):
    given = {"aj.b": 1, "aj.a": "x", "general.name": "n"}
    write_gguf(base, tmp_path / "one.gguf", metadata=given)
    write_gguf(base, tmp_path / "two.gguf", metadata=dict(reversed(given.items())))
    one, two = (hashlib.sha256((tmp_path / name).read_bytes()).digest() for name in ("one.gguf", "two.gguf"))
    assert one == two


def test_the_number_of_tensors_is_returned_and_no_partial_file_stays(qwen, tmp_path):
    count = write_gguf(qwen, tmp_path / "model.gguf", metadata={})
    assert count == len(types_of(tmp_path / "model.gguf")) == len(load_file(qwen / "model.safetensors"))
    assert [file.name for file in tmp_path.iterdir()] == ["model.gguf"]


def test_a_sharded_directory_gives_the_same_tensors(llama, tmp_path):
    shutil.copytree(llama, tmp_path / "sharded", ignore=shutil.ignore_patterns("*.safetensors"))
    model = AutoModelForCausalLM.from_pretrained(llama, dtype=torch.float32)
    model.save_pretrained(tmp_path / "sharded", max_shard_size="1MB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 2
    for name, directory in (("one", llama), ("many", tmp_path / "sharded")):
        write_gguf(directory, tmp_path / f"{name}.gguf", metadata={})
    assert tensor_hash(tmp_path / "one.gguf") == tensor_hash(tmp_path / "many.gguf")


def refused(base, tmp_path, match, metadata=None):
    with pytest.raises(ExportError, match=match):
        write_gguf(base, tmp_path / "refused.gguf", metadata=metadata or {})
    assert not list(tmp_path.glob("refused*"))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"architectures": ["MambaForCausalLM"]}, "MambaForCausalLM.*Qwen2ForCausalLM, LlamaForCausalLM"),
        ({"vocab_size": 300}, "embeds 512 tokens, config.json says 300"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0}}, "rope type 'yarn'"),
        ({"use_sliding_window": True}, "sliding window"),
        ({"tie_word_embeddings": False}, "lacks lm_head.weight"),
        ({"num_hidden_layers": 1}, r"unknown to GGUF's qwen2"),
    ],
)
def test_a_model_that_llama_cpp_would_misread_is_refused(make_base, edit_json, tmp_path, change, match):
    base = make_base()
    edit_json(base / "config.json", lambda config: config.update(change))
    refused(base, tmp_path, match)


def test_a_tokenizer_with_more_tokens_than_the_base_is_refused(make_base, edit_json, tmp_path):
    base = make_base()
    extra = {
        "id": 600,
        "content": "<extra>",
        "special": True,
        "lstrip": False,
        "rstrip": False,
        "single_word": False,
    }
    edit_json(base / "tokenizer.json", lambda content: content["added_tokens"].append(extra))
    refused(base, tmp_path, "a base with another vocabulary than its tokenizer.*512.*601")


def test_a_tokenizer_that_llama_cpp_would_split_otherwise_is_refused(make_base, make_tokenizer, edit_json, tmp_path):
    base = make_base()
    make_tokenizer(base, regex=r"\p{L}+|\s+")
    refused(base, tmp_path, "unknown splitting regex")
    make_tokenizer(base)
    edit_json(base / "tokenizer.json", lambda content: content["model"].update(ignore_merges=True))
    refused(base, tmp_path, "ignore_merges=True")
    make_tokenizer(base)
    edit_json(base / "tokenizer.json", lambda content: content.update(normalizer={"type": "Lowercase"}))
    refused(base, tmp_path, "Lowercase")
    make_tokenizer(base)
    edit_json(base / "tokenizer.json", lambda content: content["added_tokens"][0].update(lstrip=True))
    refused(base, tmp_path, "<.endoftext.>")
    make_tokenizer(base)
    edit_json(base / "tokenizer.json", lambda content: content.update(pre_tokenizer={"type": "Whitespace"}))
    refused(base, tmp_path, "not byte-level BPE")


def test_a_special_token_that_is_not_in_the_vocabulary_is_refused(make_base, edit_json, tmp_path):
    base = make_base()
    edit_json(base / "tokenizer_config.json", lambda content: content.update(eos_token="<|stop|>"))
    refused(base, tmp_path, r"eos token '<\|stop\|>'")


@pytest.mark.parametrize("key", ["general.architecture", "general.file_type", "qwen2.block_count", "tokenizer.ggml.pre"])
def test_metadata_cannot_speak_for_the_model_itself(qwen, tmp_path, key):
    refused(qwen, tmp_path, key, {key: "x"})


@pytest.mark.parametrize("value", [None, [], [1, 2], {"a": 1}])
def test_metadata_without_a_gguf_type_is_refused(qwen, tmp_path, value):
    refused(qwen, tmp_path, "aj.odd", {"aj.odd": value})


def test_the_older_config_keys_for_rope_give_the_same_file(make_base, edit_json, tmp_path):
    base = make_base()
    write_gguf(base, tmp_path / "new.gguf", metadata={})
    edit_json(base / "config.json", lambda c: c.update(rope_theta=c.pop("rope_parameters")["rope_theta"]))
    write_gguf(base, tmp_path / "old.gguf", metadata={})
    assert (tmp_path / "new.gguf").read_bytes() == (tmp_path / "old.gguf").read_bytes()


def test_mixed_matrix_types_are_refused(make_base, tmp_path):
    base = make_base()
    tensors = load_file(base / "model.safetensors")
    tensors["model.embed_tokens.weight"] = tensors["model.embed_tokens.weight"].half()
    save_file(tensors, base / "model.safetensors")
    refused(base, tmp_path, "mixes F16 and F32")


def test_a_broken_file_is_an_error_that_names_it(gguf_file, tmp_path):
    (tmp_path / "half.gguf").write_bytes(gguf_file.read_bytes()[:200_000])
    with pytest.raises(ExportError, match=r"half\.gguf is not a whole GGUF file"):
        tensor_hash(tmp_path / "half.gguf")
    (tmp_path / "text.gguf").write_text("this is not a model at all")
    with pytest.raises(ExportError, match=r"text\.gguf is not a whole GGUF file"):
        read_metadata(tmp_path / "text.gguf")
