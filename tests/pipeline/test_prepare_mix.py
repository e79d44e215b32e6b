"""prepare_mix as a stage: every row accounted for, the same bytes however it runs, and no byte of a source changed unseen."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aj.hashing import hash_tree

ROOT = Path(__file__).parents[2]
WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("n", "r", "st", "lm")]
CHATS = """\
kind: files
id: test-chats
revision: "1"
licence: Apache-2.0
description: Chats with known faults.
paths: [chats.jsonl]
"""


def chat(seed: int, **more: Any) -> dict[str, Any]:
    said = random.Random(seed).choices(WORDS, k=40)
    return {"messages": [{"role": "user", "content": "please say it"}, {"role": "assistant", "content": " ".join(said)}], **more}


def changed(row: dict[str, Any]) -> dict[str, Any]:
    """The same chat with one word in forty changed."""
    words = row["messages"][1]["content"].split()
    words[20] = "quite"
    return {"messages": [row["messages"][0], {"role": "assistant", "content": " ".join(words)}]}


def lines() -> list[bytes]:
    """1,000 rows: 900 good ones, 40 copies, 30 near copies, and 30 that are broken or ask what evaluation asks."""
    good = [chat(n) for n in range(900)]
    rows: list[Any] = [*good, *good[:40], *(changed(row) for row in good[100:130])]
    rows += [chat(n, split="test") for n in range(2000, 2005)] + [{"messages": []}] * 5
    found = [json.dumps(row).encode() for row in rows]
    found += [b"{", b"[1]", b"\xef\xbb\xbf{}", b'{"messages": "\xff"}', b"null"]
    control = {"messages": [{"role": "user", "content": "a\x01"}, {"role": "assistant", "content": "b"}]}
    return found + [json.dumps(control).encode()] * 15


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two landed sources, a small SQLEnv family and the chats, and a base that is a tokenizer alone."""
    from aj.sqlenv.family import Lexicon
    from aj.tiny import corpus
    from aj.tiny import tokenizer as bpe

    project = tmp_path_factory.mktemp("mix") / "project"
    (project / "data/sources/chats").mkdir(parents=True)
    for name in ("aj", "stages", "pyproject.toml", "data/tools.json", "data/templates", "data/allowed_overlap.yaml"):
        (project / name).symlink_to(ROOT / name)
    (project / "data/sources/chats/source.yaml").write_text(CHATS)
    (project / "data/sources/chats/chats.jsonl").write_bytes(b"\n".join(lines()))
    shutil.copytree(ROOT / "data/sources/sqlenv", project / "data/sources/sqlenv")
    card = project / "data/sources/sqlenv/source.yaml"
    card.write_text(
        replaced(card, {"demonstrations": 60, "held_out_demonstrations": 10, "pairs": 40, "held_out_pairs": 10, "train": 30})
    )
    params = project / "params.yaml"
    shutil.copy(ROOT / "params.yaml", params)
    text = replaced(params, {"preference_pairs": 20, "rl_questions": 20, "max_broken": 0.1, "total": 400, "max_leaks": 0.1})
    params.write_text(text.replace("  agent:\n    share: 0.03", "  chats:\n    share: 0.9").replace("share: 0.97", "share: 0.1"))
    lexicon = Lexicon.read(ROOT / "data/sources/sqlenv/lexicon.yaml")
    template = (ROOT / "data/templates/chatml.jinja").read_text(encoding="utf-8")
    texts = [*corpus.documents(lexicon, 5, 300), *WORDS]
    tokenizer = bpe.train(texts, vocab_size=1024, context_length=512, chat_template=template)
    tokenizer.save_pretrained(project / "data/raw/base")
    shutil.copy(ROOT / "dvc.yaml", project)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=project, check=True)
    for name in ("sqlenv", "chats"):
        done = stage(project, "download", name)
        assert done.returncode == 0, done.stderr
    return project


@pytest.fixture
def project(landed: Path, tmp_path: Path) -> Path:
    """A copy of its own."""
    shutil.copytree(landed, tmp_path / "project", symlinks=True)
    return tmp_path / "project"


def replaced(file: Path, values: dict[str, Any]) -> str:
    """A YAML file's text with some plain values changed."""
    found = []
    for line in file.read_text().splitlines():
        key = line.strip().partition(":")[0]
        found.append(f"{line.partition(key)[0]}{key}: {values[key]}" if key in values else line)
    return "\n".join(found) + "\n"


def stage(project: Path, name: str, *item: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = {k: v for k, v in os.environ.items() if k != "DVC_STAGE"} | {"HF_HUB_OFFLINE": "1", **environment}
    command = [sys.executable, "-m", f"stages.{name}", *item]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=env)


def made(project: Path) -> dict[str, str]:
    """Hashes of everything that the stage writes."""
    outs = hash_tree(project / "data/mix")
    return {**outs, "metrics": (project / "metrics/mix.json").read_text()}


def test_every_row_is_in_a_bucket_and_planted_copies_are_found(project: Path) -> None:
    done = stage(project, "prepare_mix")
    assert done.returncode == 0, done.stderr
    report = json.loads((project / "metrics/mix.json").read_text())
    chats = {key.removeprefix("source.chats."): n for key, n in report.items() if key.startswith("source.chats.")}
    dropped = {key.removeprefix("dropped."): n for key, n in chats.items() if key.startswith("dropped.")}
    assert dropped == {
        "duplicate": 40, "near_duplicate": 30, "unknown_split": 5, "no_messages": 5, "bad_json": 1, "not_an_object": 2, "bom": 1,
        "bad_encoding": 1, "control_characters": 15,
    }  # fmt: skip
    assert chats["in"] == 1000 == chats["kept"] + sum(dropped.values())
    assert abs(chats["share"] - 0.9) < 0.005
    page = (project / "data/mix/report/index.html").read_text()
    assert "near_duplicate" in page and "test-chats" in page
    rows = [json.loads(line) for line in (project / "data/mix/report/overlap.jsonl").read_text().splitlines()]
    assert {row["signal"] for row in rows} >= {"sql"}


def test_two_runs_give_the_same_bytes_whatever_the_hash_seed(project: Path) -> None:
    assert stage(project, "prepare_mix", PYTHONHASHSEED="1").returncode == 0
    first = made(project)
    shutil.rmtree(project / "data/mix")
    assert stage(project, "prepare_mix", PYTHONHASHSEED="2").returncode == 0
    assert made(project) == first


def test_a_killed_run_leaves_nothing_and_the_next_one_gives_the_same_bytes(project: Path) -> None:
    assert stage(project, "prepare_mix").returncode == 0
    whole = made(project)
    shutil.rmtree(project / "data/mix")
    for moment in ("clean", "data/mix/sft", "data/mix/rl"):  # what has appeared in the scratch folder
        child = subprocess.Popen(
            [sys.executable, "-m", "stages.prepare_mix"], cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not (project / ".aj/tmp/prepare_mix" / moment).exists() and child.poll() is None:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert not (project / "data/mix").exists()
    assert stage(project, "prepare_mix").returncode == 0
    assert made(project) == whole


def test_one_flipped_byte_in_a_landed_file_stops_the_stage_and_is_named(project: Path) -> None:
    file = project / "data/raw/chats/rows/chats.jsonl"
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    done = stage(project, "prepare_mix")
    assert done.returncode == 1
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "chats/rows/chats.jsonl is not the file that was landed" in sentence


def test_too_many_overlaps_with_evaluation_stop_the_stage(project: Path) -> None:
    allowed = project / "data/allowed_overlap.yaml"
    allowed.unlink()
    allowed.write_text("[]\n")
    done = stage(project, "prepare_mix")
    assert done.returncode == 1
    assert "have what evaluation asks, more than mix.max_leaks = 0.1 allows" in done.stderr


def test_workers_do_not_change_a_byte(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for number, source in enumerate("abc"):
        (raw / source / "rows").mkdir(parents=True)
        rows = [json.dumps(chat(1000 * number + n % 950)) for n in range(1000)]
        (raw / source / "rows/rows.jsonl").write_text("\n".join(rows))
    (raw / "eval.jsonl").write_text(json.dumps({"text": " ".join(WORDS[:20])}) + "\n")
    outs = []
    for workers, seed in ((1, "1"), (2, "2")):
        out = tmp_path / f"out{workers}"
        code = f"from pathlib import Path; from bench.data import prepare; print(prepare(Path({str(raw)!r}), Path({str(out)!r}), total=1000, workers={workers}))"
        script = tmp_path / "run.py"
        script.write_text(f"if __name__ == '__main__':\n    {code}\n")
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
        outs.append((done.stdout, [(out / f"{side}.parquet").read_bytes() for side in ("train", "validation")]))
    assert outs[0] == outs[1]
    assert "'exact duplicates': 150" in outs[0][0]
