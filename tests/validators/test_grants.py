"""grants_audit_passes: labelled cases, hostile texts, and what is never a crash."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from aj.validators.registry import validate
from aj.validators.sql.grants import grants_audit_passes, privileges
from tests.validators.labelled import in_time

CASES: list[dict[str, Any]] = YAML(typ="safe", pure=True).load(
    Path(__file__).with_name("cases").joinpath("grants.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_every_labelled_case_is_judged_as_labelled(case: dict[str, Any]) -> None:
    score = validate("grants_audit_passes", case["text"], case.get("context"))
    assert score.passed == case["passes"], score.reasons
    assert case["passes"] or score.codes[0] == case["code"], score.reasons


def test_no_case_is_falsely_accepted_or_falsely_rejected() -> None:
    passed = {case["id"]: validate("grants_audit_passes", case["text"], case.get("context")).passed for case in CASES}
    assert [case["id"] for case in CASES if passed[case["id"]] and not case["passes"]] == []
    assert [case["id"] for case in CASES if not passed[case["id"]] and case["passes"]] == []


def test_the_cases_are_about_half_good_and_mostly_near_misses() -> None:
    assert len(CASES) >= 100
    assert 0.4 < sum(case["passes"] for case in CASES) / len(CASES) < 0.6
    assert sum(case["near_miss"] for case in CASES) / len(CASES) >= 0.5


def test_every_table_like_securable_can_be_read_and_given_away() -> None:
    for kind in ("TABLE", "VIEW", "MATERIALIZED VIEW", "STREAMING TABLE"):
        assert {"SELECT", "ALL PRIVILEGES"} <= privileges()[kind]


HOSTILE = {
    "many": "GRANT BROWSE ON CATALOG c TO g;\n" * 600,
    "different": "".join(f"GRANT USE CATALOG, USE SCHEMA, SELECT ON CATALOG c{i} TO g{i};" for i in range(190)),
    "schemas": "".join(f"GRANT USE SCHEMA ON SCHEMA c.s{i} TO g;" for i in range(170)),
    "brackets": "(" * 19_000,
    "list": "[" * 19_000,
    "quotes": "`" * 19_001,
    "commas": "GRANT " + "," * 9_000 + " ON CATALOG c TO g",
    "ons": "GRANT " + "ON " * 6_000,
    "selects": "GRANT " + "SELECT, " * 750 + "SELECT ON TABLE c.s.t TO g",
    "dots": "GRANT SELECT ON TABLE " + "a." * 700 + "b TO g",
    "comments": "/*" * 9_000,
    "strings": json.dumps(["GRANT"] * 2_000),
    "surrogate": "GRANT SELECT ON TABLE \ud800 TO g",
    "identifier": "GRANT SELECT ON TABLE IDENTIFIER(:t) TO g",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_is_judged_in_time_and_without_a_crash(name: str) -> None:
    score = in_time(lambda: validate("grants_audit_passes", HOSTILE[name][:20_000]))
    assert not score.crashed, score.reasons


PIECES = [
    "GRANT",
    "REVOKE",
    "DENY",
    "SELECT",
    "USE",
    "CATALOG",
    "SCHEMA",
    "ALL",
    "PRIVILEGES",
    "ON",
    "TABLE",
    "main.s.t",
    "TO",
    "FROM",
    "`g`",
    ",",
    ";",
    "(",
    ")",
    "[",
    "METASTORE",
    "RECIPIENT",
    "r",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map(" ".join) | st.text(max_size=60))
def test_no_text_crashes_it(text: str) -> None:
    assert not validate(
        "grants_audit_passes", text, {"needs": [{"principal": "g", "privileges": ["SELECT"], "on": "TABLE main.s.t"}]}
    ).crashed


def test_it_can_be_called_without_the_registry() -> None:
    assert grants_audit_passes("REVOKE SELECT ON TABLE a.b.c FROM g", {}).value == 1.0
