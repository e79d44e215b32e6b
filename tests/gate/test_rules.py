"""data/gate.yaml, and what is wrong with one."""

import json
from pathlib import Path

import pytest

from aj.cli import main
from aj.errors import ParamsError
from aj.gate import rules
from aj.gate.metrics import is_recorded
from tests.gate.world import RULES

ROOT = Path(__file__).parents[2]


def test_the_shipped_rules_name_metrics_that_evaluation_records() -> None:
    shipped = rules.read(ROOT / "data/gate.yaml")
    for rule in [*shipped.comparisons, *shipped.limits]:
        for form in rule.forms:
            recorded = json.loads((ROOT / f"metrics/eval_{form}.json").read_text())
            assert rule.metric in recorded or not is_recorded(rule.metric)
            assert not getattr(rule, "count", "") or recorded[rule.count] >= rule.smallest_n
    assert {rule.metric for rule in shipped.limits} >= {"mean_kl", "top1_agreement"}
    assert {r.metric for r in shipped.comparisons if r.against == "merged"} >= {"unseen_schemas.accuracy", "tool_calls.valid"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("largest_drop: 0.02, smallest_n: 40}\n- {metric: u", "largest_drops: 0.02, smallest_n: 40}\n- {metric: u", "did you mean 'largest_drop'?"),
        ("level: 0.05", "levels: 0.05", "unknown key 'levels' (value 0.05): did you mean 'level'?"),
        ("count: comp", "counts: comp", "did you mean 'count'?"),
        ("level: 0.05", "level: 1", "level is 1"),
        ("level: 0.05\n", "", "level is missing"),
        ("largest_drop: 0.05", "largest_drop: abc", "comparisons.2.largest_drop is 'abc'"),
        ("direction: lower", "direction: down", "'higher' or 'lower' is wanted"),
        ("tool_calls.valid", "tool_calls.vaild", "did you mean 'tool_calls.valid'?"),
        ("forms: [q4km], against: merged, direction: higher, largest_drop: 0.05", "forms: [merged], against: merged, direction: higher, largest_drop: 0.05", "only quantized forms"),
        ("count: compared_positions, ", "", "name the recorded number of them under `count`"),
        ("limit: 0.05", "limit: .nan", "limits.0.limit is nan"),
        ("diversity: 0.95", "diversity: 1.5", "promotion.diversity is 1.5"),
    ],
)  # fmt: skip
def test_a_bad_rule_is_named_with_the_nearest_key(tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "gate.yaml"
    assert old in RULES
    file.write_text(RULES.replace(old, new, 1))
    with pytest.raises(ParamsError) as error:
        rules.read(file)
    assert said in str(error.value)
    assert main(["gate", "--against", "HEAD", "--rules", str(file)]) == 1
