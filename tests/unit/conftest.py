"""Small real things that several files test with: a tokenizer, the lexicon, a database."""

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything imports the hub: no unit test reaches a network

from aj.competencies import registry
from aj.sqlenv.family import Lexicon
from aj.sqlenv.questions import Question, read
from aj.tiny import corpus
from aj.tiny.words import Words

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "data" / "templates" / "chatml.jinja"

HERBS = """
CREATE TABLE herbs (name TEXT, price INTEGER, city TEXT);
INSERT INTO herbs VALUES ('ada', 42, 'oslo'), ('ben', 17, 'rome'), ('cal', 99, 'oslo'), ('dan', 63, 'lima'),
                         ('eva', 25, 'rome'), ('fay', 71, 'oslo'), ('gus', 38, 'cairo');
CREATE TABLE Ships (name TEXT, weight REAL);
INSERT INTO Ships VALUES ('hal', 1.5), ('ida', 2.5), ('jon', NULL);
CREATE TABLE numbers (n INTEGER);
WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 30) INSERT INTO numbers SELECT n FROM c;
"""


@pytest.fixture(scope="session")
def lexicon() -> Lexicon:
    """The family's own words."""
    return Lexicon.read(ROOT / "data" / "sources" / "sqlenv" / "lexicon.yaml")


@pytest.fixture(scope="session")
def words(lexicon: Lexicon) -> Words:
    """What the pretraining corpus is drawn from."""
    return Words(lexicon, registry.read())


@pytest.fixture(scope="session")
def tokenizer(words: Words) -> "PreTrainedTokenizerFast":
    """The tiny tokenizer, trained on 300 documents."""
    from aj.tiny import tokenizer as bpe

    texts = corpus.documents(words, 5, 300)
    return bpe.train(texts, vocab_size=1024, context_length=512, chat_template=TEMPLATE.read_text(encoding="utf-8"))


@pytest.fixture
def make_database(tmp_path: Path) -> Callable[..., Path]:
    """Write a SQLite file at ``tmp_path/database/NAME/NAME.sqlite`` from a script; the herbs if none is given."""

    def make(script: str = HERBS, name: str = "shop") -> Path:
        path = tmp_path / "database" / name / f"{name}.sqlite"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        connection.executescript(script)
        connection.commit()
        connection.close()
        return path

    return make


@pytest.fixture
def make_question(make_database: Callable[..., Path], tmp_path: Path) -> Callable[..., Question]:
    """A question about the herbs (or another script) with its gold read from the SQL."""

    def make(
        sql: str = "SELECT price FROM herbs WHERE name = 'ada'", *, script: str = HERBS, text: str = "how much?"
    ) -> Question:
        name = f"shop{next(numbers)}"
        make_database(script, name)
        return read({"question": text, "db_id": name, "query": sql}, tmp_path, 0)

    numbers = itertools.count()
    return make


@pytest.fixture
def scripted(tokenizer: "PreTrainedTokenizerFast") -> Callable[..., Callable[[list[list[int]], int], list[list[int]]]]:
    """A policy that plays fixed texts: the i-th call gives every live episode the i-th text of its script."""

    def policy(*scripts: Sequence[str], end: str = "<|im_end|>") -> Callable[[list[list[int]], int], list[list[int]]]:
        turns: Iterable[int] = itertools.count()

        def generate(contexts: list[list[int]], most: int) -> list[list[int]]:
            turn = next(turns)  # type: ignore[call-overload]
            texts = [s[turn] for s in scripts if turn < len(s)]
            assert len(texts) == len(contexts)
            return [tokenizer(text + end, add_special_tokens=False)["input_ids"] for text in texts]

        return generate

    return policy
