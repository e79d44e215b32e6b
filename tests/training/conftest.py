"""A small base made here: the real tokenizer and model, a few steps of real pretraining."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from aj import params
from aj.competencies.registry import read
from aj.sections import Params
from aj.sources import base
from aj.sqlenv.family import Lexicon
from aj.tiny import corpus, pretrain, tokenizer
from aj.tiny.words import Words

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Small:
    """A base folder, its tokenizer, and the repository's parameters cut short."""

    folder: Path
    tokenizer: Any
    params: Params


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    import torch

    torch.set_num_threads(2)
    p = params.load(ROOT / "params.yaml")
    assert p.pretrain
    shape = replace(p.pretrain, steps=60, batch_size=8)
    words = Words(Lexicon.read(ROOT / "data/sources/sqlenv/lexicon.yaml"), read())
    bpe = tokenizer.train(
        corpus.documents(words, 1, 500),
        vocab_size=600,
        context_length=shape.context_length,
        chat_template=(ROOT / p.base.chat_template).read_text(),
    )
    model = pretrain.build(shape, bpe, 1)
    rows = bpe(list(corpus.documents(words, 2, shape.steps * shape.batch_size)))["input_ids"]
    pretrain.train(model, rows, shape, pad=bpe.pad_token_id, seed=3)
    folder = tmp_path_factory.mktemp("base")
    model.save_pretrained(folder)
    bpe.save_pretrained(folder)
    base.write_pin(folder, origin="pretrain", id="small", revision="test", licence="Apache-2.0", weights=folder)
    return Small(
        folder, base.load_tokenizer(folder), replace(p, sft=replace(p.sft, steps=6, eval_steps=3, save_steps=3, warmup_steps=1))
    )
