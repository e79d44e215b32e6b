"""The base model on disk: ``data/raw/base`` holds its pin, its config and its tokenizer with the declared template.

A base made here has its weights beside them; a hub base leaves its weights in the hub's cache (65 GB are never copied
into DVC): its pin is the resolved commit and a hash of every weight file.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aj.errors import DataError, ParamsError
from aj.hashing import sha256

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PIN = "base.json"
TEMPLATE_FILE = "chat_template.jinja"
GENERATION = re.compile(r"\{%[-+]?\s*generation\s*[-+]?%\}")  # the block, not add_generation_prompt
HUB_FILES = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "tokenizer*", "vocab*", "merges*"]


def write_pin(folder: Path, *, origin: str, id: str, revision: str, licence: str, weights: Path) -> None:
    """Note where the base came from and the SHA-256 of every weight file."""
    files = {p.name: sha256(p) for p in sorted(weights.glob("*.safetensors"))}
    pin = {"origin": origin, "id": id, "revision": revision, "licence": licence, "files": files}
    (folder / PIN).write_text(json.dumps(pin, sort_keys=True, indent=1) + "\n")


def read_pin(folder: Path) -> dict[str, Any]:
    """What ``write_pin`` noted."""
    pin: dict[str, Any] = json.loads((folder / PIN).read_text())
    return pin


def weights(folder: Path) -> Path:
    """The folder with the weights. A hub base is fetched by its pinned commit and checked file by file."""
    pin = read_pin(folder)
    if pin["origin"] == "pretrain":
        return folder
    snapshot = fetch_model(pin["id"], pin["revision"])
    for name, wanted in pin["files"].items():
        if not (snapshot / name).is_file() or sha256(snapshot / name) != wanted:
            raise DataError(
                f"weight file {name!r} of {pin['id']!r} is not the pinned one: remove it from the hub cache and fetch again."
            )
    return snapshot


def fetch_model(repository: str, revision: str) -> Path:
    """The local snapshot of a model, safetensors only. Raises DataError when it cannot be had."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repository, revision=revision, allow_patterns=HUB_FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise DataError(
            f"base {repository!r} at revision {revision!r} cannot be had ({' '.join(str(error).split())[:200]}): check id and "
            f"revision, accept its licence at huggingface.co/{repository} if it is gated, and set HF_TOKEN."
        ) from None
    if not any(folder.glob("*.safetensors")):
        raise DataError(
            f"base {repository!r} at {revision!r} has no safetensors file: only safetensors are read; choose another."
        )
    return folder


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """The base's tokenizer with the template that the base declared."""
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    return tokenizer


def template_text(declared: str, tokenizer: "PreTrainedTokenizerBase") -> str:
    """The chat template to use: the declared file, or the tokenizer's own made ready for training.

    Raises ParamsError when it does not exist, calls a date function, or does not mark what the assistant wrote.
    """
    if declared == "tokenizer":
        from trl.chat_template_utils import get_training_chat_template

        text = get_training_chat_template(tokenizer) or str(tokenizer.chat_template or "")
    else:
        if not Path(declared).is_file():
            raise ParamsError(f"base.chat_template is {declared!r}, which does not exist: name a Jinja file or 'tokenizer'.")
        text = Path(declared).read_text(encoding="utf-8")
    if "strftime_now" in text:
        raise ParamsError(
            "the chat template calls strftime_now: a prompt would change every day; name one without in base.chat_template."
        )
    if not GENERATION.search(text):
        raise ParamsError(
            "the chat template has no {% generation %} block, so nothing would be learned: name one in base.chat_template."
        )
    return text


def check_vocabulary(tokenizer: "PreTrainedTokenizerBase", vocab_size: int) -> None:
    """A tokenizer may not produce an id that the embedding does not have."""
    largest = max(tokenizer.get_vocab().values())
    if largest >= vocab_size:
        raise DataError(
            f"the base has {vocab_size} embedding rows but its tokenizer produces ids up to {largest}: "
            "base and tokenizer do not belong together; use the base's own."
        )
