"""Preparing chat data as people write it today: `datasets` for the rows, `datasketch` for near duplicates (bench/data.py).

    uv run python -m bench.data_baseline FOLDER OUT --total 5000

The idioms of the libraries' own guides: ``map`` in several processes, rows dropped by returning fewer of them, columns that
later steps need made once, ``MinHash.update`` for each of a row's 5-word shingles (datasketch's README; so did CodeParrot and BigCode),
``isdisjoint`` over tuples for the 13-grams. ``fast`` turns on all that datasketch has for speed: MinHashes made in bulk, and
xxHash instead of SHA-1. Lines are read as text and parsed inside ``map``, because
``load_dataset("json")`` stops at the first line that is broken. Queries of the LSH and the removal of equal ids are loops in one
process: neither library has another way.

20 bands of 6 are what datasketch chooses for a threshold of 0.7 when a miss counts nine times as much as a false alarm;
candidates are compared by their estimated similarity (the guide's advice) with the other arm's threshold, 0.6. With the
default, 14 bands of 9, it misses one in five of the near duplicates planted here (bench/data_rows.py).
"""

import argparse
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import xxhash
from datasets import Dataset, Features, Sequence, Value, concatenate_datasets, load_dataset
from datasketch import LeanMinHash, MinHash, MinHashLSH

SHINGLE, GRAM, PERMUTATIONS = 5, 13, 128
THRESHOLD, SIMILAR = 0.7, 0.6
VALIDATION, SEED = 0.1, 17
ROLES = {"system", "user", "assistant", "tool"}
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
COLUMNS = ("id", "source", "group", "messages", "tools")


def prepare(folder: Path, out: Path, *, total: int, shares: dict[str, float], workers: int, fast: bool) -> dict[str, int]:
    """Make OUT/{train,validation}.parquet of FOLDER/NAME/rows/*.jsonl, NAME from ``shares``; counts by outcome.

    OUT/kept.parquet has the ids of the rows kept, in priority order, for comparison with other ways.
    """
    cache = str(out / "cache")
    grams = {gram for line in (folder / "eval.jsonl").open() for gram in ngrams(json.loads(line)["text"].lower().split(), GRAM)}

    # 1. Read and clean; rows that are broken are not returned.
    parts, read = [], 0
    for name in shares:
        files = sorted(str(f) for f in (folder / name / "rows").glob("*.jsonl"))
        lines = load_dataset("text", data_files=files, split="train", cache_dir=cache, encoding_errors="replace")
        read += len(lines)
        parts.append(
            lines.map(
                clean,
                batched=True,
                num_proc=workers,
                remove_columns=["text"],
                features=Features({name: Value("string") for name in (*COLUMNS, "side", "said")}),
                fn_kwargs={"source": name},
            )
        )
    cleaned = concatenate_datasets(parts)

    # 2. Decontaminate the training side.
    clean_of_leaks = cleaned.map(without_leaks, batched=True, num_proc=workers, fn_kwargs={"grams": grams})

    # 3. Exact duplicates: the first of equal ids stays.
    seen: set[str] = set()
    first = [i for i, key in enumerate(clean_of_leaks["id"]) if not (key in seen or seen.add(key))]  # type: ignore[func-returns-value]
    unique = clean_of_leaks.select(first)

    # 4. Near duplicates: a row stays if no row that stays is like it.
    sketched = unique.map(
        sketch_fast if fast else sketch,
        batched=True,
        num_proc=workers,
        remove_columns=["said"],
        features=Features({**{name: Value("string") for name in (*COLUMNS, "side")}, "hashes": Sequence(Value("uint32"))}),
    )
    kept = sketched.select(unlike(sketched)).remove_columns("hashes")

    # 5. Split, mix by shares, write.
    train = kept.filter(on_side, batched=True, num_proc=workers, input_columns="side", fn_kwargs={"side": "train"})
    validation = kept.filter(on_side, batched=True, num_proc=workers, input_columns="side", fn_kwargs={"side": "validation"})
    portions = []
    for name, share in shares.items():
        own = train.filter(on_side, batched=True, num_proc=workers, input_columns="source", fn_kwargs={"side": name})
        portions.append(own.shuffle(seed=SEED).select(range(min(round(share * total), len(own)))))
    mixed = concatenate_datasets(portions).shuffle(seed=SEED)
    write(mixed.select_columns(list(COLUMNS)), out / "train.parquet")
    write(validation.select_columns(list(COLUMNS)), out / "validation.parquet")
    write(kept.select_columns(["id"]), out / "kept.parquet")
    return {
        "rows": read,
        "broken": read - len(cleaned),
        "leaks": len(cleaned) - len(clean_of_leaks),
        "exact duplicates": len(clean_of_leaks) - len(unique),
        "near duplicates": len(unique) - len(kept),
        "kept": len(kept),
        "train": len(mixed),
    }


def clean(batch: dict[str, list[str]], source: str) -> dict[str, list[str]]:
    """Lines -> columns of the rows that can be used."""
    out: dict[str, list[str]] = {name: [] for name in (*COLUMNS, "side", "said")}
    for line in batch["text"]:
        try:
            row = json.loads(line)
            messages, tools = valid(row, line)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        said, called = canonical(messages), canonical(tools)
        key = hashlib.sha256(f'{{"messages":{said},"tools":{called}}}'.encode()).hexdigest()[:16]
        group = row.get("group") or key
        values = (key, source, group, said, called, side_of(group), "\n".join(spoken(messages)))
        for name, value in zip(out, values, strict=True):
            out[name].append(value)
    return out


def valid(row: Any, line: str) -> tuple[list[dict[str, Any]], list[Any]]:
    """Messages and tools in one schema. Raises ValueError, KeyError, TypeError or AttributeError where they cannot be used."""
    if "\ufffd" in line:
        raise ValueError("not UTF-8")
    tools = row.get("tools") or []
    known = {tool["function"]["name"] for tool in tools}
    messages = []
    for raw in row["messages"]:
        content = raw["content"] or ""
        if raw["role"] not in ROLES or not isinstance(content, str) or CONTROL.search(content):
            raise ValueError("a message that cannot be used")
        message = {"role": raw["role"], "content": content}
        if raw.get("tool_calls"):
            message["tool_calls"] = [call(c["function"], known) for c in raw["tool_calls"]]
        elif not content.strip() and raw["role"] != "tool":
            raise ValueError("an empty message")
        if raw["role"] == "tool" and (not messages or messages[-1]["role"] not in ("assistant", "tool")):
            raise ValueError("a tool that nobody called")
        messages.append(message)
    if not any(message["role"] == "assistant" for message in messages):
        raise ValueError("nobody answers")
    return messages, tools


def call(function: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """A tool call with its arguments as an object."""
    arguments = function.get("arguments") or {}
    arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    if function["name"] not in known or not isinstance(arguments, dict):
        raise ValueError("a call that cannot be used")
    return {"type": "function", "function": {"name": function["name"], "arguments": arguments}}


def spoken(messages: list[dict[str, Any]]) -> Iterator[str]:
    """What is compared: contents, names of called tools, values of their arguments."""
    for message in messages:
        yield message["content"]
        for made in message.get("tool_calls", ()):
            yield made["function"]["name"]
            for value in made["function"]["arguments"].values():
                for item in value if isinstance(value, list) else [value]:
                    yield item if isinstance(item, str) else json.dumps(item)


def canonical(value: Any) -> str:
    """JSON text that is equal for equal values."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def side_of(group: str) -> str:
    """By the hash of the group, in the same way as aj/mix/split.py, so that both arms decontaminate the same rows."""
    number = int.from_bytes(hashlib.sha256(f"split:{group}".encode()).digest()[:8], "big")
    return "validation" if number / 2**64 < VALIDATION else "train"


def ngrams(words: list[str], n: int) -> Iterable[tuple[str, ...]]:
    """All tuples of n consecutive words; one of all words where there are fewer."""
    return zip(*(words[i:] for i in range(min(n, len(words)))), strict=False)


def without_leaks(batch: dict[str, list[str]], grams: set[tuple[str, ...]]) -> dict[str, list[str]]:
    """Rows of the training side that have 13 words of an evaluation text are not returned."""
    stays = [
        i
        for i, (side, said) in enumerate(zip(batch["side"], batch["said"], strict=True))
        if side != "train" or grams.isdisjoint(ngrams(said.lower().split(), GRAM))
    ]
    return {name: [values[i] for i in stays] for name, values in batch.items()}


def sketch(batch: dict[str, list[str]]) -> dict[str, list[Any]]:
    """MinHash signatures of the sets of 5-word shingles."""
    hashes = []
    for said in batch["said"]:
        one = MinHash(num_perm=PERMUTATIONS)
        for shingle in shingles(said):
            one.update(shingle)
        hashes.append(one.hashvalues)
    return {**{name: batch[name] for name in (*COLUMNS, "side")}, "hashes": hashes}


def sketch_fast(batch: dict[str, list[str]]) -> dict[str, list[Any]]:
    """The same with another hash, in bulk."""
    made = MinHash.generator(list(map(shingles, batch["said"])), num_perm=PERMUTATIONS, hashfunc=xxhash.xxh32_intdigest)
    return {**{name: batch[name] for name in (*COLUMNS, "side")}, "hashes": [m.hashvalues for m in made]}


def shingles(said: str) -> set[bytes]:
    """The 5-word shingles of a text."""
    return {" ".join(gram).encode() for gram in ngrams(said.lower().split(), SHINGLE)}


def unlike(rows: Dataset) -> list[int]:
    """Indices of the rows that stay."""
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, weights=(0.1, 0.9))
    sketches: dict[int, LeanMinHash] = {}
    number = 0
    for batch in rows.select_columns(["hashes"]).with_format("numpy").iter(1000):
        for values in batch["hashes"]:
            one = LeanMinHash(seed=1, hashvalues=values, scheme="affine32")
            if not any(one.jaccard(sketches[other]) >= SIMILAR for other in index.query(one)):
                index.insert(number, one, check_duplication=False)
                sketches[number] = one
            number += 1
    return list(sketches)


def write(rows: Dataset, path: Path) -> None:
    """One Parquet file compressed by zstd: ``Dataset.to_parquet`` of 5.2 writes snappy and refuses another codec."""
    with pq.ParquetWriter(path, rows.features.arrow_schema, compression="zstd") as writer:
        for table in rows.with_format("arrow").iter(4096):
            writer.write_table(table)


def on_side(values: list[str], side: str) -> list[bool]:
    """Which rows have this value."""
    return [value == side for value in values]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--total", type=int, default=5000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args()
    shares = {"a": 0.5, "b": 0.3, "c": 0.2}
    counts = prepare(options.folder, options.out, total=options.total, shares=shares, workers=options.workers, fast=options.fast)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
