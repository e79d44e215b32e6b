"""SQLEnv without a model: steps a second, side by side with sqlite3 alone executing the same SQL.

    uv run python -m bench.environment --questions data/mix/rl -n 200

Both arms execute the same statements on the same databases, in one process, one after the other in alternating rounds; the median of
the rounds counts. The environment parses, guards, executes, compares with the gold, rewards and formats; sqlite3 alone executes
and fetches. ``reset`` (opening the database) is a row of its own: an episode has one.
"""

import argparse
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.questions import Question, load

STEPS, ROUNDS = 50, 5


def actions(question: Question) -> list[str]:
    """STEPS short queries of an episode; the table's columns are what DESCRIBE would show."""
    table = question.tables[0]
    kinds = [question.gold_sql, f'SELECT * FROM "{table}" LIMIT 3', f'SELECT count(*) FROM "{table}"']
    return [kinds[n % len(kinds)] for n in range(STEPS)]


def play(questions: Sequence[Question]) -> tuple[float, float]:
    """(seconds of all resets, seconds of all steps)."""
    env, resets, steps = SQLEnv(STEPS + 1), 0.0, 0.0
    for question in questions:
        start = time.perf_counter()
        env.reset(question)
        middle = time.perf_counter()
        for sql in actions(question):
            env.step(f"QUERY: {sql}")
        resets, steps = resets + middle - start, steps + time.perf_counter() - middle
    env.close()
    return resets, steps


def bare(questions: Sequence[Question]) -> tuple[float, float]:
    """The same with sqlite3 alone."""
    resets, steps = 0.0, 0.0
    for question in questions:
        start = time.perf_counter()
        connection = sqlite3.connect(f"file:{question.database}?mode=ro&immutable=1", uri=True)
        middle = time.perf_counter()
        for sql in actions(question):
            connection.execute(sql).fetchall()
        resets, steps = resets + middle - start, steps + time.perf_counter() - middle
        connection.close()
    return resets, steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=Path, default=Path("data/mix/rl"))
    parser.add_argument("-n", type=int, default=200)
    options = parser.parse_args()
    questions = load(options.questions)[: options.n]
    arms: dict[str, Callable[[Sequence[Question]], tuple[float, float]]] = {"SQLEnv": play, "sqlite3": bare}
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in arms}
    for _ in range(ROUNDS):
        for name, arm in arms.items():
            seconds[name].append(arm(questions))
    rates = {}
    for name, rounds in seconds.items():
        reset, step = (median(r[i] for r in rounds) for i in (0, 1))
        rates[name] = len(questions) * STEPS / step
        print(f"{name:8} {rates[name]:.0f} steps/s, {reset / len(questions) * 1e6:.0f} us a reset")
    print(f"ratio    {rates['SQLEnv'] / rates['sqlite3']:.2f} of sqlite3 alone")


if __name__ == "__main__":
    main()
