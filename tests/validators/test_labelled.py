"""The table of false accepts and rejects is counted from the cases, and can show an error."""

from pathlib import Path

import pytest

from aj.errors import DataError
from aj.evaluation.labelled import read, table

CASES = Path(__file__).with_name("cases")


def test_there_are_enough_cases_half_of_them_near_misses() -> None:
    cases = [case for own in read(CASES).values() for case in own]
    assert len(cases) >= 400
    assert sum(bool(case["near_miss"]) for case in cases) >= len(cases) / 2


def test_a_wrong_label_shows_in_its_own_column() -> None:
    good, bad = {"text": "SELECT 1", "near_miss": True}, {"text": "SELECT , FROM t", "near_miss": False}
    right = [{**good, "passes": True}, {**bad, "passes": False, "code": "dangling_comma"}]
    wrong = [{**good, "passes": False}, {**bad, "passes": True}, {**bad, "passes": False, "code": "empty"}]
    [clean], [found] = (table({"sql_compiles": cases}) for cases in (right, wrong))
    assert clean == {
        "validator": "sql_compiles", "cases": 2, "near_misses": 1, "false_accepts": 0, "false_rejects": 0, "wrong_codes": 0, "crashes": 0,
    }  # fmt: skip
    assert (found["false_accepts"], found["false_rejects"], found["wrong_codes"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "case", ["{id: a, text: x, passes: maybe, near_miss: true}", "{id: a, text: x, validator: sql, passes: true}"]
)
def test_a_case_without_a_label_or_a_validator_is_an_error(case: str, tmp_path: Path) -> None:
    (tmp_path / "sql.yaml").write_text(f"- {case}\n")
    with pytest.raises(DataError, match="case 'a' names validator"):
        read(tmp_path)
