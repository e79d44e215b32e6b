"""`aj gate` in a repository with git and DVC, as a person types it."""

import json
import math
import shutil
from pathlib import Path

import pytest

from aj.cli import main
from aj.gate import rules
from aj.gate.page import markdown
from aj.gate.verdict import judge
from tests.gate.world import RULES, Form, InMemory, Project, question, task


def gate(capsys: pytest.CaptureFixture[str], rev: str = "HEAD", *more: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["gate", "--against", rev, *more])
    said = capsys.readouterr()
    return code, said.out, said.err


def with_wrong(numbers: range, count: int = 60) -> Form:
    return Form([question(n, right=n not in numbers) for n in range(count)])


def test_an_unchanged_model_passes_and_the_page_says_what_was_asked(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = project.record()
    project.record()
    code, page, err = gate(capsys, first, "--markdown", "out/gate.md", "--json", "out/gate.json")
    assert (code, err) == (0, "")
    assert page.startswith("## Gate: passes\n") and "5 rules, 0 failed. Over its 3 comparisons" in page and "at most 5%" in page
    assert (
        "| pass | q4km | tool_calls.valid (higher is better) | merged | 1 | 1 | 14 | 1 | drop at most 0.05, n at least 12 |"
        in page
    )
    assert (project.root / "out/gate.md").read_text() == page
    assert [v["status"] for v in json.loads((project.root / "out/gate.json").read_text())] == ["pass"] * 5


def test_a_worse_model_fails_and_the_lost_items_are_listed(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = project.record(with_wrong(range(50, 60)), with_wrong(range(50, 60)))
    project.record(with_wrong(range(0, 40)), with_wrong(range(0, 40)))
    code, page, err = gate(capsys, first)
    assert (
        code == 1
        and "## Gate: fails" in page
        and "merged, unseen_schemas.accuracy (worse): a drop of 0.5 is more than 0.02" in page
    )
    assert (
        "40 items lost, 10 won" in page
        and "| unseen_schemas-0000 | what is the cost of 0? | 1 | 0 |" in page
        and "40 more" in page
    )
    assert "1 of 5 rules failed, the first is unseen_schemas.accuracy of merged" in err
    assert "**fail** q4km" not in page  # it is no worse than its merged


def test_a_review_carries_the_verdict(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.record()
    project.git("switch", "-q", "-c", "change")
    project.record(with_wrong(range(0, 40)), with_wrong(range(0, 40)))
    capsys.readouterr()
    assert main(["review", "--against", "main"]) == 1
    said = capsys.readouterr()
    assert "## Gate: fail\n" in said.out and "merged, unseen_schemas.accuracy (worse)" in said.out
    assert said.err == "error: the gate failed: the page says which rule.\n"
    project.record()
    capsys.readouterr()
    assert main(["review", "--against", "main"]) == 0
    assert "## Gate: pass\n" in capsys.readouterr().out


def test_an_improvement_passes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = project.record(with_wrong(range(0, 40)), with_wrong(range(0, 40)))
    project.record()
    code, page, _ = gate(capsys, first)
    assert code == 0 and "0 items lost, 40 won" in page


def test_a_drop_that_chance_explains_passes_and_is_said(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = project.record()
    project.record(with_wrong(range(0, 3)), with_wrong(range(0, 3)))
    code, page, _ = gate(capsys, first)
    assert code == 0 and "a drop of 0.05 is more than 0.02, and chance explains it (p = 0.38)" in page


def test_a_quantization_that_breaks_tool_calls_fails(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = project.record()
    broken = Form(tasks=[task(n, passed=False, said='<tool_call>{"name": "bash", "argu') for n in range(14)])
    project.record(q4km=broken)
    code, page, err = gate(capsys, first)
    assert (
        code == 1 and "q4km, tool_calls.valid (worse): a drop of 1 is more than 0.05" in page and "14 items lost, 0 won" in page
    )
    assert "tool_calls.valid of q4km" in err


@pytest.mark.parametrize(("more", "said"), [
    ({"mean_kl": math.nan}, "(not_a_number): mean_kl in metrics/eval_q4km.json of the working tree is nan"),
    ({"mean_kl": None}, "(missing): metrics/eval_q4km.json of the working tree has no 'mean_kl'"),
    ({"mean_kl": 0.2}, "(beyond_limit): mean_kl is 0.2, it must be at most 0.05 (lower is better)"),
    ({"top1_agreement": 0.8}, "(beyond_limit): top1_agreement is 0.8, it must be at least 0.9 (higher is better)"),
    ({"top1_agreement": "0.99"}, "(not_a_number): top1_agreement"),
    ({"compared_positions": 900}, "(too_few): 900 items, 1000 are asked"),
    ({"unseen_schemas.accuracy": math.nan}, "(not_a_number): unseen_schemas.accuracy"),
    ({"unseen_schemas.accuracy": 0.9}, "(mismatch): metrics/eval_q4km.json of the working tree says unseen_schemas.accuracy 0.9, its episodes say 1"),
])  # fmt: skip
def test_a_number_that_is_missing_not_finite_beyond_its_limit_or_not_the_episodes_own_fails(
    tmp_path: Path, more: dict, said: str
) -> None:
    (tmp_path / "gate.yaml").write_text(RULES)
    asked = rules.read(tmp_path / "gate.yaml")
    side = InMemory({"merged": Form(), "q4km": Form(more=more)})
    verdicts = judge(asked.comparisons, asked.limits, asked.level, side, side)
    assert said in markdown(verdicts, "now", "then", asked.level) and any(v.status == "fail" for v in verdicts)


def test_nan_and_a_missing_number_in_the_file_fail(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.record(q4km=Form(more={"mean_kl": math.nan, "top1_agreement": None}))
    assert "NaN" in (project.root / "metrics/eval_q4km.json").read_text()
    code, page, _ = gate(capsys)
    assert code == 1 and "(not_a_number): mean_kl in metrics/eval_q4km.json of the working tree is nan" in page
    assert "(missing): metrics/eval_q4km.json of the working tree has no 'top1_agreement'" in page


def test_a_missing_file_a_small_n_and_a_crashed_check_fail(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = project.record(Form([question(n) for n in range(30)]))
    (project.root / "metrics/eval_q4km.json").unlink()
    code, page, _ = gate(capsys, first)
    assert code == 1 and "(missing): metrics/eval_q4km.json is not in the working tree" in page
    assert "merged, unseen_schemas.accuracy (too_few): 30 items are on both sides (0 on one), 40 are asked." in page
    project.record(q4km=Form(tasks=[task(n, codes={"sql_compiles": ["validator_crashed"]}) for n in range(14)]))
    code, page, _ = gate(capsys, first)
    assert code == 1 and "(crashed): a check crashed on 14 tasks of q4km" in page


def test_so_few_clusters_that_nothing_could_be_told_fail(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    one = Form([question(n, database="one") for n in range(60)])
    first = project.record(one, one)
    code, page, _ = gate(capsys, first)
    assert code == 1 and "(too_few): 60 items in 1 clusters: the smallest p is 0.5, above 0.05 / 3" in page


def test_episodes_that_are_nowhere_are_a_failure_and_the_remote_brings_them(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.dvc("remote", "add", "--local", "-d", "kept", str(project.root.parent / f"{project.root.name}-remote"))
    first = project.record()
    assert project.dvc("push") == 0
    project.record(with_wrong(range(0, 3)))
    remote = (project.root / ".dvc/config.local").read_text()
    (project.root / ".dvc/config.local").write_text("")
    shutil.rmtree(project.root / ".dvc/cache/files")
    code, page, _ = gate(capsys, first)
    assert (
        code == 1 and f"(missing): metrics/transcripts/merged.jsonl of {first} is neither in the cache nor in the remote" in page
    )
    assert "`dvc fetch --all-commits metrics/transcripts/merged.jsonl`" in page
    (project.root / ".dvc/config.local").write_text(remote)
    code, page, _ = gate(capsys, first)
    assert code == 0 and "3 items lost, 0 won" in page


def test_episodes_that_were_changed_by_hand_fail(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    first = project.record(with_wrong(range(0, 3)), with_wrong(range(0, 3)))
    file = project.root / "metrics/transcripts/merged.jsonl"
    file.unlink()  # it may be a link into the cache
    file.write_text("".join(json.dumps(question(n)) + "\n" for n in range(60)))
    code, page, _ = gate(capsys, first)
    assert (
        code == 1
        and "(changed): metrics/transcripts/merged.jsonl of the working tree does not have the hash in its dvc.lock" in page
    )


def test_a_revision_that_is_none_gives_one_sentence(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    project.record()
    code, _, err = gate(capsys, "v9.9.9")
    assert code == 1 and "revision 'v9.9.9' cannot be read" in err and "fetch --unshallow" in err
