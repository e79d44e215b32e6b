"""`aj validate` and `aj competencies`, as a person types them."""

import json
from pathlib import Path

import pytest

from aj.cli import main


def test_a_text_that_passes_says_so_and_one_that_fails_names_its_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "query.sql"
    file.write_text("SELECT 1")
    assert main(["validate", "sql_compiles", str(file)]) == 0
    assert "query.sql passes sql_compiles" in capsys.readouterr().out
    file.write_text("SELECT , FROM t")
    assert main(["validate", "sql_compiles", str(file)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("dangling_comma: ") and "does not pass sql_compiles: " in said.err


def test_a_context_is_read_and_a_bad_one_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, context = tmp_path / "query.sql", tmp_path / "context.json"
    file.write_text("SELECT price FROM herbs")
    context.write_text(json.dumps({"schema": {"herbs": {"price": "int"}}}))
    assert main(["validate", "sql_compiles", str(file), "--context", str(context)]) == 0
    context.write_text(json.dumps({"schema": {"herbs": {"cost": "int"}}}))
    assert main(["validate", "sql_compiles", str(file), "--context", str(context)]) == 1
    assert "unknown_column" in capsys.readouterr().out
    context.write_text("[]")
    assert main(["validate", "sql_compiles", str(file), "--context", str(context)]) == 1
    assert "holds a list: give a JSON object" in capsys.readouterr().err


def test_a_validator_or_a_file_that_is_not_there_gives_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a").write_text("x")
    assert main(["validate", "sql_compile", str(tmp_path / "a")]) == 1
    assert "did you mean 'sql_compiles'" in capsys.readouterr().err
    assert main(["validate", "sql_compiles", str(tmp_path / "b")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_the_table_of_competencies_has_a_row_for_each_with_groups_on_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["competencies"]) == 0
    head, _, *rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 11
    for row in rows:
        named = dict(zip(head, row, strict=True))
        assert int(named["training groups"]) > int(named["held-out groups"]) > 0 and named["validators"]


def test_a_competency_shows_a_task_of_each_pattern_with_what_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["competencies", "ai_agents"]) == 0
    said = capsys.readouterr().out
    assert said.count("\n# ai_agents/") == 11 and "family tool_none" in said and "<tool_call>" in said
    assert main(["competencies", "ai_agent"]) == 1
    assert "'ai_agent' is no competency: use one of lakehouse_fundamentals" in capsys.readouterr().err
