"""The teacher: demonstrations that replay, and pairs whose rejected turn really is worse."""

import random
from pathlib import Path

import pytest

from aj.sqlenv.environment import SQLEnv
from aj.sqlenv.family import Draft, Lexicon, TableData, draw_question, draw_tables, has_answer
from aj.sqlenv.teacher import Manner, Pair, Teacher

MIXED = Manner(hasty=0.6, gives_up=0.6, samples=0.15)
Drawn = tuple[Draft, list[TableData]]


def drawn(lexicon: Lexicon, seed: int, count: int) -> list[Drawn]:
    rng, found = random.Random(seed), []
    while len(found) < count:
        tables = draw_tables(rng, lexicon, held_out=False)
        draft = draw_question(rng, lexicon, tables, templates=lexicon.templates)
        if has_answer(tables, draft.sql):
            found.append((draft, tables))
    return found


def replay(teacher: Teacher, drawn: Drawn, turns: list[str]) -> tuple[SQLEnv, list[str]]:
    """Play the turns on the draft's own database, in an environment of one's own."""
    env = SQLEnv()
    env.reset(teacher.question(*drawn))
    heard = [env.step(turn).text for turn in turns]
    env.close()
    return env, heard


@pytest.fixture
def teacher(tmp_path: Path) -> Teacher:
    return Teacher(tmp_path, "")


def test_demonstrations_end_with_an_answer_and_replay_with_the_same_observations(lexicon: Lexicon, teacher: Teacher) -> None:
    rng, outcomes = random.Random(1), set()
    for draft, tables in drawn(lexicon, 1, 120):
        messages = teacher.demonstrate(rng, draft, tables, MIXED)
        said = [m["content"] for m in messages if m["role"] == "assistant"]
        env, heard = replay(teacher, (draft, tables), said)
        assert [m["content"] for m in messages if m["role"] == "tool"] == heard[:-1]
        assert [m["role"] for m in messages] == ["user", *["assistant", "tool"] * (len(said) - 1), "assistant"]
        assert said[-1].startswith("ANSWER: ")
        assert env.correct is (said[-1] != "ANSWER: unknown")
        assert env.parse_failures == 0
        outcomes.add((said[0].split(":")[0], env.correct))
    assert outcomes == {("DESCRIBE", True), ("QUERY", True), ("QUERY", False)}


def test_a_careful_teacher_looks_first_and_is_always_right(lexicon: Lexicon, teacher: Teacher) -> None:
    for draft, tables in drawn(lexicon, 2, 30):
        messages = teacher.demonstrate(random.Random(0), draft, tables, Manner(hasty=0.0, gives_up=0.0, samples=0.0))
        said = [m["content"] for m in messages if m["role"] == "assistant"]
        assert said[:2] == [f"DESCRIBE: {draft.table.name}", f"QUERY: {draft.sql}"]
        assert replay(teacher, (draft, tables), said)[0].correct


def test_a_system_message_opens_every_episode(lexicon: Lexicon, tmp_path: Path) -> None:
    [(draft, tables)] = drawn(lexicon, 3, 1)
    messages = Teacher(tmp_path, "Explore.").demonstrate(random.Random(0), draft, tables, MIXED)
    assert messages[0] == {"role": "system", "content": "Explore."}


def judge(teacher: Teacher, drawn: Drawn, pair: Pair) -> str:
    """Why the rejected turn is not worse than the chosen one, or an empty text."""
    before = [m["content"] for m in pair.prompt if m["role"] == "assistant"]
    good, good_heard = replay(teacher, drawn, [*before, pair.chosen])
    bad, bad_heard = replay(teacher, drawn, [*before, pair.rejected])
    if pair.broken_rule == "repeated_query":
        return "" if pair.rejected in before and good.correct and bad.reward_sum < good.reward_sum else "not a repeat"
    if pair.rejected.startswith("ANSWER"):
        return "" if good.correct and not bad.correct and bad.answered else "graded like the good one"
    if bad_heard[-1].startswith("error: "):
        return ""
    answered, _ = replay(teacher, drawn, [*before, pair.rejected, f"ANSWER: {bad_heard[-1]}"])
    right, _ = replay(teacher, drawn, [*before, pair.chosen, f"ANSWER: {good_heard[-1]}"])
    return "" if right.correct and not answered.correct else f"same result {bad_heard[-1]!r}"


def test_the_rejected_turn_of_every_pair_is_worse_when_it_is_played(lexicon: Lexicon, teacher: Teacher) -> None:
    rng, rules, not_worse = random.Random(4), set(), []
    for one in drawn(lexicon, 4, 500):
        pair = teacher.pair(rng, *one)
        rules.add(pair.broken_rule)
        if problem := judge(teacher, one, pair):
            not_worse.append((pair.broken_rule, pair.chosen, pair.rejected, problem))
        assert pair.prompt[-1]["role"] in ("user", "tool")
    assert not_worse == []
    assert rules == {
        "wrong_table", "wrong_column", "wrong_operation", "guessed_column", "gave_up", "prose_answer",
        "repeated_query", "miscopied",
    }  # fmt: skip


def test_a_pair_that_only_a_query_of_the_same_result_could_make_breaks_another_rule(teacher: Teacher) -> None:
    # COUNT over two tables of two rows each: the wrong table gives the right number.
    rows = (("ada", 11, "red"), ("ben", 12, "blue"))
    tables = [TableData(name, ("name", "price", "color"), "price", "color", ("red", "blue"), rows) for name in ("herbs", "teas")]
    draft = Draft("count", tables[0], "how many herbs are there?", "SELECT COUNT( * ) FROM herbs", "SELECT COUNT( * ) FROM herbs")
    pairs = [teacher.pair(random.Random(seed), draft, tables) for seed in range(60)]
    assert {p.broken_rule for p in pairs} == {"gave_up", "prose_answer", "repeated_query", "miscopied"}
    below = Draft(
        "count_under",
        tables[0],
        "?",
        "SELECT COUNT( * ) FROM herbs WHERE price > 20",
        "SELECT COUNT( * ) FROM herbs WHERE price > 20",
    )
    pairs = [teacher.pair(random.Random(seed), below, tables) for seed in range(60)]
    assert "wrong_operation" in {p.broken_rule for p in pairs}
    assert "wrong_table" not in {p.broken_rule for p in pairs}


def test_the_same_seed_gives_the_same_pairs(lexicon: Lexicon, teacher: Teacher) -> None:
    first, second = ([teacher.pair(rng, *one) for one in drawn(lexicon, 5, 20)] for rng in (random.Random(9), random.Random(9)))
    assert first == second
