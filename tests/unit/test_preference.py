"""Preference pairs."""

import json
from typing import Any

import pytest

from aj.chat import RowError
from aj.errors import DataError
from aj.mix.pair import turn
from aj.mix.preference import check_pair

PROMPT = json.dumps([{"role": "user", "content": "tables: herbs\nquestion: how many herbs?"}])
PAIR = {
    "prompt": PROMPT, "chosen": "QUERY: SELECT COUNT( * ) FROM herbs", "rejected": "ANSWER: unknown", "broken_rule": "gave_up",
    "group": "herbs(a)", "split": "train",
}  # fmt: skip


def test_a_good_pair_keeps_the_columns_that_training_reads() -> None:
    no_calls = dict.fromkeys(("chosen_calls", "rejected_calls", "tools"), "[]")
    assert check_pair({**PAIR, "note": "x"}, "p:1") == PAIR | no_calls


def test_a_pair_of_turns_that_call_tools_keeps_its_calls() -> None:
    call = '[{"function":{"arguments":{"command":"ls"},"name":"bash"},"type":"function"}]'
    pair = check_pair({**PAIR, "chosen": "", "chosen_calls": call}, "p:1")
    assert turn(pair, "chosen") == {"role": "assistant", "content": "", "tool_calls": json.loads(call)}
    assert turn(pair, "rejected") == {"role": "assistant", "content": "ANSWER: unknown"}
    with pytest.raises(DataError, match=r"the chosen turn cannot be read \(unknown_tool"):
        check_pair({**PAIR, "chosen": "", "chosen_calls": call.replace("bash", "ssh")}, "p:1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rejected": PAIR["chosen"]}, "chosen and rejected are both 'QUERY: SELECT COUNT"),
        ({"broken_rule": "how many"}, "its prompt contains the label 'how many'"),
        ({"chosen": " "}, "the chosen turn cannot be read .empty_message"),
        ({"rejected": "a\x00"}, "the rejected turn cannot be read .control_characters"),
        ({"prompt": "[{"}, "the chosen turn cannot be read"),
        ({"prompt": '[{"role": "human", "content": "x"}]'}, "unknown_role"),
        ({"rejected": None}, "has no text in column 'rejected': it needs prompt, chosen"),
        ({"split": "test"}, "has split 'test': write train or held_out"),
    ],
)  # fmt: skip
def test_a_bad_pair_is_refused_with_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=f"preference pair at p:7.*{said}"):
        check_pair({**PAIR, **change}, "p:7")


def test_a_pair_without_a_column_or_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(DataError, match="preference pair at p:7 has no text in column 'group'"):
        check_pair({k: v for k, v in PAIR.items() if k != "group"}, "p:7")
    with pytest.raises(DataError, match=r"preference pair at p:7 cannot be read \(bom: x\)"):
        check_pair(RowError("bom", "x"), "p:7")
