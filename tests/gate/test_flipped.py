"""`aj diff` names the evaluated items that flipped, from the episodes of both sides."""

import shutil

from aj.release.flipped import sentences
from aj.release.snapshot import Snapshot
from tests.gate.world import Form, Project, question, task


def form(*wrong: int, failed: tuple[int, ...] = ()) -> Form:
    """A form that answered some questions wrong and failed some tasks."""
    return Form([question(n, right=n not in wrong) for n in range(60)], [task(n, passed=n not in failed) for n in range(14)])


def test_items_that_flipped_are_named_by_metric_and_direction(project: Project) -> None:
    a = project.record(q4km=form(5, 6))
    b = project.record(q4km=form(6, 7, 8, failed=(3,)))
    said = list(sentences(Snapshot.of(project.root, a), Snapshot.of(project.root, b)))
    assert said == [
        "q4km: unseen_schemas.accuracy: 2 of 60 items are wrong now and were not: "
        "unseen_schemas-0007 ('what is the cost of 7?'), unseen_schemas-0008 ('what is the cost of 8?').",
        "q4km: unseen_schemas.accuracy: 1 of 60 items are right now and were not: unseen_schemas-0005 ('what is the cost of 5?').",
        "q4km: tasks.pass_rate: 1 of 14 items are wrong now and were not: task3 ('list /srv, 3').",
    ]
    assert list(sentences(Snapshot.of(project.root, b), Snapshot.of(project.root))) == []


def test_episodes_that_cannot_be_had_are_said_with_the_way_to_bring_them(project: Project) -> None:
    a = project.record(q4km=form(5))
    b = project.record(q4km=form(6))
    shutil.rmtree(project.root / ".dvc/cache")
    (sentence,) = sentences(Snapshot.of(project.root, a), Snapshot.of(project.root, b))
    assert sentence.startswith("q4km: which items flipped is not known: metrics/transcripts/q4km.jsonl of ")
    assert "dvc fetch --all-commits metrics/transcripts/q4km.jsonl" in sentence
