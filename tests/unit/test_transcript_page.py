"""The page of transcripts: every turn is on it, nothing that was said is markup, differences come first, charts show the numbers."""

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aj.errors import EpisodeError
from aj.evaluation import curves, page, told
from aj.evaluation.players import act, start
from aj.evaluation.statistics import wilson
from aj.evaluation.told import Told
from aj.sqlenv.questions import Question, gold_text
from tests.unit.test_mix_report import Page

RIGHT = ["DESCRIBE: herbs", "QUERY: SELECT price FROM herbs WHERE name = 'ada'", "ANSWER: 42"]
WRONG = ["SAMPLE: herbs", "what now?", "QUERY: SELECT nothing FROM herbs", "ANSWER: 41"]
EVIL = "<script>alert(1)</script>\"x\"='y' & </div>\x00\u202e"
HTML = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;x&#34;=&#39;y&#39; &amp; &lt;/div&gt;⟨0000⟩⟨202E⟩"
CURVE = [{"step": step, "reward": step / 10, "kl": 0.001 * step} for step in range(1, 11)]

Make = Callable[..., Question]


def played(question: Question, actions: Sequence[str], budget: int = 5) -> Told:
    """A real episode of these actions, as the page wants it."""
    episode = start(question, budget)
    for action in actions:
        act(episode, action)
    episode.env.close()
    return told.of(episode)


def text_of(html: str) -> str:
    return " ".join(" ".join(Page(html).text).split())


def questions_on(html: str) -> list[int]:
    return [int(n) for n in re.findall(r"question (\d+) of \d+", html)]


@pytest.fixture
def players(make_question: Make) -> dict[str, list[Told]]:
    """Four questions: both right, both wrong, lost, learned; the last split is another one."""
    asked = [make_question(text=f"how much is herb {n}?") for n in range(4)]
    first, last = (RIGHT, WRONG, RIGHT, WRONG), (RIGHT, WRONG, WRONG, RIGHT)
    return {name: [played(*pair) for pair in zip(asked, how, strict=True)] for name, how in (("sft", first), ("grpo", last))}


def test_every_turn_of_every_player_is_on_the_page(players: dict[str, list[Told]], tmp_path: Path) -> None:
    page.write(tmp_path / "page.html", title="What it learned", players=players, curve=CURVE)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    text = text_of(html)
    said = [text.count(" ".join(seen.split())) for e in players["sft"] for seen in (*e.actions, *e.observations)]
    assert min(said) >= 4  # of eight episodes half are right, half wrong
    for episode in players["sft"]:
        for seen in (episode.question.text, episode.question.gold_sql, gold_text(episode.question.gold)):
            assert seen in text
    assert html.count('class="badge odd">did not parse<') == html.count("1 did not parse") == 4
    assert html.count('class="text seen error">error: ') == 8
    assert html.count('class="badge right">right<') == html.count('class="badge wrong">wrong<') == 4
    assert text.startswith("What it learned")


def test_questions_on_which_players_differ_come_first(players: dict[str, list[Told]]) -> None:
    html = page.render(title="t", players=players)
    assert questions_on(html) == [4, 3, 2, 1]
    kinds, blocks = page.chosen(players)
    assert kinds == [("grpo right, sft wrong", 1, 1), ("sft right, grpo wrong", 1, 1), ("all wrong", 1, 1), ("all right", 1, 1)]
    assert [b.kind for b in blocks] == [kind for kind, _, _ in kinds]


def test_with_three_players_one_between_may_differ_and_with_one_none_does(make_question: Make) -> None:
    question = make_question()
    good, bad = played(question, RIGHT), played(question, WRONG)
    three = {"random": [bad, bad, good], "sft": [good, bad, good], "grpo": [bad, good, good]}
    kinds, blocks = page.chosen(three)
    assert [(kind, n) for kind, n, _ in kinds] == [
        ("grpo right, random wrong", 1), ("random right, grpo wrong", 0), ("random and grpo alike, another differs", 1), ("all wrong", 0),
        ("all right", 1),
    ]  # fmt: skip
    assert [b.number for b in blocks] == [2, 1, 3]
    assert page.chosen({"sft": [good, bad]})[0] == [("wrong", 1, 1), ("right", 1, 1)]


def test_of_many_questions_some_of_each_kind_are_shown_and_all_are_counted(make_question: Make) -> None:
    question = make_question()
    good, bad = played(question, RIGHT), played(question, WRONG)
    flags = [(0, 1)] * 40 + [(1, 0)] * 3 + [(0, 0)] * 10 + [(1, 1)] * 17
    players = {name: [(bad, good)[f[side]] for f in flags] for side, name in enumerate(("sft", "grpo"))}
    kinds, blocks = page.chosen(players)
    assert [(n, shown) for _, n, shown in kinds] == [(40, 7), (3, 3), (10, 7), (17, 7)]
    assert len(blocks) == page.MOST
    assert [b.number for b in blocks[:7]] == [1, 6, 12, 18, 23, 29, 35]  # evenly over its 40
    html = page.render(title="t", players=players)
    assert len(questions_on(html)) == page.MOST
    assert "24 of 70 questions are shown" in text_of(html)


@pytest.mark.parametrize(
    ("counts", "taken"),
    [([40, 3, 10, 17], [7, 3, 7, 7]), ([1, 0, 2], [1, 0, 2]), ([100], [24]), ([0, 30, 30, 30], [0, 8, 8, 8]), ([5] * 5, [5] * 4 + [4])],
)  # fmt: skip
def test_every_kind_gets_its_turn(counts: list[int], taken: list[int]) -> None:
    assert page.quotas(counts, 24) == taken


def test_headline_numbers_stand_with_their_interval_for_all_and_for_each_split(make_question: Make) -> None:
    asked = [make_question(), make_question()]
    object.__setattr__(asked[1], "split", "unseen_schemas")
    episodes = [played(asked[0], RIGHT), played(asked[1], ["DESCRIBE: herbs", "hm"], budget=2)]
    whole, seen, unseen = page.scores("grpo", episodes)
    assert (whole.questions, whole.n, whole.right, whole.low, whole.high) == ("all", 2, 1, *wilson(1, 2))
    assert (seen.questions, seen.n, seen.right) == ("train", 1, 1)
    assert (unseen.questions, unseen.answered, unseen.cut, unseen.parse_failures, unseen.actions) == (
        "unseen_schemas",
        0,
        0,
        1,
        2,
    )
    text = text_of(page.render(title="t", players={"grpo": episodes}))
    for seen_on_page in ("1 of 2 right", "95 %: 9.5% to 90.5%", "unseen_schemas", "no answer: out of actions"):
        assert seen_on_page in text
    assert len(page.scores("grpo", episodes[:1])) == 1  # a single split is all there is


def test_an_episode_without_an_answer_says_why(make_question: Make) -> None:
    cut = replace(played(make_question(), ["DESCRIBE: herbs"]), out_of_context=True)
    silent = replace(played(make_question(), []), failed="status_400")
    text = text_of(page.render(title="t", players={"grpo": [cut, silent]}))
    assert "1 action; no answer: out of context" in text
    assert "0 actions; no answer: the player failed (status_400)" in text
    assert page.scores("grpo", [cut, silent])[0].cut == 2


def test_nothing_that_was_said_becomes_markup(make_question: Make) -> None:
    script = f"CREATE TABLE t (v TEXT); INSERT INTO t VALUES ('{EVIL[:25]}')"
    question = make_question("SELECT v FROM t /* <script>alert(1)</script> */", script=script, text=EVIL)
    episode = played(question, ["SAMPLE: t", EVIL, f"ANSWER: {EVIL}"])
    assert "<script>" in episode.observations[0]
    html = page.render(title=EVIL, players={EVIL: [episode], "b": [episode]}, curve=[{"step": 1, EVIL: 1.0}])
    assert html.count(HTML) >= 15
    assert set(re.findall(r"<(\w+)", html)) == {tag for tag in re.findall(r"<(\w+)", html) if tag != "script"}
    Page(html)


def test_the_page_needs_nothing_from_outside(players: dict[str, list[Told]]) -> None:
    html = page.render(title="t", players=players, curve=CURVE)
    assert html.startswith("<!doctype html>")
    assert not re.findall(r"https?:|url\(|@import|\bon\w+=", html)
    assert not [a for a in Page(html).attributes if a[1] in ("src", "href")]
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in Page(html).attributes
    assert "prefers-color-scheme: dark" in html


def test_the_same_episodes_give_the_same_bytes(players: dict[str, list[Told]], tmp_path: Path) -> None:
    for name in ("a", "b"):
        page.write(tmp_path / name, title="t", players=players, curve=CURVE)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_players_of_different_questions_are_refused(make_question: Make) -> None:
    one, other = played(make_question(), RIGHT), played(make_question(text="how many?"), RIGHT)
    with pytest.raises(EpisodeError, match=r"question 2 is 'how much\?' \(SELECT .* for 'sft' and 'how many\?' .* for 'grpo'"):
        page.render(title="t", players={"sft": [one, one], "grpo": [one, other]})
    with pytest.raises(EpisodeError, match="player 'grpo' has 1 episodes, 'sft' has 2: give both the same questions"):
        page.render(title="t", players={"sft": [one, one], "grpo": [one]})
    with pytest.raises(EpisodeError, match="player 'sft' has 0 episodes"):
        page.render(title="t", players={"sft": []})
    with pytest.raises(EpisodeError, match="0 players"):
        page.render(title="t", players={})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "0.5"])
def test_a_value_that_is_no_finite_number_is_refused(value: Any) -> None:
    with pytest.raises(EpisodeError, match=f"kl of step 11 is {re.escape(repr(value))}: a curve is drawn from finite numbers"):
        curves.series([*CURVE, {"step": 11, "reward": 0.5, "kl": value}])


@pytest.mark.parametrize("step", [10, 3, -1, math.nan, None])
def test_steps_that_do_not_rise_are_refused(step: Any) -> None:
    with pytest.raises(EpisodeError, match="step of row 11 of the curve is"):
        curves.series([*CURVE, {"step": step, "reward": 0.5}])


def test_only_columns_that_are_there_get_a_chart_and_the_known_ones_come_first(players: dict[str, list[Told]]) -> None:
    curve = [{"step": 1, "loss": 0.1, "kl": 0.0, "reward": None}, {"step": 2, "loss": 0.2, "correctness": 0.5, "reward": None}]
    assert curves.series(curve) == {"correctness": [(2, 0.5)], "kl": [(1, 0.0)], "loss": [(1, 0.1), (2, 0.2)]}
    html = page.render(title="t", players=players, curve=curve)
    assert re.findall(r'aria-label="(\w+) by step', html) == ["correctness", "kl", "loss"]
    assert "nats a token, from the reference" in html
    assert "No curve was given." in text_of(page.render(title="t", players=players))


def test_a_chart_shows_points_where_they_belong_and_the_mean_of_five() -> None:
    chart = curves.line_chart("reward", [(step, float(step)) for step in range(1, 11)])
    assert [label for _, label in chart.side] == ["0", "2", "4", "6", "8", "10"]
    assert [y for y, _ in chart.side] == pytest.approx([chart.height * (1 - n / 5) for n in range(6)])
    assert [label for _, label in chart.along] == ["0", "2", "4", "6", "8", "10"]
    assert chart.raw[-1] == (chart.width, 0)
    assert chart.raw[4] == pytest.approx((chart.width / 2, chart.height / 2))
    assert len(chart.mean) == 6
    assert chart.mean[0] == pytest.approx((chart.width / 2, chart.height * 0.7))  # (1 + … + 5) / 5 at step 5
    assert chart.summary == "3 over the first 5 points, 8 over the last 5"
    assert curves.line_chart("reward", [(0, 2.0)]).mean == []
    assert curves.line_chart("reward", [(0, 2.0)]).summary == "one point, 2"


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.1, 0.92, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]), (0, 0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-0.03, 0.05, ["-0.04", "-0.02", "0.00", "0.02", "0.04", "0.06"]), (301, 337, ["300", "310", "320", "330", "340"]),
        (-9, -8, ["-9.0", "-8.8", "-8.6", "-8.4", "-8.2", "-8.0"]), (3, 3, ["0", "1", "2", "3"]), (-2, -2, ["-2.0", "-1.5", "-1.0", "-0.5", "0.0"]),
        (5, 4e7, ["0", "1e+07", "2e+07", "3e+07", "4e+07"]),
    ],
)  # fmt: skip
def test_an_axis_has_round_ticks(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in curves.scale(low, high)] == labels


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1e-9), (1e-7, 3e-6), (0.70001, 0.70002), (-1e-3, 1e-3), (99_998, 99_999.5), (-1e9, 1e9), (2e6, 2e6 + 1), (-7e6, -6.9e6), (0, 1e30)],
)  # fmt: skip
def test_ticks_of_any_axis_hold_its_values_and_do_not_overlap(low: float, high: float) -> None:
    values = [value for value, _ in curves.scale(low, high)]
    labels = [label for _, label in curves.scale(low, high)]
    assert values[0] <= low + 1e-12
    assert high <= values[-1] * (1 + 1e-9) if high > 0 else high <= values[-1] + 1e-9
    assert 2 <= len(values) <= 7
    assert len({*labels}) == len(labels)
    assert max(map(len, labels)) <= 9  # 54 of the 60 pixels at the left
    assert curves.HEIGHT / (len(values) - 1) >= 16  # a line of 12 pixels
    assert all(b > a for a, b in itertools.pairwise(values))
