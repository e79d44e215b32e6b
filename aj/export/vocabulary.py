"""A byte-level BPE tokenizer in GGUF: tokens, their types, merges, special ids, and the chat template.

Read from tokenizer.json and tokenizer_config.json. What is not covered: tokenizers that are not byte-level BPE split by
a regex of PRE_TOKENIZERS; each is an ExportError. One difference stays: llama.cpp does not normalise to Unicode NFC, as
Qwen2's tokenizer does, so text that is not in NFC gives other tokens.
Source: llama.cpp's convert_hf_to_gguf.py.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.errors import ExportError

if TYPE_CHECKING:
    from gguf import GGUFWriter

_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# The regex that splits text -> (tokenizer.ggml.pre, the ignore_merges that llama.cpp ties to that name).
PRE_TOKENIZERS = {
    _WORDS + r"\p{N}" + _REST: ("qwen2", False),
    _WORDS + r"\p{N}{1,3}" + _REST: ("llama-bpe", True),
}
END_OF_TURN = ("<|im_end|>", "<|eot_id|>")
# Marks for training only, which other template engines do not know: kept as comments with the same white space control.
TRAINING_MARK = re.compile(r"\{%(-?)\s*((?:end)?generation)\s*(-?)%\}")


def add_vocabulary(writer: "GGUFWriter", model_dir: Path, size: int, config: dict[str, Any]) -> None:
    """Tokens, types, merges, special ids and the chat template of ``model_dir``; ``size``: rows of the embedding."""
    from gguf import TokenType

    def read(name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((model_dir / name).read_text()) if (model_dir / name).exists() else {}
        return content

    tokenizer, settings = read("tokenizer.json"), read("tokenizer_config.json")
    added = tokenizer["added_tokens"]
    ids: dict[str, int] = tokenizer["model"]["vocab"] | {token["content"]: token["id"] for token in added}
    if max(ids.values()) >= size:
        raise ExportError(
            f"{model_dir} is a base with another vocabulary than its tokenizer: config.json has {size}, "
            f"{max(ids.values()) + 1} in tokenizer.json; resize the embeddings or take the base's tokenizer."
        )
    tokens, types = [f"[PAD{i}]" for i in range(size)], [TokenType.UNUSED] * size
    for token, i in ids.items():
        tokens[i], types[i] = token, TokenType.NORMAL
    for token in added:
        types[token["id"]] = TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED

    def token_id(kind: str) -> int | None:
        named = settings.get(f"{kind}_token")
        named = named["content"] if isinstance(named, dict) else named
        if named is not None and named not in ids:
            raise ExportError(f"{model_dir} names the {kind} token {named!r}, which its vocabulary lacks: fix it.")
        number = config.get(f"{kind}_token_id") if named is None else ids[named]
        return number[0] if isinstance(number, list) else number

    if (eos := token_id("eos")) is None:
        raise ExportError(f"{model_dir} has no eos token: set eos_token in tokenizer_config.json.")
    pad = eos if (found := token_id("pad")) is None else found
    post = tokenizer.get("post_processor") or {}
    starts = [(step.get("single") or [{}])[0] for step in post.get("processors", [post])]
    template = model_dir / "chat_template.jinja"
    chat = template.read_text() if template.exists() else settings.get("chat_template")
    if isinstance(chat, list):
        chat = next((item["template"] for item in chat if item["name"] == "default"), None)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_pre_tokenizer(model_dir, tokenizer))
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(eos)
    writer.add_eot_token_id(next((ids[token] for token in END_OF_TURN if token in ids), eos))
    writer.add_pad_token_id(pad)
    # A reader takes token 11, whatever it is, for a bos that is not said.
    writer.add_bos_token_id(pad if (bos := token_id("bos")) is None else bos)
    writer.add_add_bos_token(settings.get("add_bos_token", any("SpecialToken" in start for start in starts)))
    if chat:
        writer.add_chat_template(TRAINING_MARK.sub(r"{#\1 \2 \3#}", chat))


def _pre_tokenizer(model_dir: Path, tokenizer: dict[str, Any]) -> str:
    """GGUF's name for how this tokenizer splits text; ExportError when llama.cpp would split it otherwise."""
    model, normalizer = tokenizer["model"], tokenizer.get("normalizer") or {"type": "NFC"}
    steps = (tokenizer.get("pre_tokenizer") or {}).get("pretokenizers", [])
    kinds = [step["type"] for step in steps]
    regex: str = steps[0]["pattern"].get("Regex", "") if kinds[:1] == ["Split"] else ""
    name, ignore_merges = PRE_TOKENIZERS.get(regex, ("", False))
    spaced = [t["content"] for t in tokenizer["added_tokens"] if t["lstrip"] or t["rstrip"] or t["single_word"]]
    if model["type"] != "BPE" or kinds != ["Split", "ByteLevel"]:
        wrong = f"{model['type']} over {kinds}, not byte-level BPE"
    elif not name:
        wrong = f"the unknown splitting regex {regex!r}"
    elif steps[1]["add_prefix_space"] or steps[1]["use_regex"] or steps[0]["behavior"] != "Isolated":
        wrong = f"{name} with other settings, {steps}"
    elif model.get("ignore_merges", False) != ignore_merges:
        wrong = f"{name} with ignore_merges={not ignore_merges}"
    elif any(step["type"] != "NFC" for step in normalizer.get("normalizers", [normalizer])):
        wrong = f"the normalizer {normalizer['type']}"
    elif spaced:
        wrong = f"added tokens that take in the space or word beside them, {spaced}"
    else:
        return name
    raise ExportError(f"The tokenizer of {model_dir} uses {wrong}: llama.cpp would tokenize otherwise, use another.")
