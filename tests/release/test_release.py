"""A release of a real project: what it makes, what it refuses, and what differs between two."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aj.commands.release import gate
from aj.release import publish
from aj.release.errors import ReleaseError
from aj.release.verdict import Verdict
from aj.tracking import mlflow_client
from tests.release import project

FLAVOURS = ("lora", "merged", "q4km", "mix")


def passing(root: Path, candidate: str, baseline: str | None) -> Verdict:
    """A gate that says what it was asked."""
    return Verdict(True, (f"compared {candidate} with {baseline}",))


def failing(root: Path, candidate: str, baseline: str | None) -> Verdict:
    """A gate that a worse model meets."""
    return Verdict(False, ("unseen.accuracy fell by 0.3",))


def release(root: Path, **given: object) -> publish.Published:
    """`aj release` with a gate that passes."""
    with contextlib.chdir(root):
        return publish.publish(root, **{"gate": passing, **given})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def released(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = project.copy(made, tmp_path_factory.mktemp("released"))
    release(root)
    yield root


@pytest.fixture
def candidate(made: Path, tmp_path: Path) -> Path:
    return project.copy(made, tmp_path)


def refused(root: Path, **given: object) -> str:
    """The sentence of a refusal that left no tag behind."""
    before = project.git(root, "tag")
    with pytest.raises(ReleaseError) as caught:
        release(root, **given)
    assert project.git(root, "tag") == before
    return str(caught.value)


def test_every_flavour_has_an_annotated_tag_of_its_exact_name_and_one_of_gto(released: Path) -> None:
    tags = project.git(released, "for-each-ref", "refs/tags", "--format=%(refname:short) %(objecttype)").splitlines()
    wanted = [f"AJ-Toy-v0.1.0-{f}" for f in FLAVOURS] + [f"AJ-Toy-{f}@v0.1.0" for f in FLAVOURS]
    assert sorted(tags) == sorted(f"{name} tag" for name in wanted)
    message = project.git(released, "tag", "-l", "--format=%(contents)", "AJ-Toy-v0.1.0-q4km")
    assert "models/gguf/q4km" in message and "first release of Toy" in message


def test_gto_shows_it_and_dvc_gets_it_from_a_clone(released: Path, tmp_path: Path) -> None:
    shown = subprocess.run(
        [Path(sys.executable).with_name("gto"), "show"], cwd=released, capture_output=True, text=True, check=True
    ).stdout
    assert all(f"AJ-Toy-{flavour}" in shown for flavour in FLAVOURS) and shown.count("v0.1.0") == len(FLAVOURS)
    (tmp_path / "remote").symlink_to(released.parent / "remote")
    clone, got = tmp_path / "project", tmp_path / "got"
    project.git(tmp_path, "clone", "-q", str(released), str(clone))
    get = [sys.executable, "-m", "dvc", "artifacts", "get", str(clone), "AJ-Toy-q4km", "--rev", "v0.1.0", "-o", str(got)]
    subprocess.run(get, cwd=tmp_path, capture_output=True, check=True)
    assert (got / "model.gguf").read_bytes() == (released / "models/gguf/q4km/model.gguf").read_bytes()


def test_mlflow_has_a_version_of_every_flavour_whose_source_is_in_the_remote(released: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(registry_uri=mlflow_client.uri(released), tracking_uri=mlflow_client.uri(released))
    for flavour in FLAVOURS:
        (version,) = client.search_model_versions(f"name = 'AJ-Toy-{flavour}'")
        assert version.tags["aj.name"] == f"AJ-Toy-v0.1.0-{flavour}"
        assert version.tags["aj.commit"] == project.git(released, "rev-parse", "HEAD")
        assert Path(version.source).is_file()
        assert version.description == (released / ".aj/release/AJ-Toy-v0.1.0.md").read_text()


def test_the_card_holds_facts_of_the_commit(released: Path) -> None:
    card = (released / ".aj/release/AJ-Toy-v0.1.0.md").read_text()
    commit = project.git(released, "rev-parse", "HEAD")
    for fact in (
        'license: "Apache-2.0"', f"compared {commit} with None", "| toy-base |", "| sqlenv | toy/sqlenv | made-here | CC0-1.0 | 50.0% | 6 | 50.0% |",
        "| unseen.accuracy | 6 | 0.50 (0.20 to 0.80) |", "| lora_r | 16 |", "| torch | ==2.15.0 |", "| AJ-Toy-v0.1.0-q4km | models/gguf/q4km |",
    ):  # fmt: skip
        assert fact in card, fact
    assert "pytest" not in card


def test_a_second_release_of_the_same_state_is_refused(released: Path) -> None:
    said = refused(released)
    assert "nothing that is released has changed since AJ-Toy-v0.1.0" in said and "tag AJ-Toy-" in said


def test_a_release_needs_a_gate_that_passes(candidate: Path) -> None:
    assert "unseen.accuracy fell by 0.3" in refused(candidate, gate=failing)
    assert not project.git(candidate, "tag")
    release(candidate)
    commit = project.git(candidate, "rev-parse", "HEAD").strip()
    assert f"compared {commit} with None" in (candidate / ".aj/release/AJ-Toy-v0.1.0.md").read_text()


def test_the_gate_of_the_command_fails_what_was_never_evaluated(candidate: Path) -> None:
    project.write(candidate, "data/gate.yaml", (Path(__file__).parents[2] / "data/gate.yaml").read_text())
    project.commit(candidate, "rules")
    said = refused(candidate, gate=gate)
    assert "the gate failed" in said and "metrics/transcripts/q4km.jsonl" in said


def test_all_refusals_are_said_at_once(candidate: Path) -> None:
    project.edit(candidate, "params.yaml", "lora_r: 16", "lora_r: 8")
    project.commit(candidate, "not run")
    project.write(candidate, "stray.txt", "x")
    project.edit(candidate, "dvc.yaml", "AJ-Toy-lora", "AJ-Toy-lore")
    for file in (candidate.parent / "remote").rglob("*.dir"):
        file.unlink()
    said = refused(candidate)
    assert "the tree is dirty (2 files" in said
    assert "dvc.lock is behind the files (1 places; parameter lora_r is 8 here, 16 in dvc.lock (sft))" in said
    assert "outputs are not in the remote" in said
    assert said.count("declares no artifact") == 0  # what is judged is the commit, and there dvc.yaml is whole
    project.commit(candidate, "renamed")
    assert "dvc.yaml declares no artifact AJ-Toy-lora with path models/grpo" in refused(candidate)


def test_a_wrong_number_and_a_gguf_with_an_old_label_are_refused(released: Path, tmp_path: Path) -> None:
    root = project.copy(released, tmp_path)
    project.edit(root, "params.yaml", "lora_r: 16", "lora_r: 8")
    project.repro(root)
    project.push(root)
    project.commit(root, "lora_r")
    assert "version 0.1.0 in params.yaml is smaller than the change implies: write 0.1.1" in refused(root)
    project.edit(root, "params.yaml", "version: 0.1.0", "version: 0.1.1")
    project.commit(root, "number without a run")
    assert "version is 0.1.1 in params.yaml, but quantize@q4km wrote 0.1.0 into its files" in refused(root)
    project.repro(root)
    project.push(root)
    project.commit(root, "run")
    made = release(root)
    assert [str(name) for name in made.names] == ["AJ-Toy-v0.1.1-lora", "AJ-Toy-v0.1.1-merged", "AJ-Toy-v0.1.1-q4km"]
    assert "The mix they learned from is AJ-Toy-v0.1.0-mix." in made.card.read_text()
    with contextlib.chdir(root):
        code, said = project.said("diff", "v0.1.0", "v0.1.1")
    assert code == 0 and said.startswith("From AJ-Toy v0.1.0 (")
    assert "Parameter lora_r changed from 16 to 8, in sft (patch).\n" in said
    assert "As many rows as before from agent, sqlenv.\n" in said


def test_what_fails_half_way_leaves_nothing(candidate: Path) -> None:
    (candidate / ".aj").mkdir(exist_ok=True)
    (candidate / ".aj/mlflow.db").write_bytes(b"this is no database" * 100)
    assert "nothing was released" in refused(candidate)
    (candidate / ".aj/mlflow.db").unlink()
    project.git(candidate, "tag", "AJ-Toy-mix@v0.1.0", "-m", "somebody's own")
    assert "tag AJ-Toy-mix@v0.1.0 exists already" in refused(candidate)


def test_diff_says_what_moved_in_sentences(candidate: Path) -> None:
    project.tag(candidate, "0.1.0")
    project.edit(candidate, "params.yaml", "total: 12", "total: 8")
    project.edit(
        candidate, "stages/eval.sh", '"unseen.accuracy": 0.5, "unseen.low": 0.2', '"unseen.accuracy": 0.7, "unseen.low": 0.6'
    )
    project.edit(candidate, "pyproject.toml", "torch==2.15.0", "torch==2.15.1")
    project.write(candidate, "docs/page.md", "Other.\n")
    project.repro(candidate)
    with contextlib.chdir(candidate):
        code, said = project.said("diff", "v0.1.0")
    assert code == 0
    assert "Source agent has 2 rows fewer in training (6 -> 4); it brought 6 and now brings 6.\n" in said
    assert "Pin of torch changed from ==2.15.0 to ==2.15.1, in sft (patch).\n" in said
    assert (
        "q4km: unseen.accuracy rose from 0.50 (0.20 to 0.80), n = 6, to 0.70 (0.60 to 0.80), n = 6; the intervals overlap.\n"
        in said
    )
    assert "docs/page.md" in said and "stages/eval.sh" in said
