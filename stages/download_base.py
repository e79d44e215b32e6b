"""Get the base model: fetch it by id and revision, or make the tiny one here from the seed.

Lands data/raw/base: pin, config, tokenizer with the declared chat template, and (made here) the weights.
Run by `dvc repro`; by hand: `python -m stages.download_base`.
"""

import shutil
from pathlib import Path

from aj.params import derive
from aj.sources import base
from aj.stage import Run, seal

LEXICON = Path("data/sources/sqlenv/lexicon.yaml")


def main(run: Run) -> None:
    out = run.out("data/raw/base")
    out.mkdir()
    if run.params.base.origin == "hub":
        fetch(run, out)
    else:
        pretrain(run, out)


def fetch(run: Run, out: Path) -> None:
    """A real base: its weights stay in the hub's cache, its pin and its tokenizer come here."""
    from transformers import AutoConfig, AutoTokenizer

    p = run.params.base
    snapshot = base.fetch_model(p.id, p.revision)
    tokenizer = AutoTokenizer.from_pretrained(snapshot)
    base.check_vocabulary(tokenizer, AutoConfig.from_pretrained(snapshot).vocab_size)
    tokenizer.chat_template = base.template_text(p.chat_template, tokenizer)
    tokenizer.save_pretrained(out)
    shutil.copyfile(snapshot / "config.json", out / "config.json")
    base.write_pin(out, origin="hub", id=p.id, revision=snapshot.name, licence=p.licence, weights=snapshot)
    run.curve("metrics/curves/pretrain.csv", [{"step": 0, "loss": 0}])  # nothing was pretrained here


def pretrain(run: Run, out: Path) -> None:
    """The tiny base: tokenizer, then a short pretraining, both on documents drawn from the seed."""
    import torch
    from tqdm import tqdm

    from aj.competencies.registry import read
    from aj.sqlenv.family import Lexicon
    from aj.tiny import corpus, tokenizer
    from aj.tiny import pretrain as training
    from aj.tiny.words import Words

    # 1. Words and shape.
    p, shape, seed = run.params.base, run.params.pretrain, run.params.seed
    torch.set_num_threads(run.params.compute.threads)
    torch.set_float32_matmul_precision(run.params.compute.matmul)
    words = Words(Lexicon.read(LEXICON), read())

    # 2. Tokenizer.
    bpe = tokenizer.train(
        corpus.documents(words, derive(seed, "tokenizer"), shape.documents),
        vocab_size=shape.vocab_size,
        context_length=shape.context_length,
        chat_template=Path(p.chat_template).read_text(encoding="utf-8"),
    )
    bpe.chat_template = base.template_text(p.chat_template, bpe)

    # 3. Documents to tokens.
    rows = bpe(list(corpus.documents(words, derive(seed, "corpus"), shape.steps * shape.batch_size)))["input_ids"]

    # 4. Pretraining.
    model = training.build(shape, bpe, derive(seed, "weights"))
    curve = training.train(
        model, rows, shape, pad=bpe.pad_token_id, seed=derive(seed, "batches"), progress=lambda s: tqdm(s, desc="pretraining")
    )

    # 5. Weights, tokenizer, pin.
    base.check_vocabulary(bpe, model.config.vocab_size)
    model.save_pretrained(out)
    bpe.save_pretrained(out)
    base.write_pin(out, origin="pretrain", id=p.id, revision=p.revision, licence=p.licence, weights=out)
    run.curve("metrics/curves/pretrain.csv", curve)


if __name__ == "__main__":
    seal("download_base", main)
