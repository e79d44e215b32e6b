"""prepare_mix as a stage: every row accounted for, the same bytes however it runs, and no byte of a source changed unseen."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aj.competencies.registry import read
from aj.hashing import hash_tree
from aj.sources.rows import read_all

ROOT = Path(__file__).parents[2]
TASKS_FROM = ("data/competencies.yaml", "data/validators")
TASKS = "  competencies:\n    share: 0.465\n"
WORDS = [f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in ("n", "r", "st", "lm")]
CARD = """\
kind: {kind}
id: test-{name}
revision: "1"
licence: Apache-2.0
description: Rows whose fate is known.
paths: [{name}.jsonl]
"""


def chat(seed: int, **more: Any) -> dict[str, Any]:
    said = random.Random(seed).choices(WORDS, k=40)
    return {"messages": [{"role": "user", "content": "please say it"}, {"role": "assistant", "content": " ".join(said)}], **more}


def changed(row: dict[str, Any]) -> dict[str, Any]:
    """The same chat with one word in forty changed."""
    words = row["messages"][1]["content"].split()
    words[20] = "quite"
    return {"messages": [row["messages"][0], {"role": "assistant", "content": " ".join(words)}]}


USER, GOOD = {"role": "user", "content": "please say it"}, {"role": "assistant", "content": "here it is"}
BROKEN: dict[str, list[bytes]] = {
    "bad_json": [b"{", b'{"messages": [', b"nonsense"],
    "not_an_object": [b"[1]", b"null"],
    "bom": [b"\xef\xbb\xbf{}"],
    "bad_encoding": [b'{"messages": "\xff"}'],
} | {
    bucket: [json.dumps(row).encode() for row in rows]
    for bucket, rows in {
        "no_messages": [{"messages": []}, {}],
        "control_characters": [{"messages": [{"role": "user", "content": "a\x01"}, GOOD]}] * 2,
        "unknown_role": [{"messages": [{"role": "critic", "content": "a"}, GOOD]}],
        "bad_content": [{"messages": [{"role": "user", "content": 5}, GOOD]}],
        "empty_message": [{"messages": [{"role": "user", "content": " "}, GOOD]}] * 3,
        "no_assistant_turn": [{"messages": [USER]}] * 2,
        "unknown_tool": [{"messages": [USER, {"role": "assistant", "tool_calls": [{"name": "fly", "arguments": {}}]}]}] * 2,
        "bad_tool_call": [{"messages": [USER, {"role": "assistant", "tool_calls": [{"name": "bash", "arguments": [1]}]}]}] * 2,
        "orphan_tool_message": [{"messages": [USER, {"role": "tool", "content": "x"}, GOOD]}],
        "bad_tools": [{"messages": [USER, GOOD], "tools": [{"parameters": {}}]}],
        "bad_group": [chat(2999, group="\ud800")],
        "unknown_split": [chat(n, split=split) for n, split in enumerate(("test", "eval", ["train"], 1), 2000)],
        "too_long": [{"messages": [USER, {"role": "assistant", "content": " ".join(WORDS * 20)}]}],
    }.items()
}


def lines() -> list[bytes]:
    """1,000 rows: 900 good ones, 40 copies, 30 near copies, and 30 that cannot be used, for 17 reasons."""
    good = [chat(n) for n in range(900)]
    rows: list[Any] = [*good, *good[:40], *(changed(row) for row in good[100:130])]
    return [json.dumps(row).encode() for row in rows] + [line for found in BROKEN.values() for line in found]


def step(action: str, *observations: str) -> dict[str, Any]:
    return {"action": action, "observations": list(observations)}


LOOK, TOLD = step("DESCRIBE: boats", "boats(name TEXT, length INTEGER), 7 rows"), {"teacher": "hand", "date": "2026-11-01"}
SUCCESS: dict[str, Any] = {
    "task": "boats-1", "question": "tables: boats\nquestion: how long is ada?", "group": "boats(name,length)", "split": "train",
    "hint": "the answer stands in the column named length of the only table that there is",
    "steps": [LOOK, step("QUERY: SELECT length FROM boats WHERE name = 'ada'", "42"), step("ANSWER: 42")],
    "outcome": "answered", "answer": "42", "success": True, "provenance": TOLD,
}  # fmt: skip
FAILURE = {**SUCCESS, "steps": [LOOK, step("ANSWER: 7")], "answer": "7", "success": False}
TRACES: list[dict[str, Any]] = [
    *({**SUCCESS, "task": f"other-{n}", "question": f"question: {chat(3000 + n)['messages'][1]['content']}"} for n in range(10)),
    SUCCESS, FAILURE, {**FAILURE, "success": None}, {**SUCCESS, "score": 1},
]  # fmt: skip


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two landed sources, a small SQLEnv family and the chats, and a base that is a tokenizer alone."""
    from aj.sqlenv.family import Lexicon
    from aj.tiny import corpus
    from aj.tiny import tokenizer as bpe
    from aj.tiny.words import Words

    project = tmp_path_factory.mktemp("mix") / "project"
    for name, kind, rows, more in (
        ("chats", "files", lines(), ""),
        ("traces", "episodes", [json.dumps(t).encode() for t in TRACES], "formats: [sft, preference]\n"),
    ):
        (project / "data/sources" / name).mkdir(parents=True)
        (project / "data/sources" / name / "source.yaml").write_text(CARD.format(kind=kind, name=name) + more)
        (project / "data/sources" / name / f"{name}.jsonl").write_bytes(b"\n".join(rows))
    for name in ("aj", "stages", "pyproject.toml", "data/tools.json", "data/templates", "data/allowed_overlap.yaml", *TASKS_FROM):
        (project / name).symlink_to(ROOT / name)
    for name in ("sqlenv", "canaries", "herbal-sample"):
        shutil.copytree(ROOT / "data/sources" / name, project / "data/sources" / name)
    card = project / "data/sources/sqlenv/source.yaml"
    card.write_text(
        replaced(card, {"demonstrations": 60, "held_out_demonstrations": 10, "pairs": 40, "held_out_pairs": 10, "train": 30})
    )
    params = project / "params.yaml"
    shutil.copy(ROOT / "params.yaml", params)
    text = replaced(
        params, {"preference_pairs": 40, "rl_questions": 20, "rl_tasks": 0, "max_broken": 0.1, "total": 300, "max_leaks": 0.1}
    )
    shares = {"chats": 0.8, "herbal-sample": 0.08, "traces": 0.02}
    others = "".join(f"  {name}:\n    share: {share}\n" for name, share in shares.items())
    params.write_text(
        text.replace("  agent:\n    share: 0.015\n", others).replace("share: 0.50", "share: 0.08").replace(TASKS, "")
    )
    words = Words(Lexicon.read(ROOT / "data/sources/sqlenv/lexicon.yaml"), read())
    template = (ROOT / "data/templates/chatml.jinja").read_text(encoding="utf-8")
    sample = (ROOT / "data/sources/herbal-sample/sample.txt").read_text(encoding="utf-8")
    texts = [*corpus.documents(words, 5, 300), *WORDS, sample]
    tokenizer = bpe.train(texts, vocab_size=1024, context_length=512, chat_template=template)
    tokenizer.save_pretrained(project / "data/raw/base")
    shutil.copy(ROOT / "dvc.yaml", project)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=project, check=True)
    for name in ("sqlenv", "canaries", *shares):
        done = stage(project, "download", name)
        assert done.returncode == 0, done.stderr
    return project


@pytest.fixture(scope="module")
def whole(landed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose mix is made."""
    project = tmp_path_factory.mktemp("whole") / "project"
    shutil.copytree(landed, project, symlinks=True)
    done = stage(project, "prepare_mix", PYTHONHASHSEED="1")
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


def fate(report: dict[str, Any], prefix: str) -> tuple[int, int, dict[str, int]]:
    """(rows in, kept, dropped by reason) of a source, or of its pairs."""
    dropped = f"{prefix}dropped."
    return (
        report[f"{prefix}in"],
        report[f"{prefix}kept"],
        {k.removeprefix(dropped): n for k, n in report.items() if k.startswith(dropped)},
    )


def made(project: Path) -> dict[str, str]:
    """Hashes of everything that the stage writes."""
    outs = hash_tree(project / "data/mix")
    return {**outs, "metrics": (project / "metrics/mix.json").read_text()}


def test_every_row_is_in_a_bucket_and_planted_copies_are_found(whole: Path) -> None:
    project = whole
    report = json.loads((project / "metrics/mix.json").read_text())
    sources = ("sqlenv", "chats", "herbal-sample", "traces", "canaries")
    for source in sources:
        rows_in, kept, dropped = fate(report, f"source.{source}.")
        assert rows_in == kept + sum(dropped.values())
        assert report[f"source.{source}.share"] == pytest.approx(report[f"source.{source}.asked"] / 300, abs=0.005)
    assert fate(report, "source.chats.") == (
        1000, 900, {"duplicate": 40, "near_duplicate": 30, **{bucket: len(rows) for bucket, rows in BROKEN.items()}}
    )  # fmt: skip
    assert fate(report, "source.traces.") == (14, 11, {"failed_episode": 1, "unverified": 1, "unknown_key": 1})
    assert fate(report, "source.traces.pairs.") == (3, 1, {"unverified": 1, "unknown_key": 1})
    taught = read_all(project / "data/mix/sft/train.parquet")
    assert {row["source"] for row in taught} == set(sources)
    assert not any("column named length of the only table" in row["messages"] for row in taught)  # the hint
    chosen = read_all(project / "data/mix/preference/train.parquet")
    assert [row["rejected"] for row in chosen if row["group"] == "boats(name,length)"] == ["ANSWER: 7"]
    assert all(row["group"].startswith("herb:") for row in taught if row["source"] == "herbal-sample")
    page = (project / "data/mix/report/index.html").read_text()
    assert "near_duplicate" in page and "test-chats" in page
    rows = [json.loads(line) for line in (project / "data/mix/report/overlap.jsonl").read_text().splitlines()]
    assert {row["signal"] for row in rows} >= {"sql"}


def test_a_killed_run_leaves_nothing_and_the_next_one_gives_the_same_bytes_whatever_the_hash_seed(
    whole: Path, project: Path
) -> None:
    for moment in ("clean", "data/mix/sft", "data/mix/rl"):  # what has appeared in the scratch folder
        child = subprocess.Popen(
            [sys.executable, "-m", "stages.prepare_mix"], cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not (project / ".aj/tmp/prepare_mix" / moment).exists() and child.poll() is None:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert not (project / "data/mix").exists()
    assert stage(project, "prepare_mix", PYTHONHASHSEED="2").returncode == 0
    assert made(project) == made(whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that holds 200 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no right to mount a small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_the_older_mix_stays(whole: Path, small_disk: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(whole, project, symlinks=True)
    before = made(project)
    shutil.rmtree(project / ".aj/tmp", ignore_errors=True)
    (project / ".aj").mkdir(exist_ok=True)
    (project / ".aj/tmp").symlink_to(small_disk)
    done = stage(project, "prepare_mix")
    assert done.returncode == 1
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "no disk space left" in sentence
    assert "Traceback" not in done.stderr
    assert made(project) == before


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


RAY = (
    "import os, ray; ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, _node_ip_address='127.0.0.1'); "
    "os.environ['RAY_ADDRESS'] = 'the one that was just started'; "
)


def test_neither_processes_nor_a_cluster_change_a_byte(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    for number, source in enumerate("abc"):
        (raw / source / "rows").mkdir(parents=True)
        rows = [json.dumps(chat(1000 * number + n % 950)) for n in range(1000)]
        (raw / source / "rows/rows.jsonl").write_text("\n".join(rows))
    (raw / "eval.jsonl").write_text(json.dumps({"text": " ".join(WORDS[:20])}) + "\n")
    outs = []
    for number, (workers, seed, before) in enumerate(((1, "1", ""), (2, "2", ""), (2, "3", RAY))):
        out = tmp_path / f"out{number}"
        code = f"{before}from pathlib import Path; from bench.data import prepare; print(prepare(Path({str(raw)!r}), Path({str(out)!r}), total=1000, workers={workers}))"
        script = tmp_path / "run.py"
        script.write_text(f"if __name__ == '__main__':\n    {code}\n")
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=env)
        assert done.returncode == 0, done.stderr
        outs.append((done.stdout, [(out / f"{side}.parquet").read_bytes() for side in ("train", "validation")]))
    assert outs[0] == outs[1] == outs[2]
    assert "'exact duplicates': 150" in outs[0][0]
