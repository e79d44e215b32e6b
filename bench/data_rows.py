"""Chat rows to measure data preparation with: what the hub's chat sets look like, with known faults planted in them.

    uv run python -m bench.data_rows FOLDER --rows 10000

Writes FOLDER/{a,b,c}/rows/rows.jsonl (45, 30 and 25 % of the rows, about 3.6 KB each) and FOLDER/eval.jsonl (500 texts).
Words are drawn independently of each other by Zipf's law from 30,000, most of them invented, in sentences, paragraphs and
turns; one row in 20 calls tools in the OpenAI form (arguments as JSON text). Planted, each in an ordinary row of its own:

    2 %     exact duplicates of an earlier row, half of them written with other white space and another order of keys
    3 %     near duplicates of an earlier row, one word in 40 changed: Jaccard similarity of 5-word shingles about 0.78
    0.2 %   broken lines, in ten ways
    0.1 %   rows with 13 to 20 words of an evaluation text in one turn, a third each with other white space and in capitals

The bytes depend on the number of rows and the seed alone; memory does not grow with the rows.

What is not covered: grammar and topics (no words go together, so that hardly two rows are alike by accident), rows of
100 KB, other schemas than OpenAI's.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import orjson

SOURCES = {"a": 0.45, "b": 0.30, "c": 0.25}
KINDS = {"exact duplicates": 0.02, "near duplicates": 0.03, "broken": 0.002, "leaks": 0.001}
TOOL_ROWS, CODE, SYSTEM = 0.05, 0.12, 0.2
VOCABULARY, EVALUATION, BLOCK, POOL = 30_000, 500, 1000, 1024
WORDS = 430  # the median of a row
FREQUENT = (
    "the of and to a in is that for it as with on you be this are by or from an at can not have we your will if but more which "
    "one use all they has their what when how there other into time would like than some each new so may these also first was"
)
FORMS = ("{0} ", "{1} ", "{0}, ", "{0}. ", "{0}? ", "{0}.\n\n")
PLAIN, CAPITAL, COMMA, STOP, QUESTION, PARAGRAPH = range(len(FORMS))
EXTRAS = (
    " 🙂",
    " — naïve, but it works: 3 × 4 → 12 ✓",
    " 日本語のテキストです。",
    " Привет, как дела?",
    " “quoted” text…",
    " Δx ≈ 0.5 µm",
)


def write_rows(folder: Path, rows: int, seed: int) -> dict[str, int]:
    """Write ``rows`` lines and the evaluation texts; returns how many rows of each kind were planted."""
    rng = np.random.default_rng(seed)
    text = Text(rng)
    evaluation = [text.sentences(int(n)) for n in rng.integers(25, 60, EVALUATION)]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "eval.jsonl").open("wb") as file:
        file.writelines(orjson.dumps({"id": f"eval-{i}", "text": item}) + b"\n" for i, item in enumerate(evaluation))
    bounds = np.round(np.cumsum(list(SOURCES.values())) * rows).astype(int)
    pool: list[dict[str, Any]] = []
    planted: Counter[str] = Counter()
    with ExitStack() as stack:
        files = []
        for source in SOURCES:
            path = folder / source / "rows" / "rows.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            files.append(stack.enter_context(path.open("wb")))
        for start in range(0, rows, BLOCK):
            fresh = text.rows(BLOCK)
            kinds = rng.choice([*KINDS, "ordinary"], BLOCK, p=[*KINDS.values(), 1 - sum(KINDS.values())]).tolist()
            picks = rng.integers(0, POOL, (BLOCK, 2)).tolist()
            for number, row, kind, (pick, place) in zip(
                range(start, min(start + BLOCK, rows)), fresh, kinds, picks, strict=False
            ):
                source = int(np.searchsorted(bounds, number, side="right"))
                row |= {"group": f"user-{number // 4}"} if source == 1 else {}
                if kind in ("exact duplicates", "near duplicates") and not pool:
                    kind = "ordinary"
                planted[kind] += 1
                line = _line(kind, row, pool, evaluation, text, pick)
                files[source].write(line + b"\n")
                if kind == "ordinary" and len(pool) < POOL:
                    pool.append(row)
                elif kind == "ordinary" and number % 8 == 0:
                    pool[place] = row
    return {"rows": rows, **{kind: planted[kind] for kind in [*KINDS, "ordinary"]}}


class Text:
    """Draws words, sentences and rows from one generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.words = _vocabulary(rng)
        self.forms = [form.format(word, word.capitalize()) for form in FORMS for word in self.words]
        self.cumulated = np.cumsum(1 / (np.arange(VOCABULARY) + 2.7) ** 1.05)  # Zipf & Mandelbrot
        self.cumulated /= self.cumulated[-1]
        self.systems = [self.sentences(int(n)) for n in rng.integers(15, 40, 20)]
        self.tools = [_tool(self.pick(3)) for _ in range(40)]

    def pick(self, count: int) -> list[str]:
        """Words, the rarer ones as likely as the frequent."""
        return [self.words[i] for i in self.rng.integers(60, VOCABULARY, count).tolist()]

    def sentences(self, words: int) -> str:
        """One text of so many words."""
        return self.messages(np.array([words]), np.array([False]))[0]

    def messages(self, lengths: "np.ndarray[Any, Any]", asks: "np.ndarray[Any, Any]") -> list[str]:
        """Texts of ``lengths`` words, each at least 1; those that ask end with a question mark."""
        stops = np.cumsum(lengths)
        total = int(stops[-1])
        chance = self.rng.random(total)
        ends = chance < 1 / 14
        ends[stops - 1] = True
        form = np.where((chance > 0.94) & ~ends, COMMA, PLAIN)
        form[1:][ends[:-1] & ~ends[1:]] = CAPITAL
        form[(stops - lengths)[~ends[stops - lengths]]] = CAPITAL
        form[ends] = np.where(chance[ends] < 0.01, PARAGRAPH, STOP)
        form[stops[asks] - 1] = QUESTION
        codes = form * VOCABULARY + np.searchsorted(self.cumulated, self.rng.random(total))
        forms, starts = self.forms, (stops - lengths).tolist()
        spelled = [forms[code] for code in codes.tolist()]
        return ["".join(spelled[start:stop]).rstrip() for start, stop in zip(starts, stops.tolist(), strict=True)]

    def rows(self, count: int) -> list[dict[str, Any]]:
        """Rows with messages and, where tools are called, tools."""
        rng = self.rng
        turns = rng.choice([1, 2, 3, 4], count, p=[0.5, 0.25, 0.15, 0.1])  # a question and an answer each
        words = np.clip(rng.lognormal(np.log(WORDS), 0.6, count), 80, 4000) / turns
        each = np.repeat(words, turns) * rng.uniform(0.6, 1.4, turns.sum())
        lengths = np.stack([each * 0.2, each * 0.8], axis=1).astype(int).clip(3).ravel()
        said = iter(self.messages(lengths, np.arange(len(lengths)) % 2 == 0))
        extra = iter(rng.random((len(lengths), 2)).tolist())
        rows = []
        for number, chance in zip(turns.tolist(), rng.random((count, 2)).tolist(), strict=True):
            messages = [{"role": "system", "content": self.systems[int(chance[1] * 1000) % 20]}] if chance[1] < SYSTEM else []
            for _ in range(number):
                for role in ("user", "assistant"):
                    content, (code, strange) = next(said), next(extra)
                    content += self._code() if role == "assistant" and code < CODE else ""
                    content += EXTRAS[int(strange * 1000) % len(EXTRAS)] if strange < 0.03 else ""
                    messages.append({"role": role, "content": content})
            rows.append(self._calling(messages) if chance[0] < TOOL_ROWS else {"messages": messages})
        return rows

    def _code(self) -> str:
        a, b, c, d = self.pick(4)
        n, m = self.rng.integers(2, 1000, 2).tolist()
        return (
            f"\n\n```python\ndef {a}({b}, {c}={n}):\n    {d} = [x * {m} for x in {b} if x > {c}]\n    return "
            f'{{"{d}": {d}, "{c}": {c} + {m}}}\n```'
        )

    def _calling(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """The row with a call of a tool and its result before the last answer."""
        first, second = self.rng.choice(len(self.tools), 2, replace=False).tolist()
        a, b, c, d = self.pick(4)
        number = int(self.rng.integers(0, 10_000))
        arguments = json.dumps({"query": f"{a} {b}", "limit": number, "exact": number % 2 == 0, "fields": [c, d]})
        name, key = self.tools[first]["function"]["name"], f"call_{number:04d}"
        call = {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}
        result = json.dumps([{"name": c, "value": number / 8}, {"name": d, "value": None}])
        messages[-1:-1] = [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": key, "content": result},
        ]
        return {"messages": messages, "tools": [self.tools[first], self.tools[second]]}


def _line(
    kind: str, row: dict[str, Any], pool: list[dict[str, Any]], evaluation: list[str], text: Text, pick: int
) -> bytes:  # fmt: skip
    if kind == "exact duplicates":
        old = pool[pick % len(pool)]
        return json.dumps(dict(reversed(old.items())), ensure_ascii=True).encode() if pick % 2 else orjson.dumps(old)
    if kind == "near duplicates":
        return orjson.dumps(_nearly(pool[pick % len(pool)], text, pick))
    if kind == "leaks":
        words = evaluation[pick % len(evaluation)].split()
        start = pick % (len(words) - 20)
        stretch = (" ", "\n", " ")[pick % 3].join(words[start : start + 13 + pick % 8])
        row["messages"][-1]["content"] += f" {stretch.upper() if pick % 3 == 2 and stretch.isascii() else stretch} (quoted)"
    line = orjson.dumps(row)
    return BROKEN[pick % len(BROKEN)](row, line) if kind == "broken" else line


def _nearly(row: dict[str, Any], text: Text, phase: int) -> dict[str, Any]:
    """A copy with one word in 40 changed."""
    copy, place = deepcopy(row), phase % 40

    def other(found: re.Match[str]) -> str:
        nonlocal place
        place += 1
        return f"{found[0]}{new[place % len(new)]}" if place % 40 == 0 else found[0]

    new = text.pick(16)
    for message in copy["messages"]:
        if message["role"] in ("user", "assistant") and message["content"]:
            message["content"] = re.sub(r"\S+", other, message["content"])
    return copy


def _with(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any], bytes], bytes]:
    def broken(row: dict[str, Any], line: bytes) -> bytes:
        change(row)
        return orjson.dumps(row)

    return broken


BROKEN: tuple[Callable[[dict[str, Any], bytes], bytes], ...] = (
    lambda row, line: line[: len(line) // 2],
    lambda row, line: line.replace(b":[", b":[,", 1),
    lambda row, line: line.replace(b" ", b" \xff\xfe", 1),
    lambda row, line: b"[" + line + b"]",
    _with(lambda row: row.update(messages=[])),
    _with(lambda row: row["messages"][0].update(role="narrator")),
    _with(lambda row: row["messages"][-1].update(content="  ")),
    _with(lambda row: row["messages"][-1].update(content=[{"type": "text", "text": "in parts"}])),
    _with(lambda row: row.update(messages=[m for m in row["messages"] if m["role"] in ("system", "user")])),
    _with(lambda row: row["messages"][-1].update(tool_calls=[{"function": {"name": "none", "arguments": "{not json"}}])),
)


def _vocabulary(rng: np.random.Generator) -> list[str]:
    """Words of one to four syllables, the frequent ones shorter; one in 50 has a letter beyond ASCII."""
    onsets = re.findall(r"\S+", "b c d f g h j k l m n p r s t v w br ch cl dr fl gr pl pr sh sl sp st str th tr")
    vowels, accents = ["a", "e", "i", "o", "u", "ea", "ou", "ai"], str.maketrans("aeiou", "áèïöü")
    codas = ["", "", "", "n", "r", "s", "t", "l", "m", "nd", "st", "ck"]
    words = dict.fromkeys(FREQUENT.split())
    while len(words) < VOCABULARY:
        size = 1 + int(rng.random() * min(1 + len(words) / 1500, 3.999))
        parts = rng.integers(0, 1 << 20, (size, 3)).tolist()
        word = "".join(onsets[o % len(onsets)] + vowels[v % len(vowels)] + codas[c % len(codas)] for o, v, c in parts)
        words[word.translate(accents) if len(words) % 50 == 0 else word] = None
    return list(words)


def _tool(names: list[str]) -> dict[str, Any]:
    properties = {
        "query": {"type": "string", "description": f"the {names[1]} to look for"},
        "limit": {"type": "integer"},
        "exact": {"type": "boolean"},
        "fields": {"type": "array", "items": {"type": "string"}},
    }
    parameters = {"type": "object", "properties": properties, "required": ["query"]}
    return {
        "type": "function",
        "function": {"name": f"{names[0]}_{names[1]}", "description": f"Find {names[2]}.", "parameters": parameters},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=17)
    options = parser.parse_args()
    print(json.dumps(write_rows(options.folder, options.rows, options.seed)))


if __name__ == "__main__":
    main()
