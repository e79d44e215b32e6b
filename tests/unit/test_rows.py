"""Rows on disk."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from aj.chat import RowError
from aj.errors import DataError
from aj.sources import rows


def test_lists_and_objects_are_json_text_so_that_arguments_grow_no_null_keys(tmp_path: Path) -> None:
    written = [{"id": "a", "messages": [{"b": 1}]}, {"id": "b", "messages": [{"c": None, "d": "ü"}]}]
    assert rows.write(tmp_path / "deep" / "x.parquet", iter(written)) == 2
    assert str(pq.read_schema(tmp_path / "deep" / "x.parquet").field("messages").type) in ("string", "large_string")
    back = rows.read_all(tmp_path / "deep" / "x.parquet")
    assert [json.loads(r["messages"]) for r in back] == [r["messages"] for r in written]


def test_parquet_is_read_back_in_order_with_places_over_many_batches(tmp_path: Path) -> None:
    count = rows.BATCH * 2 + 5
    assert rows.write(tmp_path / "x.parquet", ({"n": n} for n in range(count))) == count
    found = list(rows.read(tmp_path / "x.parquet"))
    assert [row["n"] for _, row in found] == list(range(count))  # type: ignore[call-overload]
    assert (found[0][0], found[-1][0]) == ("x.parquet:1", f"x.parquet:{count}")


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        rows.write(tmp_path / name, ({"n": n, "m": {"z": n, "a": [n]}} for n in range(100)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_no_row_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.parquet would have 0 rows"):
        rows.write(tmp_path / "x.parquet", [])


def test_lines_are_numbered_as_in_an_editor_and_blank_ones_skipped(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"a": 1}\r\n\n{"a"\n{"a": 2}')
    found = list(rows.read(tmp_path / "x.jsonl"))
    assert [place for place, _ in found] == ["x.jsonl:1", "x.jsonl:3", "x.jsonl:4"]
    assert found[0][1] == {"a": 1}
    assert isinstance(found[1][1], RowError)
    assert found[2][1] == {"a": 2}


def test_a_parquet_file_that_is_none_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"x\.parquet is not a whole Parquet file"):
        list(rows.read(tmp_path / "x.parquet"))
