"""The global step and what is written: duplicates within and across sources, order, memory-flat output."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from aj.errors import DataError
from aj.mix import gather, parts
from aj.mix.account import SAMPLES, Account, by_source
from aj.mix.choose import DUPLICATE, KEPT, NEAR_DUPLICATE, Keys, assert_apart, choose, gather_keys
from aj.mix.clean import Cleaning, clean_part
from aj.sources import rows

WORDS = [f"w{n:03d}" for n in range(997)]


def words(start: int, count: int = 40) -> str:
    return " ".join(WORDS[(start * 41 + n * n * 7 + n) % 997] for n in range(count))


def chat(answer: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "say it"}, {"role": "assistant", "content": answer}], **more}


def prepare(
    tmp_path: Path, sources: dict[str, list[dict[str, Any]]], **changes: Any
) -> tuple[Path, list[parts.Part], list[Account]]:
    """Land the sources, plan and clean them."""
    for name, found in sources.items():
        rows.write(tmp_path / "raw" / name / "rows/data.parquet", found)
    folder = tmp_path / "clean"
    folder.mkdir()
    cleaning = Cleaning(tmp_path / "raw", folder, None, max_length=100, validation=changes.pop("validation", 0.0), **changes)
    planned = parts.plan(tmp_path / "raw", {name: {} for name in sources})
    return folder, planned, list(map(partial(clean_part, cleaning=cleaning), planned))


def keyed(tmp_path: Path, sources: dict[str, list[dict[str, Any]]]) -> tuple[Path, Keys]:
    folder, planned, accounts = prepare(tmp_path, sources)
    return folder, gather_keys(folder, planned, accounts)


def test_exact_and_near_copies_fall_within_and_across_sources_and_the_first_source_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 4)
    monkeypatch.setattr(rows, "BATCH", 4)
    one_word_changed = words(3).replace(WORDS[(3 * 41 + 20 * 20 * 7 + 20) % 997], "other")
    first = [chat(words(n)) for n in range(10)] + [chat(words(2))]
    second = [chat(words(20)), chat(words(5)), chat(one_word_changed), chat(words(21))]
    _, keys = keyed(tmp_path, {"a": first, "b": second})
    status, stands = choose(keys, 0.6)
    assert keys.rows_of("b") == slice(11, 15)
    assert status.tolist() == [KEPT] * 10 + [DUPLICATE] + [KEPT, DUPLICATE, NEAR_DUPLICATE, KEPT]
    assert stands[[10, 12, 13]].tolist() == [2, 5, 3]
    assert choose(keys, 0.0)[0].tolist() == [KEPT] * 10 + [DUPLICATE] + [KEPT, DUPLICATE, KEPT, KEPT]


def test_rows_are_written_in_the_asked_order_whatever_the_chunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 16)
    monkeypatch.setattr(rows, "BATCH", 16)
    folder, keys = keyed(tmp_path, {"a": [chat(words(n)) for n in range(100)], "b": [chat(words(n)) for n in range(200, 250)]})
    order = np.array([149, 3, 3, 77, 0, 120, 5, 149], np.int64)
    gather.gather(folder, keys, order, tmp_path / "whole.parquet")
    monkeypatch.setattr(gather, "CHUNK", 3)
    gather.gather(folder, keys, order, tmp_path / "chunked.parquet")
    whole, chunked = pq.read_table(tmp_path / "whole.parquet"), pq.read_table(tmp_path / "chunked.parquet")
    assert whole.equals(chunked)
    assert [int(i, 16) for i in whole.column("id").to_pylist()] == keys.ids[order].tolist()
    assert whole.column("source").to_pylist() == ["b", "a", "a", "a", "a", "b", "a", "b"]
    assert [row["id"] for row in gather.rows_at(folder, keys, [149, 3])] == whole.column("id").to_pylist()[:2]


def test_writing_no_row_is_an_error(tmp_path: Path) -> None:
    folder, keys = keyed(tmp_path, {"a": [chat(words(1))]})
    with pytest.raises(DataError, match=r"train.parquet would have 0 rows"):
        gather.gather(folder, keys, np.empty(0, np.int64), tmp_path / "train.parquet")


def test_sides_follow_the_group_and_a_source_that_decides_is_obeyed(tmp_path: Path) -> None:
    grouped = [chat(words(n), group=f"g{n % 50}") for n in range(200)]
    folder, planned, accounts = prepare(tmp_path, {"a": grouped}, validation=0.3)
    keys = gather_keys(folder, planned, accounts)
    sides = {group: {int(s) for n, s in enumerate(keys.sides) if n % 50 == group} for group in range(50)}
    assert all(len(found) == 1 for found in sides.values())
    assert 5 <= sum(found == {1} for found in sides.values()) <= 25
    assert assert_apart(folder, planned) == sum(found == {1} for found in sides.values())
    told = [chat(words(n), group=f"g{n}", split="held_out" if n % 2 else "train") for n in range(10)]
    (tmp_path / "b").mkdir()
    folder, planned, accounts = prepare(tmp_path / "b", {"b": told})
    assert gather_keys(folder, planned, accounts).sides.tolist() == [0, 1] * 5


def test_a_group_on_both_sides_stops_the_build(tmp_path: Path) -> None:
    torn = [chat(words(1), group="x y", split="train"), chat(words(2), group="y z", split="held_out")]
    folder, planned, _ = prepare(tmp_path, {"a": torn})
    with pytest.raises(DataError, match="1 groups are in training and held out: mend"):
        assert_apart(folder, planned)


def test_a_group_of_a_question_counts_as_one_of_rows(tmp_path: Path) -> None:
    folder, planned, _ = prepare(tmp_path, {"a": [chat(words(1), group="x y", split="train")]})
    assert assert_apart(folder, planned, train=["p q"], held_out=["z", "z w"]) == 2
    with pytest.raises(DataError, match="1 groups are in training and held out, 'y' among them"):
        assert_apart(folder, planned, held_out=["z y"])
    with pytest.raises(DataError, match="1 groups are in training and held out, 'q' among them"):
        assert_apart(folder, planned, train=["p q"], held_out=["q"])


def test_every_row_is_accounted_for_and_a_few_of_each_reason_are_kept(tmp_path: Path) -> None:
    bad = [chat("x\x00")] * 5 + [chat("fine", split="test")] + [{"messages": []}] * 2
    _, _, (account,) = prepare(tmp_path, {"a": [chat(words(1)), *bad]})
    assert account.rows_in == 9 and account.kept == 1
    assert dict(account.dropped) == {"control_characters": 5, "unknown_split": 1, "no_messages": 2}
    assert [place for place, _ in account.samples["control_characters"]] == [f"data.parquet:{n}" for n in (2, 3, 4)]
    with pytest.raises(
        DataError, match=r"source 'a': 8 of 9 rows are broken, more than mix.max_broken = 0.5 allows: control_char"
    ):
        account.check(0.5)
    account.check(1.0)
    account.kept = 5
    with pytest.raises(DataError, match="9 rows in, 5 kept, 8 dropped"):
        account.check(1.0)


def test_accounts_of_parts_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 4)
    monkeypatch.setattr(rows, "BATCH", 4)
    _, planned, accounts = prepare(tmp_path, {"a": [chat(words(n)) for n in range(9)] + [chat("")] * 4, "b": [chat(words(50))]})
    assert len(planned) == 5
    total = by_source(["a", "b"], accounts)
    assert (total["a"].rows_in, total["a"].kept, dict(total["a"].dropped)) == (13, 9, {"empty_message": 4})
    assert len(total["a"].samples["empty_message"]) == SAMPLES
    assert total["b"].kept == 1
