"""What evaluation asks, looked for in rows of training: planted leaks, ordinary text, the allow-list and the limit."""

import json
import pickle
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aj.chat import normalise
from aj.errors import DataError, ParamsError
from aj.mix.canonical_sql import canonical_sql, sql_of
from aj.mix.leaks import Candidate, EvalItem, Hit, Index, find
from aj.mix.overlap import Allowed, Entry, judge, write_hits
from aj.sqlenv.family import Lexicon, draw_question, draw_tables

LONG = "Which of the seven greenhouses on the northern slope used the least water per kilogram of ripe tomatoes last June?"
SHORT = "how tall does lemon balm grow in shade?"  # 8 words
SQL = "SELECT T1.name FROM beds AS T1 JOIN crops AS T2 ON T1.crop_id = T2.id WHERE T2.kind = 'herb' ORDER BY T1.water LIMIT 1"
ITEMS = [EvalItem("garden:0", (LONG,), SQL), EvalItem("garden:1", (SHORT, "42"), None)]


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.build(ITEMS)


def row(*turns: str | dict[str, Any], id: str = "r", source: str = "chat") -> Candidate:
    """A row of turns by user and assistant; a mapping is the arguments of a tool call."""
    messages: list[dict[str, Any]] = []
    for number, turn in enumerate([*turns, "done"] if len(turns) % 2 else turns):
        if isinstance(turn, str):
            messages.append({"role": ("user", "assistant")[number % 2], "content": turn})
        else:
            call = {"type": "function", "function": {"name": "bash", "arguments": turn}}
            messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
    conversation = normalise({"messages": messages})
    return Candidate(id, source, conversation.text, conversation.messages)


def ordinary(seed: int, words: int) -> str:
    """Text of frequent and rare words, as in a language (Zipf)."""
    rng = random.Random(seed)
    return " ".join(f"w{int(rng.paretovariate(0.7))}" for _ in range(words))


def hits(index: Index, *rows: Candidate) -> list[tuple[str, str, str]]:
    return [(hit.signal, hit.eval_id, hit.matched) for hit in find(rows, index)]


# 13 words


def test_a_planted_question_is_found_with_its_item_and_its_words(index: Index) -> None:
    assert hits(index, row(LONG, "none")) == [("13-gram", "garden:0", LONG)]


@pytest.mark.parametrize(
    "written", [LONG.upper(), LONG.replace(" ", "\n"), LONG.replace(" ", " \t\u00a0 "), f'Quiz!\n"\n{LONG}\n" Please answer.']
)
def test_case_and_white_space_and_what_stands_around_do_not_hide_it(index: Index, written: str) -> None:
    found = find([row(written, "none")], index)
    assert [(hit.eval_id, hit.matched.lower()) for hit in found] == [("garden:0", LONG.lower())]


def test_it_is_found_in_the_middle_of_a_long_row_of_many_turns(index: Index) -> None:
    turns = [ordinary(n, 150) for n in range(9)]
    turns[4] = f"{ordinary(90, 80)} {LONG} {ordinary(91, 80)}"
    rows = [row(*turns[:4], id="a"), row(*turns, id="b"), row(*turns[5:], id="c")]
    assert find(rows, index) == [Hit("b", "chat", "13-gram", LONG, "garden:0")]


def test_thirteen_words_are_enough_and_twelve_are_not(index: Index) -> None:
    words = LONG.split()
    assert hits(index, row(" ".join(words[3:15]))) == []
    assert hits(index, row("x " + " ".join(words[3:16]) + " x")) == [("13-gram", "garden:0", " ".join(words[3:16]))]


def test_a_changed_word_splits_the_stretch_in_two() -> None:
    item = EvalItem("essay", (ordinary(1, 60),))
    words = item.texts[0].split()
    words[30] = "other"
    found = find([row(" ".join(words))], Index.build([item]))
    assert {hit.matched for hit in found} == {" ".join(words[:30]), " ".join(words[31:])}
    assert {hit.eval_id for hit in found} == {"essay"}


def test_a_text_of_eight_to_twelve_words_is_found_whole_only(index: Index) -> None:
    assert hits(index, row(f"Tell me, {SHORT} Thanks.")) == [("13-gram", "garden:1", SHORT)]
    assert hits(index, row(SHORT.rsplit(" ", 1)[0] + " sun?")) == []
    for size in range(8, 13):
        text = ordinary(size, size)
        assert hits(Index.build([EvalItem("x", (text,))]), row(f"a {text} b")) == [("13-gram", "x", text)]


def test_items_of_all_lengths_are_found_side_by_side() -> None:
    texts = [ordinary(1000 + size, size) for size in range(8, 40)]
    items = [EvalItem(str(size), (text,)) for size, text in enumerate(texts, 8)]
    found = find([row(*texts)], Index.build(items))
    assert {(hit.eval_id, hit.matched) for hit in found} == {(item.id, item.texts[0]) for item in items}


def test_texts_too_short_to_tell_from_ordinary_language_are_counted() -> None:
    items = [EvalItem("a", ("what is the price of tea today?",)), EvalItem("b", ("how many?",), "SELECT COUNT(*) FROM teas")]
    index = Index.build([*items, EvalItem("c", (LONG, "yes")), EvalItem("d", (), "SELEC"), EvalItem("e", ())])
    assert (index.items_too_short, index.sql_unreadable, index.items_unwatched) == (2, 1, 3)
    assert hits(index, row("what is the price of tea today?", "how many?")) == []


def test_no_words_are_compared_over_the_end_of_a_turn() -> None:
    words = ordinary(5, 30).split()
    index = Index.build([EvalItem("a", (" ".join(words[:13]),)), EvalItem("b", (" ".join(words[13:]),))])
    assert hits(index, row(" ".join(words[:6]), " ".join(words[6:13]))) == []
    assert hits(index, row(" ".join(words[12:29]), words[29])) == [("13-gram", "b", " ".join(words[13:29]))]
    assert hits(index, row("run it", {"command": " ".join(words[:6]), "cwd": " ".join(words[6:13])})) == []


def test_two_texts_of_an_item_are_not_one() -> None:
    words = ordinary(6, 26).split()
    index = Index.build([EvalItem("a", (" ".join(words[:13]), " ".join(words[13:])))])
    assert hits(index, row(" ".join(words[5:18]))) == []


def test_arguments_of_a_tool_call_are_searched(index: Index) -> None:
    assert hits(index, row("go", {"command": "echo", "env": [{"q": LONG}]})) == [("13-gram", "garden:0", LONG)]


def test_words_that_many_items_share_name_one_and_count_the_others() -> None:
    items = [EvalItem(f"e{n}", (f"{LONG} {ordinary(n, 15)}",)) for n in range(5)]
    (found,) = find([row(items[3].texts[0])], Index.build(items))
    assert (found.eval_id, found.others, found.matched) == ("e3", 4, items[3].texts[0])
    (found,) = find([row(LONG)], Index.build(items))
    assert (found.eval_id, found.others) == ("e0", 4)


def test_five_thousand_rows_of_ordinary_text_have_no_hit() -> None:
    items = [EvalItem(str(n), (ordinary(50_000 + n, 8 + n % 60),), f"SELECT a{n} FROM t WHERE b = {n}") for n in range(300)]
    rows = [row(ordinary(n, 40), f"please select one: {ordinary(n + 10_000, 40)}", id=str(n)) for n in range(5000)]
    assert find(rows, Index.build(items)) == []


def test_the_same_hits_come_out_in_batches_of_any_size_and_after_a_journey(index: Index) -> None:
    texts = [LONG, ordinary(1, 50), SQL, f"{SHORT} {LONG}", "", SHORT, f"```sql\n{SQL}\n```"]
    rows = [row(text or "x", id=str(n)) for n, text in enumerate(texts)]
    alone = [hit for one in rows for hit in find([one], index)]
    assert find(rows, index) == alone == find(rows, pickle.loads(pickle.dumps(index)))
    assert [hit.row_id for hit in alone] == ["0", "2", "3", "3", "5", "6"]
    assert find([], index) == []


def test_an_index_of_nothing_finds_nothing() -> None:
    assert find([row(LONG, SQL)], Index.build([])) == []
    assert find([row(LONG, SQL)], Index.build([EvalItem("a", ("too short",))])) == []


def test_two_items_with_one_id_are_refused() -> None:
    with pytest.raises(DataError, match="'a' stands twice"):
        Index.build([EvalItem("a", (LONG,)), EvalItem("a", (SHORT,))])


# SQL


@pytest.mark.parametrize(
    "turn",
    [
        f"QUERY: {SQL}",
        f"query:\n{SQL};",
        SQL,
        f"I look first.\nQUERY: {SQL}\nANSWER: 3",
        f"Here you are:\n```sql\n{SQL};\n```\nIt sorts by water.",
        f"Try `{SQL}` instead.",
        f"```\nCREATE TABLE beds (name TEXT DEFAULT ';');\n{SQL};\nSELECT 1;\n```",
        f"```sqlite\n-- the driest bed; it's first\n{SQL}",
        {"command": {"query": [f" {SQL}"]}},
    ],
)
def test_a_planted_query_is_found_wherever_a_row_carries_it(index: Index, turn: str | dict[str, Any]) -> None:
    found = [hit for hit in find([row("go", turn)], index) if hit.signal == "sql"]
    assert [(hit.eval_id, hit.matched) for hit in found] == [("garden:0", canonical_sql(SQL))]


@pytest.mark.parametrize(
    "turn", ["Select the best bed and say why.", "With this, select as many as you like.", "QUERY: SELEC x FROM"]
)
def test_what_only_looks_like_sql_is_no_hit(index: Index, turn: str) -> None:
    assert hits(index, row("go", turn)) == []


def test_queries_are_read_in_order_once_each_from_every_turn() -> None:
    texts = [
        "```sql\nSELECT a FROM b\n``` or `select c from d`",
        "QUERY: SELECT a FROM b",
        "with x as (select 1) select * from x",
    ]
    assert sql_of(row(*texts).messages) == ["SELECT a FROM b", "select c from d", "with x as (select 1) select * from x"]


SAME = [
    ("SELECT name FROM herbs WHERE price > 3", "select NAME\n from Herbs -- cheap\nwhere PRICE>99.5 /* x */;"),
    ("SELECT name FROM herbs WHERE city = 'oslo'", 'SELECT "name" FROM [herbs] WHERE `city` = "o\'brien"'),
    ("SELECT name FROM herbs WHERE price = 3", "SELECT T1.name AS n FROM herbs AS T1 WHERE T1.price = -7"),
    ("SELECT name FROM herbs WHERE price IN (1, 2, 3)", "SELECT name FROM herbs WHERE price IN (4)"),
    ("SELECT name FROM herbs ORDER BY price DESC LIMIT 1", "SELECT h.name FROM herbs h ORDER BY h.price DESC LIMIT 5"),
    (
        "SELECT city, COUNT(*) FROM herbs GROUP BY city ORDER BY COUNT(*)",
        "SELECT city, count( * ) AS n FROM herbs GROUP BY 1 ORDER BY n ASC",
    ),
    (
        "SELECT city FROM herbs GROUP BY city HAVING COUNT(*) > 2",
        "SELECT h.city FROM herbs h GROUP BY h.city HAVING count(*) > 9",
    ),
    (
        "SELECT a.x FROM t AS a JOIN u AS b ON a.id = b.id WHERE b.y = 1",
        "SELECT t.x FROM t INNER JOIN u ON t.id = u.id WHERE u.y = 2",
    ),
    ("SELECT a.x FROM t a, t b WHERE a.y < b.y", "SELECT p.x FROM t p, t q WHERE p.y < q.y"),
    (
        "SELECT x FROM t a WHERE EXISTS (SELECT 1 FROM u b WHERE b.z = a.z)",
        "SELECT x FROM t WHERE EXISTS (SELECT 2 FROM u WHERE u.z = t.z)",
    ),
    ("SELECT a AS n FROM t UNION SELECT b FROM u ORDER BY n", "(SELECT a FROM t UNION SELECT b AS m FROM u ORDER BY 1)"),
    ("SELECT q, MAX(p) AS p FROM t GROUP BY q ORDER BY p", "SELECT q, MAX(p) FROM t GROUP BY q ORDER BY MAX(p)"),
    ("SELECT substr(d, 1, 4) AS y FROM t GROUP BY y", "SELECT SUBSTR(d, 1, 4) FROM t GROUP BY SUBSTR(d, 1, 4)"),
]
DIFFERENT = [
    ("SELECT name FROM herbs", "SELECT name FROM teas"),
    ("SELECT name FROM herbs", "SELECT price FROM herbs"),
    ('SELECT "name" FROM herbs', 'SELECT "price" FROM herbs'),
    ("SELECT MAX(price) FROM herbs", "SELECT MIN(price) FROM herbs"),
    ("SELECT COUNT(name) FROM herbs", "SELECT COUNT(DISTINCT name) FROM herbs"),
    ("SELECT name FROM herbs WHERE price > 3", "SELECT name FROM herbs WHERE price < 3"),
    ("SELECT name FROM herbs WHERE price > 3", "SELECT name FROM herbs WHERE price >= 3"),
    ("SELECT name FROM herbs WHERE a = 1 AND b = 2", "SELECT name FROM herbs WHERE a = 1 OR b = 2"),
    ("SELECT name FROM herbs WHERE a IS NULL", "SELECT name FROM herbs WHERE a IS NOT NULL"),
    ("SELECT name FROM herbs WHERE a IN (1)", "SELECT name FROM herbs WHERE a NOT IN (1)"),
    ("SELECT name FROM herbs ORDER BY price", "SELECT name FROM herbs ORDER BY price DESC"),
    ("SELECT name FROM herbs ORDER BY price", "SELECT name FROM herbs ORDER BY price LIMIT 1"),
    ("SELECT name, price FROM herbs ORDER BY 1", "SELECT name, price FROM herbs ORDER BY 2"),
    ("SELECT * FROM herbs ORDER BY 1", "SELECT * FROM herbs ORDER BY 2"),
    ("SELECT a.x FROM t a JOIN u b ON a.id = b.id", "SELECT b.x FROM t a JOIN u b ON a.id = b.id"),
    ("SELECT a.x FROM t a, t b WHERE a.y < b.y", "SELECT b.x FROM t a, t b WHERE a.y < b.y"),
    ("SELECT x FROM t LEFT JOIN u ON t.a = u.a", "SELECT x FROM t JOIN u ON t.a = u.a"),
    ("SELECT MAX(p) AS p FROM t GROUP BY q ORDER BY p", "SELECT MIN(p) AS p FROM t GROUP BY q ORDER BY p"),
    ("SELECT COUNT(*) AS n FROM t GROUP BY q HAVING n > 1", "SELECT SUM(x) AS n FROM t GROUP BY q HAVING n > 1"),
    (
        "SELECT x FROM t WHERE a > (SELECT AVG(a) FROM t AS s WHERE s.b = t.b)",
        "SELECT x FROM t WHERE a > (SELECT AVG(a) FROM t AS s)",
    ),
    (
        "SELECT x FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.z = t.z)",
        "SELECT x FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.z = u.z)",
    ),
    ('SELECT t.x FROM t JOIN u ON t."a" = u."b"', 'SELECT t.x FROM t JOIN u ON t."a" = u."c"'),
    ("SELECT MAX(p) AS p FROM t GROUP BY q HAVING p > 1", "SELECT MAX(p) FROM t GROUP BY q HAVING MAX(p) > 1"),
    ("SELECT a AS n FROM t ORDER BY (SELECT n FROM u)", "SELECT a AS n FROM t ORDER BY (SELECT a FROM u)"),
    ("SELECT *, a FROM t ORDER BY 2", "SELECT *, a FROM t ORDER BY a"),
    (
        "SELECT m FROM (SELECT MAX(a) AS m, MIN(a) AS n FROM t) AS d",
        "SELECT m FROM (SELECT MAX(a) AS n, MIN(a) AS m FROM t) AS d",
    ),
    (
        "WITH c AS (SELECT MAX(a) AS m, MIN(a) AS n FROM t) SELECT m FROM c",
        "WITH c AS (SELECT MAX(a) AS n, MIN(a) AS m FROM t) SELECT m FROM c",
    ),
    ("WITH c AS (SELECT MAX(a) AS m FROM t) SELECT m FROM c", "WITH c AS (SELECT MAX(b) AS m FROM t) SELECT m FROM c"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_queries_that_differ_in_literals_names_and_writing_are_the_same(one: str, other: str) -> None:
    assert canonical_sql(one) == canonical_sql(other) is not None


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_queries_that_differ_in_a_table_a_column_or_an_operator_are_not(one: str, other: str) -> None:
    assert None not in (forms := {canonical_sql(one), canonical_sql(other)})
    assert len(forms) == 2


def test_the_canonical_form_can_be_read_by_a_person() -> None:
    assert canonical_sql(SQL) == (
        "SELECT beds.name FROM beds JOIN crops ON beds.crop_id = crops.id WHERE crops.kind = ? ORDER BY beds.water LIMIT ?"
    )


@pytest.mark.parametrize(
    "broken",
    [
        "",
        ";",
        "SELECT",
        "SELECT 1",
        "SELECT 'abc",
        "DROP TABLE x",
        "SELECT a FROM b; SELECT c FROM d",
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
    ],
)
def test_what_is_not_one_query_has_no_canonical_form(broken: str) -> None:
    assert canonical_sql(broken) is None


def test_queries_of_the_family_are_the_same_exactly_when_they_differ_in_literals(lexicon: Lexicon) -> None:
    rng = random.Random(3)
    templates = [*lexicon.templates, *lexicon.held_out_templates]
    queries = [
        draw_question(rng, lexicon, draw_tables(rng, lexicon, held_out=False), templates=templates).sql for _ in range(1000)
    ]
    masked = {sql: re.sub(r"'[^']*'|\b\d+\b", "?", sql) for sql in queries}
    pairs = {(form, canonical_sql(sql)) for sql, form in masked.items()}
    assert len({form for form, _ in pairs}) == len({form for _, form in pairs}) == len(pairs) > 100


# The allow-list and the limit


def leak(source: str = "chat", id: str = "r", matched: str = LONG, signal: str = "13-gram", item: str = "garden:0") -> Hit:
    return Hit(id, source, signal, matched, item)


def allow(tmp_path: Path, text: str) -> Allowed:
    path = tmp_path / "allowed.yaml"
    path.write_text(text)
    return Allowed.read(path)


def test_an_entry_allows_hits_of_its_source_and_signal_only(tmp_path: Path) -> None:
    allowed = allow(tmp_path, "- {source: chat, signal: 13-gram, reason: the same manual}")
    found = [leak(), leak(id="s"), leak("forum"), leak(signal="sql", matched="SELECT a FROM b")]
    leaks = judge(found, allowed, {"chat": 10, "forum": 10}, 1)
    assert leaks.allowed == {"chat": {"the same manual": 2}}
    assert leaks.signals == {"chat": {"sql": 1}, "forum": {"13-gram": 1}}
    assert (leaks.dropped, leaks.rows, leaks.stale) == (("r",), {"chat": 1, "forum": 1}, ())


def test_an_entry_with_words_allows_a_part_of_them_and_nothing_beyond(tmp_path: Path) -> None:
    preamble = "You are a careful assistant, think step by step and then answer the following question of a gardener:"
    allowed = allow(
        tmp_path, f"- source: chat\n  signal: 13-gram\n  reason: every benchmark opens so\n  matches: |\n    {preamble}\n"
    )
    index = Index.build([EvalItem("a", (f"{preamble} {LONG}",))])
    part = " ".join(preamble.upper().split()[:14])
    rows = [
        row(f"{preamble} why?", id="harmless"),
        row(f"{preamble}\n{LONG}", id="leak"),
        row(part, id="part"),
        row(LONG, id="bare"),
    ]
    assert judge(find(rows, index), allowed, {"chat": 4}, 1).dropped == ("bare", "leak")


def test_an_allowed_stretch_does_not_hide_the_leak_beside_it(tmp_path: Path, index: Index) -> None:
    allowed = allow(tmp_path, f"- {{source: chat, signal: 13-gram, reason: a proverb, matches: '{SHORT}'}}")
    both = find([row(SHORT, f"{LONG} {SHORT}")], index)
    leaks = judge(both, allowed, {"chat": 1}, 1)
    assert (leaks.dropped, leaks.allowed) == (("r",), {"chat": {"a proverb": 1}})


@pytest.mark.parametrize("matches", ["SELECT name FROM herbs WHERE price > 7", "SELECT name FROM herbs WHERE price > ?"])
def test_an_entry_with_sql_allows_that_query_with_any_literals(tmp_path: Path, matches: str) -> None:
    allowed = allow(tmp_path, f"- {{source: chat, signal: sql, reason: trivial, matches: {matches}}}")
    index = Index.build(
        [EvalItem("a", (), "SELECT name FROM herbs WHERE price > 1"), EvalItem("b", (), "SELECT city FROM herbs")]
    )
    found = find(
        [row("QUERY: x", "QUERY: select name from herbs where price > 12"), row("go", "SELECT city FROM herbs", id="s")], index
    )
    leaks = judge(found, allowed, {"chat": 2}, 1)
    assert (leaks.dropped, leaks.allowed, leaks.stale) == (("s",), {"chat": {"trivial": 1}}, ())


def test_an_entry_that_allows_nothing_is_stale(tmp_path: Path) -> None:
    allowed = allow(tmp_path, "- {source: chat, signal: sql, reason: old}\n- {source: chat, signal: 13-gram, reason: new}")
    assert judge([leak()], allowed, {"chat": 1}, 0).stale == (Entry("chat", "sql", "old"),)


def test_an_empty_list_allows_nothing(tmp_path: Path) -> None:
    assert allow(tmp_path, "# nothing yet\n") == Allowed() == allow(tmp_path, "[]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {source: chat, signal: sql}", r"entry 1 is \{'source': 'chat', 'signal': 'sql'\}, without reason: add it"),
        ("- {source: a, signal: sql, reason: b}\n- {source: chat, reason: x}", "entry 2 is .* without signal"),
        ("- {source: chat, signal: sql, reason: '  '}", "entry 1 has '  ' for reason"),
        ("- {source: chat, signal: sql, reason: x, match: y}", "entry 1 has the unknown key 'match': write matches"),
        ("- {source: chat, signal: 12-gram, reason: x}", "entry 1 has the signal '12-gram': write 13-gram or sql"),
        ("- {source: chat, signal: sql, reason: 3}", "entry 1 has 3 for reason"),
        ("- chat", "entry 1 is 'chat': write a mapping"),
        ("source: chat", "is a dict: make it a list"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        allow(tmp_path, text)


def test_a_share_above_the_limit_fails_with_the_first_hit_and_one_at_the_limit_does_not() -> None:
    found = [leak(id=f"r{n}") for n in range(3)]
    assert judge(found, Allowed(), {"chat": 100}, 0.03).rows == {"chat": 3}
    said = (
        rf"'chat': 3 of 99 rows \(3\.03%\).* mix\.max_leaks = 0\.03 .* row r0 has '{re.escape(LONG)}' \(13-gram\) of 'garden:0'"
    )
    with pytest.raises(DataError, match=said):
        judge(found, Allowed(), {"chat": 99}, 0.03)


def test_allowed_hits_do_not_count_to_the_limit() -> None:
    assert judge([leak()], Allowed((Entry("chat", "13-gram", "fine"),)), {"chat": 1}, 0).dropped == ()
    assert judge([], Allowed(), {"chat": 1}, 0).rows == {}


def test_rows_are_counted_not_hits_and_copies_of_a_row_count_each(index: Index) -> None:
    rows = [row(LONG, SQL), row(LONG, SQL), row(LONG, id="s")]
    leaks = judge(find(rows, index), Allowed(), {"chat": 3}, 1)
    assert (leaks.rows, leaks.signals, leaks.dropped) == ({"chat": 3}, {"chat": {"13-gram": 3, "sql": 2}}, ("r", "s"))


def test_hits_are_written_for_a_person_to_read(tmp_path: Path) -> None:
    found: Sequence[Hit] = [leak(id="s"), leak(id="r", matched="Wie groß wird Melisse?")]
    write_hits(tmp_path / "hits.jsonl", found, Allowed((Entry("chat", "13-gram", "fine", LONG),)))
    text = (tmp_path / "hits.jsonl").read_text(encoding="utf-8")
    assert "groß" in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["row_id"], line["eval_id"], line["allowed"]) for line in lines] == [
        ("r", "garden:0", None),
        ("s", "garden:0", "fine"),
    ]
