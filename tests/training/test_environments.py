"""What GRPO plays: items dealt out by share, one episode an item, columns of each environment."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from aj.sqlenv.rollout import Episode
from aj.training.environments import Environment, deal, outcomes, play


@dataclass(frozen=True)
class Square:
    number: int


@dataclass(frozen=True)
class Circle:
    number: int


def environment(kind: type, count: int, share: float) -> Environment:
    name = kind.__name__.lower()
    return Environment(
        lambda item: isinstance(item, kind), [kind(n) for n in range(count)], share, name, (name,), lambda env: {name: float(env)}
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("shares", [(0.75, 0.25), (0.5, 0.5), (3.0, 1.0), (0.9, 0.1), (1.0, 0.0)])
def test_every_stretch_of_the_items_has_the_shares(shares: tuple[float, float]) -> None:
    dealt = list(deal([environment(Square, 5, shares[0]), environment(Circle, 3, shares[1])], 200))
    for start in range(0, 200, 20):
        squares = sum(isinstance(item, Square) for item in dealt[start : start + 20])
        assert abs(squares - 20 * shares[0] / sum(shares)) <= 1
    numbers = [item.number for item in dealt if isinstance(item, Square)]
    assert numbers == [n % 5 for n in range(len(numbers))]  # all come before one comes again
    counts = Counter(item.number for item in dealt if isinstance(item, Circle)).values()
    assert not counts or max(counts) - min(counts) <= 1


def test_episodes_come_back_in_the_order_of_their_items() -> None:
    both = [environment(Square, 4, 0.5), environment(Circle, 4, 0.5)]
    rolled: list[tuple[Any, int]] = []

    def roll(roller: Any, items: Any) -> list[Episode]:
        rolled.append((roller, len(items)))
        return [Episode(item, item.number, []) for item in items]

    items = [Circle(1), Square(2), Square(0), Circle(3)]
    episodes = play(both, items, roll)
    assert [e.question for e in episodes] == items
    assert rolled == [("square", 2), ("circle", 2)]
    assert outcomes(both, [(e.question, e.env) for e in episodes])["correct"] == [None] * 4


def test_a_column_is_empty_where_the_episode_was_another_environments() -> None:
    sql = Environment(lambda i: isinstance(i, Square), [Square(1)], 0.5, None, ("correct",), lambda env: {"correct": env})  # type: ignore[arg-type]
    tasks = Environment(lambda i: isinstance(i, Circle), [Circle(1)], 0.5, None, ("validated",), lambda env: {"validated": env})  # type: ignore[arg-type]
    found = outcomes([sql, tasks], [(Square(1), 1.0), (Circle(1), None), (Circle(1), 0.5)])
    assert found["correct"] == [1.0, None, None] and found["validated"] == [None, None, 0.5]
