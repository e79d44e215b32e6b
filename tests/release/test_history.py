"""A history of commits in a real project: what each asks of the number, and why."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.release import project

Edit = Callable[[Path], None]


def sub(path: str, old: str, new: str) -> Edit:
    """An edit of one place in one file."""
    return lambda root: project.edit(root, path, old, new)


def add(path: str, line: str) -> Edit:
    """A line more at the end of a file."""
    return lambda root: project.write(root, path, (root / path).read_text() + line)


@dataclass(frozen=True)
class Step:
    """One commit: its edits, whether the pipeline runs, the bump it asks for, and words of the reason."""

    name: str
    edits: tuple[Edit, ...]
    level: str
    words: tuple[str, ...]
    run: bool = True
    release: bool = True
    mix: str = "stays"


SCALE = ("params.yaml", "lora_r: 16", "lora_r: 8")
STEPS = (
    Step("only docs", (add("docs/page.md", "More.\n"),), "none", ("files that no stage of the release reads", "docs/page.md"), run=False),
    Step("only pytest's pin", (sub("pyproject.toml", "pytest==9.2.0", "pytest==9.2.1"),), "none", ("pyproject.toml",)),
    Step("only eval", (sub("params.yaml", "episodes: 6", "episodes: 7"), add("stages/eval.sh", "echo\n")), "none", ("stages/eval.sh",)),
    Step("lora_r", (sub(*SCALE),), "patch", ("parameter lora_r: 16 -> 8 (sft)",)),
    Step("base", (sub("params.yaml", "id: toy-base", "id: other-base"),), "major", ("parameter base.id: toy-base -> other-base (download_base)",)),
    Step("pretraining", (sub("params.yaml", "layers: 2", "layers: 3"),), "major", ("parameter pretrain.layers: 2 -> 3 (download_base)",)),
    Step("template", (add("data/templates/chatml.jinja", "{{ tools }}\n"),), "major", ("template data/templates/chatml.jinja (download_base)",)),
    Step("a page beside the template", (add("data/templates/report.html", "<b>\n"),), "none", ("no byte of what is released", "report.html")),
    Step("mix share", (sub("params.yaml", "sqlenv:\n    share: 0.5", "sqlenv:\n    share: 0.25"),), "minor", ("parameter sources.sqlenv.share: 0.5 -> 0.25 (prepare_mix)",), mix="minor"),
    Step("a row", (add("data/sources/agent/rows.jsonl", '{"row": "one more"}\n'),), "minor", ("file data/sources/agent/rows.jsonl: 5 rows -> 6 rows (download@agent)",), mix="minor"),
    Step("a row that is not taken", (add("data/sources/sqlenv/rows.jsonl", '{"row": "last"}\n'),), "none", ("no byte of what is released", "8 rows -> 9 rows")),
    Step("training pin", (sub("pyproject.toml", "torch==2.15.0", "torch==2.15.1"),), "patch", ("pin torch: ==2.15.0 -> ==2.15.1 (sft)",)),
    Step("a stage's code", (sub("stages/dpo.sh", "md5sum <", "sha1sum <"),), "patch", ("code stages/dpo.sh (dpo)",)),
    Step("a comment in shared code", (add("aj/shared.py", "# said\n"),), "none", ("no byte of what is released", "code aj/shared.py")),
    Step("shared code", (sub("aj/shared.py", "x = 1", "x = 2"),), "major", ("code aj/shared.py (download_base, sft)",)),
    Step("two at once", (sub("params.yaml", "learning_rate: 2e-3", "learning_rate: 1e-4"), sub("params.yaml", "total: 12", "total: 10")), "minor", ("minor: data mix", "parameter mix.total: 12 -> 10 (prepare_mix)", "parameter sft.learning_rate: 0.002 -> 0.0001 (sft)"), mix="minor"),
    Step("a change", (sub("params.yaml", "lora_r: 8", "lora_r: 4"),), "patch", ("parameter lora_r: 8 -> 4 (sft)",), release=False),
    Step("its revert", (sub("params.yaml", "lora_r: 4", "lora_r: 8"),), "none", ("stays",)),
    Step("a change that did not run", (sub("params.yaml", "lora_r: 8", "lora_r: 4"),), "patch", ("parameter lora_r: 8 -> 4 (sft)", "not known yet", "parameter lora_r is 4 here, 8 in dvc.lock (sft)"), run=False, release=False),
    Step("the seed", (sub("params.yaml", "lora_r: 4", "lora_r: 8"), sub("params.yaml", "seed: 17", "seed: 18")), "patch", ("parameter seed: 17 -> 18 (sft)",)),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What the commands said at a commit; a check is (exit code, output)."""

    released: str
    required: str
    next: str
    same: tuple[int, str]
    """check with the released number"""
    right: tuple[int, str]
    larger: tuple[int, str]


def bump(number: str, level: str) -> str:
    """Written out once more, apart from the code that is tested."""
    major, minor, patch = map(int, number.split("."))
    return {
        "major": f"{major + 1}.0.0",
        "minor": f"{major}.{minor + 1}.0",
        "patch": f"{major}.{minor}.{patch + 1}",
        "none": number,
    }[level]


@pytest.fixture(scope="module")
def outcomes(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    root = project.copy(made, tmp_path_factory.mktemp("history"))
    project.tag(root, "0.1.0", "lora", "merged", "q4km", "mix")
    released, found = "0.1.0", {}
    with contextlib.chdir(root):
        for step in STEPS:
            for change in step.edits:
                change(root)
            if step.run:
                project.repro(root)
            project.commit(root, step.name)
            required, said = bump(released, step.level), project.said("version", "next")[1]

            def check(number: str, at: str = released) -> tuple[int, str]:
                text = (root / "params.yaml").read_text()
                project.edit(root, "params.yaml", f"version: {at}", f"version: {number}")
                answer = project.said("version", "check")
                project.write(root, "params.yaml", text)
                return answer

            found[step.name] = Outcome(released, required, said, check(released), check(required), check(bump(required, "patch")))
            if step.release and step.level != "none":
                project.edit(root, "params.yaml", f"version: {released}", f"version: {required}")
                project.commit(root, f"Release {required}")
                project.tag(root, required)
                released = required
    return found


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_next_gives_the_bump_and_its_reason(outcomes: dict[str, Outcome], step: Step) -> None:
    was = outcomes[step.name]
    model = was.next.partition("\nmix: ")[0]
    moved = f"v{was.released} stays" if step.level == "none" else f"v{was.released} -> v{was.required} ({step.level})"
    assert model.startswith(f"model: {moved}")
    for word in step.words:
        assert word in model


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_check_passes_on_the_required_number_alone(outcomes: dict[str, Outcome], step: Step) -> None:
    was = outcomes[step.name]
    assert was.right[0] == 0 and f"version {was.required} is what the change implies" in was.right[1]
    assert was.larger[0] == 1 and "is larger than the change implies" in was.larger[1]
    if step.level != "none":
        assert was.same[0] == 1 and f"version {was.released} in params.yaml is smaller" in was.same[1]


def test_the_mix_keeps_its_number_while_its_rows_stay(outcomes: dict[str, Outcome]) -> None:
    mix = {name: was.next.partition("\nmix: ")[2] for name, was in outcomes.items()}
    for name in ("only docs", "only eval", "lora_r", "base"):
        assert mix[name].startswith("v0.1.0 stays"), mix[name]
    # The base moved before, and reached the rows only now: it is a cause of the mix too, and the largest.
    assert mix["mix share"].startswith("v0.1.0 -> v1.0.0 (major)")
    assert "base.id" in mix["mix share"] and "sources.sqlenv.share" in mix["mix share"] and "lora_r" not in mix["mix share"]
