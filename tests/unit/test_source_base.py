"""The base model: pin, snapshot from the hub's cache, template, vocabulary."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aj.errors import DataError, ParamsError
from aj.sources import base

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FETCH = """
import sys
from pathlib import Path
from aj.errors import AJError
from aj.sources import base
try:
    print(base.fetch_model(*sys.argv[2:]) if sys.argv[1] == "fetch" else base.weights(Path(sys.argv[2])))
except AJError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A model in the hub's cache, as ``huggingface_hub`` lays it out."""
    repository = tmp_path / "home" / "hub" / "models--owner--name"
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def offline(tmp_path: Path) -> Callable[..., str]:
    """Run FETCH with a cache of its own and no network; what it printed."""

    def run(*arguments: str) -> str:
        env = {**os.environ, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
        env.pop("HF_HUB_CACHE", None)
        done = subprocess.run(
            [sys.executable, "-c", FETCH, *arguments], env=env, capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_a_snapshot_in_the_cache_is_found_without_a_network(snapshot: Path, offline: Callable[..., str]) -> None:
    assert offline("fetch", "owner/name", COMMIT) == str(snapshot)
    assert offline("fetch", "owner/name", "main") == str(snapshot)


def test_a_base_that_cannot_be_had_gives_one_sentence(snapshot: Path, offline: Callable[..., str]) -> None:
    for arguments in (("owner/other", COMMIT), ("owner/name", "f" * 40), ("not a name", COMMIT)):
        said = offline("fetch", *arguments)
        assert said.startswith(f"DataError base {arguments[0]!r} at revision {arguments[1]!r} cannot be had (")
        assert "\n" not in said


def test_a_base_without_safetensors_is_refused(snapshot: Path, offline: Callable[..., str]) -> None:
    (snapshot / "model.safetensors").rename(snapshot / "pytorch_model.bin")
    assert offline("fetch", "owner/name", COMMIT) == (
        f"DataError base 'owner/name' at '{COMMIT}' has no safetensors file: only safetensors are read; choose another."
    )


def test_weights_are_checked_against_the_pin_byte_by_byte(snapshot: Path, offline: Callable[..., str], tmp_path: Path) -> None:
    folder = tmp_path / "base"
    folder.mkdir()
    (snapshot / "second.safetensors").write_bytes(b"more weights")
    base.write_pin(folder, origin="hub", id="owner/name", revision=COMMIT, licence="MIT", weights=snapshot)
    assert sorted(base.read_pin(folder)["files"]) == ["model.safetensors", "second.safetensors"]
    assert offline("weights", str(folder)) == str(snapshot)
    (snapshot / "second.safetensors").write_bytes(b"more weighty")
    said = "DataError weight file 'second.safetensors' of 'owner/name' is not the pinned one: remove it from the hub cache and fetch again."
    assert offline("weights", str(folder)) == said
    (snapshot / "second.safetensors").unlink()
    assert offline("weights", str(folder)) == said


def test_a_base_made_here_has_its_weights_beside_its_pin(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"x")
    base.write_pin(tmp_path, origin="pretrain", id="tiny", revision="made-here", licence="MIT", weights=tmp_path)
    assert base.weights(tmp_path) == tmp_path
    pin = json.loads((tmp_path / base.PIN).read_text())
    assert pin["files"] == {"model.safetensors": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}


def test_a_vocabulary_larger_than_the_embedding_is_refused(tokenizer: "PreTrainedTokenizerFast") -> None:
    base.check_vocabulary(tokenizer, len(tokenizer))
    with pytest.raises(
        DataError, match=rf"has {len(tokenizer) - 1} embedding rows but its tokenizer produces ids up to {len(tokenizer) - 1}: "
    ):
        base.check_vocabulary(tokenizer, len(tokenizer) - 1)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ strftime_now('%d') }}{% generation %}{% endgeneration %}", "the chat template calls strftime_now"),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "has no {% generation %} block"),
        ("{{ messages }}{% if add_generation_prompt %}assistant:{% endif %}", "has no {% generation %} block"),
    ],
)
def test_a_template_that_cannot_be_trained_on_is_refused(
    tokenizer: "PreTrainedTokenizerFast", tmp_path: Path, template: str, said: str
) -> None:
    (tmp_path / "x.jinja").write_text(template)
    with pytest.raises(ParamsError, match=said):
        base.template_text(str(tmp_path / "x.jinja"), tokenizer)


def test_a_template_is_read_from_its_file_or_from_the_tokenizer(tokenizer: "PreTrainedTokenizerFast", tmp_path: Path) -> None:
    path = ROOT / "data" / "templates" / "chatml.jinja"
    assert base.template_text(str(path), tokenizer) == path.read_text(encoding="utf-8")
    assert base.template_text("tokenizer", tokenizer) == tokenizer.chat_template
    (tmp_path / "x.jinja").write_text("{%- generation -%}x{%- endgeneration -%}")
    assert base.template_text(str(tmp_path / "x.jinja"), tokenizer)
    with pytest.raises(ParamsError, match=r"base\.chat_template is 'nowhere\.jinja', which does not exist"):
        base.template_text("nowhere.jinja", tokenizer)


def test_the_tokenizer_comes_back_with_its_template(tokenizer: "PreTrainedTokenizerFast", tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    read = base.load_tokenizer(tmp_path)
    assert read.chat_template == tokenizer.chat_template
    assert read.get_vocab() == tokenizer.get_vocab()
