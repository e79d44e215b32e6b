"""Generated tasks: proved when they are made, distinct, split by template group, and deaf to texts that only look like answers."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from aj.competencies import generate, registry, template
from aj.competencies.draw import Draw, Made
from aj.competencies.generate import draw_tasks
from aj.competencies.judge import judged, prove, replaced
from aj.competencies.registry import FILE, WHERE, Catalogue, Competency, patterns_of, read, tasks_of
from aj.competencies.task import Task, written
from aj.competencies.template import Side, draw_one, groups, side_of
from aj.errors import DataError, ParamsError
from aj.validators.registry import names

each_competency = pytest.mark.parametrize("name", WHERE)


@cache
def catalogue() -> Catalogue:
    return read()


def competency(name: str) -> Competency:
    return next(c for c in catalogue().competencies if c.name == name)


@cache
def samples(name: str) -> list[tuple[Task, Task]]:
    """Of every pattern two tasks with different answers."""
    rng = random.Random(name)
    found = []
    for task, patterns in patterns_of(competency(name)).items():
        for pattern in patterns:
            first = draw_one(catalogue(), competency(name), rng, task, pattern, 0)
            others = (draw_one(catalogue(), competency(name), rng, task, pattern, 1) for _ in range(50))
            found.append((first, next(other for other in others if other.subject != first.subject)))
    return found


def drawn(count: int, *, seed: int = 7, side: Side = "train", of: Catalogue | None = None) -> list[Task]:
    return draw_tasks(of or catalogue(), count, seed=seed, side=side)


@pytest.fixture(scope="module")
def sides() -> Iterator[tuple[list[Task], list[Task]]]:
    """200 held-out tasks and 2,000 to train on. What they prove when they are made is tested on ``samples``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "prove", lambda task: None)
        held_out = drawn(200, side="held_out")
        yield held_out, drawn(2000)


def test_the_catalogue_names_every_competency_that_has_code() -> None:
    assert [c.name for c in catalogue().competencies] == list(WHERE)


@each_competency
def test_every_pattern_has_four_wordings_and_wrong_answers_that_fail_their_rule(name: str) -> None:
    for task, _ in samples(name):
        assert len(tasks_of(name)[task.name][task.pattern].wordings) >= 4, task.pattern
        assert all(score.passed for score in judged(task, task.gold).values()), task.pattern
        assert len(task.rejected) >= 3, task.pattern
        for wrong in task.rejected:
            assert wrong.code in judged(task, replaced(task, wrong))[wrong.validator].codes, (task.pattern, wrong.family)


@each_competency
def test_every_wording_says_something_else(name: str) -> None:
    for task, patterns in patterns_of(competency(name)).items():
        for pattern in patterns:
            asked = set()
            for wording in range(len(tasks_of(name)[task][pattern].wordings)):
                asked.add(draw_one(catalogue(), competency(name), random.Random(1), task, pattern, wording).content)
            assert len(asked) == len(tasks_of(name)[task][pattern].wordings), pattern


@each_competency
def test_a_wrong_answer_in_the_place_of_the_gold_is_caught(name: str) -> None:
    for task, _ in samples(name):
        for wrong in task.rejected:
            with pytest.raises(DataError, match="mend the pattern"):
                prove(replace(task, gold=replaced(task, wrong)))


def test_a_pattern_that_writes_wrong_golds_stops_the_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = {task: dict(patterns) for task, patterns in tasks_of("lakeflow_jobs").items()}
    pattern = tasks["define_job"]["single_task"]

    def spoiled(draw: Draw) -> Made:
        made = pattern.make(draw)
        return replace(made, gold=str(made.gold).replace("notebook_path", "notebook"))

    patterns = tasks["define_job"] | {"single_task": replace(pattern, make=spoiled)}
    monkeypatch.setattr(registry, "tasks_of", lambda _: {"define_job": patterns})
    monkeypatch.setattr(template, "tasks_of", lambda _: {"define_job": patterns})
    jobs = replace(catalogue(), competencies=[competency("lakeflow_jobs")])
    with pytest.raises(DataError, match=r"the gold of lakeflow_jobs/define_job/single_task/\d fails job_definition_valid"):
        drawn(20, of=jobs)


def test_a_rejected_answer_that_is_right_is_caught() -> None:
    task, _ = samples("lakeflow_jobs")[0]
    with pytest.raises(DataError, match=r"the rejected answer .* should fail .* it gave a pass"):
        prove(replace(task, rejected=(replace(task.rejected[0], reply=task.gold[0]),)))


@each_competency
def test_texts_that_only_look_like_answers_fail(name: str) -> None:
    for task, other in samples(name):
        soup = " ".join(sorted(set(re.findall(r"\w+", written(task.gold[0]))) | set(names())))
        for text in ("", "   \n", "# to do", "-- to do", "```\n```", "{}", soup, str(task.messages[-1]["content"])):
            said = ({"role": "assistant", "content": text},)
            assert not all(score.passed for score in judged(task, said).values()), (task.pattern, text)
        assert other.gold == task.gold or not all(score.passed for score in judged(task, other.gold).values()), (
            task.pattern,
            other.gold,
        )


@pytest.mark.parametrize("count", [200, 2000])
def test_as_many_tasks_as_asked_all_distinct_and_evenly_spread(count: int, sides: tuple[list[Task], list[Task]]) -> None:
    tasks = next(side for side in sides if len(side) == count)
    per = Counter(task.competency for task in tasks)
    assert len({task.content for task in tasks}) == len({task.id for task in tasks}) == count
    assert len(per) == len(WHERE) and max(per.values()) - min(per.values()) <= 1


def test_both_sides_share_no_group_no_question_and_no_subject(sides: tuple[list[Task], list[Task]]) -> None:
    held_out, train = sides
    assert {side_of(task) for task in held_out} == {"held_out"} and {side_of(task) for task in train} == {"train"}
    for part in ("group", "content", "subject"):
        assert not {getattr(task, part) for task in held_out} & {getattr(task, part) for task in train}, part


def test_the_same_seed_draws_the_same_tasks_and_another_seed_others() -> None:
    first, again, other = drawn(110), drawn(110), drawn(110, seed=8)
    assert [(task.row(), task.rejected) for task in first] == [(task.row(), task.rejected) for task in again]
    assert len({task.id for task in first} & {task.id for task in other}) < len(first) / 4


@each_competency
def test_every_competency_has_groups_on_both_sides(name: str) -> None:
    apart, rest = groups(catalogue(), competency(name), "held_out"), groups(catalogue(), competency(name), "train")
    assert apart and rest and not set(apart) & set(rest)
    assert {(task, pattern) for task, pattern, _ in apart} == {(task, pattern) for task, pattern, _ in rest}


def test_a_task_comes_back_from_its_row() -> None:
    task, _ = samples("databricks_apps")[0]
    assert Task.of(task.row()) == task


def test_more_than_there_is_is_an_error_that_says_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(catalogue(), words={kind: words[:4] for kind, words in catalogue().words.items()})
    few = replace(few, competencies=[replace(competency("lakeflow_jobs"), patterns=["single_task"])])
    monkeypatch.setattr(generate, "prove", lambda task: None)
    with pytest.raises(DataError, match=r"lakeflow_jobs gives \d+ distinct tasks for held_out"):
        drawn(1000, of=few, side="held_out")


@pytest.mark.parametrize(
    ("there", "wrong"),
    [
        ("write_bundle", "write_bundel"),
        ("two_targets", "two_target"),
        ("openapi_tool_valid", "openapi_tool_ok"),
        ("name: databricks_apps", "name: data_apps"),
    ],
    ids=["task", "pattern", "validator", "competency"],
)
def test_a_name_without_code_is_an_error_that_says_it(there: str, wrong: str, tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8")
    assert text.count(there) == 1
    copy = tmp_path / "competencies.yaml"
    copy.write_text(text.replace(there, wrong), encoding="utf-8")
    with pytest.raises(ParamsError, match=repr(wrong.removeprefix("name: "))):
        read(copy)
