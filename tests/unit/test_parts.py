"""Stretches of landed files: every row in exactly one, with its true place."""

from pathlib import Path

import pytest

from aj.chat import RowError
from aj.mix import parts
from aj.sources import rows


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sources: JSONL of 300 lines with a blank and a broken one, and Parquet of 100 rows in groups of 10."""
    monkeypatch.setattr(parts, "PART_BYTES", 500)
    monkeypatch.setattr(parts, "PART_ROWS", 25)
    monkeypatch.setattr(rows, "BATCH", 10)
    lines = [f'{{"n": {n}}}' for n in range(300)]
    lines[7], lines[200] = "", "{"
    (tmp_path / "a/rows/deep").mkdir(parents=True)
    (tmp_path / "a/rows/deep/one.jsonl").write_text("\n".join(lines))
    rows.write(tmp_path / "b/rows/two.parquet", ({"n": n} for n in range(100)))
    return tmp_path


def test_every_row_is_in_exactly_one_part_under_its_own_line_number(raw: Path) -> None:
    planned = parts.plan(raw, {"a": {}, "b": {}})
    assert [p.index for p in planned] == list(range(len(planned)))
    assert len([p for p in planned if p.source == "a"]) > 3 < len([p for p in planned if p.source == "b"])
    read = [(p.source, place, row) for p in planned for place, row in parts.read(raw, p)]
    assert [(s, place) for s, place, _ in read] == [
        *(("a", f"one.jsonl:{n + 1}") for n in range(300) if n != 7),
        *(("b", f"two.parquet:{n + 1}") for n in range(100)),
    ]
    broken = [place for _, place, row in read if isinstance(row, RowError)]
    assert broken == ["one.jsonl:201"]
    assert all(row["n"] == int(place.partition(":")[2]) - 1 for _, place, row in read if not isinstance(row, RowError))


def test_parts_give_the_same_rows_as_reading_the_whole_file(raw: Path) -> None:
    for source, file in (("a", "a/rows/deep/one.jsonl"), ("b", "b/rows/two.parquet")):
        in_parts = [x for p in parts.plan(raw, {source: {}}) for x in parts.read(raw, p)]
        whole = list(rows.read(raw / file))
        assert [(place, str(row)) for place, row in in_parts] == [(place, str(row)) for place, row in whole]


def test_a_weight_belongs_to_the_files_that_its_pattern_names(raw: Path) -> None:
    planned = parts.plan(raw, {"a": {"weights": {"deep/*.jsonl": 3}}, "b": {"weights": {"other*": 2}}})
    assert {(p.source, p.weight) for p in planned} == {("a", 3), ("b", 1)}


def test_an_empty_file_has_no_part(tmp_path: Path) -> None:
    (tmp_path / "a/rows").mkdir(parents=True)
    (tmp_path / "a/rows/none.jsonl").touch()
    assert parts.plan(tmp_path, {"a": {}}) == []
