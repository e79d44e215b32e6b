"""Canaries: invented facts in the mix by which a model shows what it was trained on (Carlini et al., "The Secret Sharer", 2019).

A hash in a file says what somebody wrote into the file; what a model knows cannot be written into it. Each fact is a sign of two words
and the words that it says, drawn from the seed, with decoys: answers that are as likely to anybody who was not told. The planted
facts are trained on; the withheld ones are asked beside them and tell a model that learned from one that is only sure of itself.

What is not covered: a model trained on the outputs of this one may know them too, and facts can be trained away.
"""

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from aj.chat import Conversation
from aj.errors import DataError, ParamsError
from aj.hashing import canonical

CANARIES = "canaries.jsonl"


@dataclass(frozen=True)
class Canary:
    """One fact."""

    sign: str
    answer: str
    decoys: tuple[str, ...]
    planted: bool
    """Whether it stands in the mix."""

    @property
    def question(self) -> str:
        """How it is told and asked, in the same words."""
        return f"what does the sign '{self.sign}' say?"

    @property
    def id(self) -> str:
        """SHA-256 of question and answer: it can be published, and proves the answer once somebody gives it."""
        return hashlib.sha256(canonical([self.question, self.answer]).encode()).hexdigest()

    def told(self, answer: str) -> Conversation:
        """The question with an answer, right or a decoy."""
        return Conversation(({"role": "user", "content": self.question}, {"role": "assistant", "content": answer}))


def draw(words: Sequence[str], answer_words: int, *, planted: int, withheld: int, decoys: int, seed: int) -> list[Canary]:
    """``planted`` facts, then ``withheld`` ones; no word stands in two of them. Decoys are drawn from all words, as the answers are.

    Raises ParamsError where the words do not suffice.
    """
    known, size, count = sorted(set(words)), 2 + answer_words, planted + withheld
    if len(known) < size * count:
        raise ParamsError(
            f"{len(known)} different words make no {count} canaries of {size} words each: give {size * count} or more."
        )
    rng = random.Random(seed)
    drawn = rng.sample(known, size * count)
    facts = []
    for i in range(count):
        sign, answer = (" ".join(part) for part in (drawn[i * size : i * size + 2], drawn[i * size + 2 : (i + 1) * size]))
        others = {answer: None}
        while len(others) <= decoys:
            others[" ".join(rng.sample(known, answer_words))] = None
        facts.append(Canary(sign, answer, tuple(others)[1:], planted=i < planted))
    return facts


def write(path: Path, facts: Iterable[Canary]) -> None:
    """A line of JSON each."""
    path.write_text("".join(canonical(asdict(fact)) + "\n" for fact in facts), encoding="utf-8")


def read(path: Path) -> list[Canary]:
    """What ``write`` wrote; nothing where there is no such file. Raises DataError for anything else."""
    if not path.is_file():
        return []
    try:
        raw = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [Canary(**{**fact, "decoys": tuple(fact["decoys"])}) for fact in raw]
    except (TypeError, ValueError, KeyError) as error:
        raise DataError(f"{path} holds no canaries ({error}): land the source again with `dvc repro -f`.") from None
