"""A small but real project: git, DVC, and a pipeline with the stage names of the real one, whose stages are lines of shell."""

import contextlib
import io
import shutil
import subprocess
from pathlib import Path

PARAMS = """\
code: Toy
version: 0.1.0
seed: 17
system: ""
lora_r: 16
compute:
  threads: 2
base:
  origin: pretrain
  id: toy-base
  revision: made-here
  licence: Apache-2.0
  chat_template: data/templates/chatml.jinja
pretrain:
  layers: 2
sources:
  sqlenv:
    share: 0.5
  agent:
    share: 0.5
mix:
  total: 12
sft:
  learning_rate: 2e-3
eval:
  episodes: 6
"""
PYPROJECT = """\
[project]
name = "toy"
version = "0"

[dependency-groups]
train = [
    "torch==2.15.0",
    "peft==0.21.2",
]
dev = ["pytest==9.2.0"]
"""
DVC_YAML = Path(__file__).with_name("dvc.yaml.txt").read_text()  # DVC would run a file of its own name here
VALUE = """value() { sed -n "s/^ *$1: *//p" params.yaml; }\n"""
STAGES = {
    "download": 'mkdir -p data/raw/$1 && cat data/sources/$1/rows.jsonl > data/raw/$1/rows.jsonl\ngrep -v "^#" aj/shared.py >> data/raw/$1/rows.jsonl',
    "download_base": 'mkdir -p data/raw/base\n{ value id; value revision; value layers; cat $(value chat_template); grep -v "^#" aj/shared.py; } > data/raw/base/weights',
    "prepare_mix": """\
mkdir -p data/mix/sft data/mix/eval metrics
total=$(value total)
echo "{" > metrics/mix.json
for folder in data/raw/*/; do
  name=$(basename $folder)
  [ $name = base ] && continue
  share=$(awk -v s="  $name:" '$0 == s { getline; print $2 }' params.yaml)
  asked=$(awk -v a=$share -v b=$total 'BEGIN { print int(a * b) }')
  head -n $asked $folder/rows.jsonl >> data/mix/sft/train.jsonl
  taken=$(head -n $asked $folder/rows.jsonl | wc -l)
  echo "\\"source.$name.taken\\": $taken, \\"source.$name.asked\\": $asked, \\"source.$name.in\\": $(wc -l < $folder/rows.jsonl)," >> metrics/mix.json
done
echo "\\"sft.train\\": $(wc -l < data/mix/sft/train.jsonl)}" >> metrics/mix.json
echo question > data/mix/eval/questions""",
    "sft": "mkdir -p models/sft metrics/lineage\nsha256sum stages/sft.sh aj/shared.py > metrics/lineage/sft.json\n{ cat data/mix/sft/* data/raw/base/* | md5sum; value seed; value lora_r; value learning_rate; grep torch== pyproject.toml; } > models/sft/adapter",
    "dpo": "mkdir -p models/dpo\nmd5sum < models/sft/adapter > models/dpo/adapter",
    "grpo": "mkdir -p models/grpo\nmd5sum < models/dpo/adapter > models/grpo/adapter",
    "merge": "mkdir -p models/merged\ncat data/raw/base/weights models/grpo/adapter > models/merged/weights",
    "quantize": 'mkdir -p models/gguf/q4km\n{ echo "AJ-$(value code)-v$(value version)-q4km"; md5sum < models/merged/weights; cat metrics/lineage/sft.json; } > models/gguf/q4km/model.gguf',
    "eval": """mkdir -p metrics\nn=$(value episodes)\necho '{"unseen.accuracy": 0.5, "unseen.low": 0.2, "unseen.high": 0.8, "unseen.n": '$n'}' > $2""",
}


def git(root: Path, *args: str) -> str:
    """What a git command prints."""
    return subprocess.run(["git", *args], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


def write(root: Path, path: str, text: str) -> None:
    """Write a file, its folder first."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def edit(root: Path, path: str, old: str, new: str) -> None:
    """Replace a text that stands in a file exactly once."""
    text = (root / path).read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
    (root / path).write_text(text.replace(old, new))


def commit(root: Path, message: str) -> None:
    """Commit everything that git does not ignore."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)


def repro(root: Path) -> None:
    """`dvc repro`, in this process: 0.3 s a stage that runs."""
    from dvc.repo import Repo

    with contextlib.chdir(root), Repo(str(root)) as repo:
        repo.reproduce()


def create(root: Path) -> None:
    """A project that ran once and is committed."""
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.email", "ann@example.org")
    git(root, "config", "user.name", "Ann")
    from dvc.repo import Repo

    Repo.init(str(root)).close()
    files = {"params.yaml": PARAMS, "pyproject.toml": PYPROJECT, "dvc.yaml": DVC_YAML, "docs/page.md": "A page.\n"}
    files |= {f"stages/{name}.sh": f"set -e\n{VALUE}{text}\n" for name, text in STAGES.items()}
    files |= {"aj/shared.py": "x = 1\n", "data/templates/chatml.jinja": "{{ messages }}\n", "data/templates/report.html": "<p>\n"}
    for name, n in (("sqlenv", 8), ("agent", 5)):
        files[f"data/sources/{name}/rows.jsonl"] = "".join(f'{{"row": "{name} {i}"}}\n' for i in range(n))
        files[f"data/sources/{name}/source.yaml"] = (
            f"kind: files\nid: toy/{name}\nrevision: made-here\nlicence: CC0-1.0\ndescription: Rows.\npaths: [rows.jsonl]\n"
        )
    files[".gitignore"] = "/.aj/\n/data/raw/\n/data/mix/\n/models/\n"
    for path, text in files.items():
        write(root, path, text)
    write(
        root, ".dvc/config", "[core]\n    remote = beside\n    analytics = false\n['remote \"beside\"']\n    url = ../../remote\n"
    )
    repro(root)
    push(root)
    commit(root, "Toy: the first run")


def copy(made: Path, to: Path) -> Path:
    """A project of its own, with a remote beside it that has everything, into an empty folder."""
    root = shutil.copytree(made, to / "project", symlinks=True)
    shutil.copytree(made.with_name("remote"), to / "remote")
    return root


def push(root: Path) -> None:
    """`dvc push`."""
    from dvc.repo import Repo

    with contextlib.chdir(root), Repo(str(root)) as repo:
        repo.push()


def said(*command: str) -> tuple[int, str]:
    """Exit code of `aj …`, and everything it printed."""
    from aj.cli import main

    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        code = main(command)
    return code, text.getvalue()


def tag(root: Path, number: str, *flavours: str) -> None:
    """Annotated tags, as a release makes them."""
    for flavour in flavours or ("lora", "merged", "q4km"):
        git(root, "tag", "-a", "-m", "released", f"AJ-Toy-v{number}-{flavour}")
