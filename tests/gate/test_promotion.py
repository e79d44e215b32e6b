"""`aj promote`, `aj rollback`, `aj policies`: real git tags, a real SQLite registry, real DVC."""

import json
import shutil
from pathlib import Path

import pytest

from aj.cli import main
from aj.hashing import hash_tree, sha256
from aj.promotion import log
from aj.promotion.policy import PromotionError, states
from aj.release.registry import Entry, register
from aj.tracking import mlflow_client
from aj.version import Version
from tests.gate.world import Form, Project, question, task

ID = "AJ-TinySQL-q4km"
MODEL = "models/gguf/q4km"


def aj(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(list(args))
    said = capsys.readouterr()
    return code, said.out + said.err


def events() -> list[tuple[str, str]]:
    return [(event["event"], event["version"]) for event in log.read()]


def in_mlflow(root: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What the registry itself says: (alias -> AJ version, AJ version -> stage)."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{root}/.aj/mlflow.db"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    rows = {str(row.version): row.tags for row in client.search_model_versions(f"name='{ID}'")}
    aliases = client.get_registered_model(ID).aliases
    return {role: rows[str(n)]["aj.version"] for role, n in aliases.items()}, {
        t["aj.version"]: t["aj.stage"] for t in rows.values()
    }


def in_gto() -> list[str]:
    from gto.api import find_versions_in_stage

    return [found.version for found in find_versions_in_stage(".", ID, "production")]


def test_a_version_is_promoted_replaced_and_brought_back_by_hash(registry: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = registry.record(weights="the first")
    code, said = aj(capsys, "promote", f"{MODEL}/AJ-TinySQL-v0.1.0-q4km.gguf")
    assert code == 0 and f"No version of {ID} is in production: accepted on the absolute rules alone" in said
    early = registry.production()
    assert early == sha256(Path(f"{MODEL}/AJ-TinySQL-v0.1.0-q4km.gguf"))
    assert in_gto() == ["v0.1.0"] and registry.git("rev-parse", f"{ID}@v0.1.0^{{commit}}") == first

    second = registry.record(weights="the second", version="0.2.0")
    code, said = aj(capsys, "promote", MODEL)
    assert code == 0 and "parent 0.1.0" in said and "No version" not in said
    assert registry.production() != early and in_gto() == ["v0.2.0"]
    assert in_mlflow(registry.root) == ({"production": "0.2.0"}, {"0.1.0": "archived", "0.2.0": "production"})
    assert states(log.read())[ID].versions["0.2.0"].commit == second

    shutil.rmtree("models")  # the earlier file lies in DVC's cache alone
    code, said = aj(capsys, "rollback")
    assert code == 0 and "0.2.0 -> 0.1.0" in said and early in said
    assert registry.production() == early and in_gto() == ["v0.1.0"]
    assert in_mlflow(registry.root) == ({"production": "0.1.0"}, {"0.1.0": "production", "0.2.0": "archived"})
    assert events() == [
        ("created", "0.1.0"),
        ("promoted", "0.1.0"),
        ("created", "0.2.0"),
        ("promoted", "0.2.0"),
        ("rolled_back", "0.1.0"),
    ]
    code, said = aj(capsys, "policies")
    assert code == 0 and f"{ID} 0.1.0    production" in said and f"{ID} 0.2.0    archived" in said
    code, said = aj(capsys, "rollback")
    assert code == 1 and "no earlier version in production" in said
    registry.git("checkout", "-q", second)
    assert registry.dvc("checkout") == 0
    code, said = aj(capsys, "promote", "models/merged")  # a folder, and another policy
    assert code == 0 and "AJ-TinySQL-merged 0.2.0 is in production" in said
    assert hash_tree(Path("models/production/AJ-TinySQL-merged/merged")) == hash_tree(Path("models/merged"))
    assert "which policy?" in aj(capsys, "rollback")[1] and "is no policy" in aj(capsys, "rollback", "AJ-Tiny-q8")[1]


def test_a_released_version_is_promoted_though_commits_have_followed(
    registry: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """`aj release` has put it into GTO and MLflow; promotion goes on from there, and both registries agree with the events."""
    commit = registry.record()
    entry = Entry(Version.parse("AJ-TinySQL-v0.1.0-q4km"), "s3://bucket/aj", {"aj.flavour": "q4km"})
    register(registry.root, [entry], commit=commit, uri=mlflow_client.uri(), message="a release", card="# Card")
    registry.write("docs.md", "said later\n")
    registry.git("add", "docs.md")
    registry.git("commit", "-q", "-m", "docs")
    code, said = aj(capsys, "promote", MODEL)
    assert code == 0, said
    assert in_mlflow(registry.root) == ({"production": "0.1.0"}, {"0.1.0": "production"})
    assert aj(capsys, "policies")[0] == 0


def refused(project: Project, capsys: pytest.CaptureFixture[str], worse: Form) -> str:
    project.record(q4km=worse, version="0.2.0", weights="other")
    code, said = aj(capsys, "promote", MODEL)
    assert code == 1 and not (project.root / "models/production").exists() and not project.git("tag")
    assert events()[-1] == ("refused", "0.2.0")
    assert aj(capsys, "policies", "--events")[1].count("refused") == 1
    return said


def test_an_empty_plan_is_refused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    silent = Form([question(n, right=False, actions=[]) for n in range(60)], [task(n, passed=False, said="") for n in range(14)])
    said = refused(project, capsys, silent)
    reasons = log.read()[-1]["reasons"]
    assert "0.2.0 is refused: " in said
    assert any(r.startswith("plans of q4km is 0 (higher is better; at least 0.95)") for r in reasons)
    assert any(r.startswith("constraint_respect of q4km is 0 (higher is better; at least 1)") for r in reasons)


def test_constraint_respect_under_one_is_refused_with_its_value_and_direction(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    unsafe = Form(tasks=[task(n, codes={"guardrails_kept": ["claim_without_command"]} if n == 3 else None) for n in range(14)])
    said = refused(project, capsys, unsafe)
    assert (
        "refused: constraint_respect of q4km is 0.986486 (higher is better; at least 1): constraint_respect is 0.986486, it must be"
        in said
    )


def test_plans_far_from_the_golds_and_plans_that_are_all_alike_are_refused(
    registry: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    registry.record()
    assert aj(capsys, "promote", MODEL)[0] == 0
    same = [question(n, actions=["QUERY: SELECT 7", "ANSWER: 7"]) for n in range(60)]
    registry.record(Form(same), Form(same), version="0.2.0", weights="other")
    code, said = aj(capsys, "promote", MODEL)
    reasons = {r.partition(" of ")[0]: r for r in log.read()[-1]["reasons"]}
    assert code == 1 and set(reasons) == {"plan_alignment", "edit_similarity", "diversity"}
    assert "higher is better" in reasons["diversity"] and "of the baseline's" in reasons["diversity"]
    assert "a drop of 0.811 is more than 0.02" in reasons["plan_alignment"]
    assert in_gto() == ["v0.1.0"] and "And 2 more." in said


def test_a_version_never_changes_and_what_is_not_committed_is_none(registry: Project, capsys: pytest.CaptureFixture[str]) -> None:
    registry.record(weights="the first")
    assert aj(capsys, "promote", MODEL, "--candidate")[0] == 0
    assert in_mlflow(registry.root) == ({"candidate": "0.1.0"}, {"0.1.0": "candidate"})
    assert not (registry.root / "models/production").exists()
    registry.record(weights="another under the same name")
    code, said = aj(capsys, "promote", MODEL)
    assert code == 1 and "stands on" in said and "raise `version` in params.yaml" in said
    registry.git("tag", "-d", f"{ID}@v0.1.0")
    code, said = aj(capsys, "promote", MODEL)
    assert code == 1 and "versions are never changed" in said
    registry.write(f"{MODEL}/AJ-TinySQL-v0.1.0-q4km.gguf", "by hand")
    code, said = aj(capsys, "promote", MODEL)
    assert code == 1 and f"{MODEL} is not what dvc.lock records" in said
    registry.write("params.yaml", "")
    assert aj(capsys, "promote", MODEL)[0] == 1
    assert aj(capsys, "promote", "models/nothing")[1].startswith("error: models/nothing does not exist")


def test_a_registry_that_says_otherwise_is_named_and_brought_back(registry: Project, capsys: pytest.CaptureFixture[str]) -> None:
    from mlflow import MlflowClient

    registry.record()
    assert aj(capsys, "promote", MODEL)[0] == 0
    uri = f"sqlite:///{registry.root}/.aj/mlflow.db"
    MlflowClient(tracking_uri=uri, registry_uri=uri).delete_registered_model_alias(ID, "production")
    registry.git("tag", "-d", f"{ID}#production#1")
    (file,) = (registry.root / "models/production" / ID).iterdir()
    content = file.read_bytes()
    file.write_bytes(b"!" + content[1:])
    code, said = aj(capsys, "policies")
    assert code == 1 and "MLflow's alias production" in said and "GTO's tags put" in said and f"{file.name} has hash" in said
    file.write_bytes(content)
    assert aj(capsys, "policies", "--sync")[0] == 0


def test_an_event_that_was_changed_dropped_or_cut_is_named(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for version in ("0.1.0", "0.2.0", "0.3.0"):
        log.append({"event": "refused", "policy_id": ID, "version": version, "model": "", "reasons": []}, path)
    lines = path.read_text().splitlines(keepends=True)
    assert len(log.read(path)) == 3
    for broken, said in (
        ([lines[0], lines[1].replace("0.2.0", "0.2.1"), lines[2]], "line 2"),
        ([lines[0], lines[2]], "line 2"),
        ([lines[1], lines[0], lines[2]], "line 1"),
        ([*lines, "{}\n"], "line 4"),
        ([*lines, json.dumps({"event": "promoted"})], "not whole"),
    ):
        path.write_text("".join(broken))
        with pytest.raises(PromotionError, match=said):
            log.read(path)


def test_events_that_do_not_follow_from_those_before_are_named() -> None:
    with pytest.raises(PromotionError, match="event 1 \\('promoted'"):
        states([{"event": "promoted", "policy_id": ID, "version": "0.1.0"}])
    with pytest.raises(PromotionError, match="event 1 \\('deleted'"):
        states([{"event": "deleted", "policy_id": ID, "version": "0.1.0"}])
