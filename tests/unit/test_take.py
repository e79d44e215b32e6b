"""Which pairs and questions are taken where there are more than asked: every source gives its part, and what leaks gives none."""

from typing import Any

import pytest

from aj.errors import DataError
from aj.mix import preference, tasks
from aj.mix.pair import CALLS, COLUMNS
from aj.mix.split import fraction


def questions(**counts: int) -> list[dict[str, Any]]:
    return [{"folder": source, "id": f"q-{n}"} for source, count in counts.items() for n in range(count)]


def pairs(**counts: int) -> list[dict[str, Any]]:
    text = dict.fromkeys((*COLUMNS, *CALLS), "x")
    return [
        {**text, "prompt": f"{source}{n}", "split": "held_out" if n % 10 == 9 else "train", "source": source, "id": f"{fraction(source + str(n)):.16f}"}
        for source, count in counts.items()
        for n in range(count)
    ]  # fmt: skip


def test_every_source_of_questions_gives_its_part_in_order() -> None:
    asked = questions(a=600, b=300)
    taken = tasks.take(asked, 300, without=[])
    assert len(taken) == 300
    assert taken == [q for q in asked if q in taken]
    assert 70 <= sum(q["folder"] == "b" for q in taken) <= 130


def test_questions_of_one_name_in_two_sources_are_two() -> None:
    asked = questions(a=3, b=3)
    taken = tasks.take(asked, 5, without=["a:q-1"])
    assert [tasks.name(q) for q in taken] == ["a:q-0", "a:q-2", "b:q-0", "b:q-1", "b:q-2"]
    with pytest.raises(DataError, match=r"5 questions for training, mix.rl_questions asks 6: lower it or generate more"):
        tasks.take(asked, 6, without=["a:q-1"])


def test_every_source_of_pairs_gives_its_part_and_all_held_out_ones_are_kept() -> None:
    found = pairs(a=400, b=200)
    leaking = [p["id"] for p in found if p["split"] == "train"][:50]
    chosen = preference.take(found, 200, without=leaking)
    assert len(chosen["train"]) == 200 and len(chosen["held_out"]) == 60
    assert not {p["prompt"] for p in chosen["train"]} & {p["prompt"] for p in found if p["id"] in leaking}
    assert 45 <= sum(p["prompt"].startswith("b") for p in chosen["train"]) <= 95
    with pytest.raises(DataError, match=r"490 preference pairs for training, mix.preference_pairs asks 491: lower it"):
        preference.take(found, 491, without=leaking)
