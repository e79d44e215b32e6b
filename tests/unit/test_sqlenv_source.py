"""The landed family: nothing held out stands on the training side of anything."""

import hashlib
import json
import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aj.errors import ParamsError
from aj.hashing import hash_tree
from aj.mix import tasks
from aj.mix.preference import check_pair
from aj.sources import rows, sqlenv
from aj.sources.card import SqlEnv, read
from aj.sqlenv.family import Lexicon, is_held_out
from aj.sqlenv.joins import Joins
from aj.sqlenv.questions import load

ROOT = Path(__file__).parents[2]
QUESTIONS = {"train": 40, "seen_schemas": 12, "unseen_schemas": 12, "unseen_phrasing": 12, "unseen_templates": 12}
JOINED = {
    "train_medium": 10, "medium": 9, "medium_phrasing": 4, "medium_templates": 4,
    "train_hard": 6, "hard": 9, "hard_phrasing": 4, "hard_templates": 4,
}  # fmt: skip
BEFORE_JOINS = "1335e00dd755560a65bf66d82b3089bb179cb2c838f0a5f66321803d4fb58404"


@pytest.fixture(scope="session")
def small() -> Callable[..., SqlEnv]:
    """The repository's card with few rows."""

    def make(**changes: Any) -> SqlEnv:
        card = read("sqlenv")
        assert isinstance(card, SqlEnv)
        few = {"demonstrations": 60, "held_out_demonstrations": 20, "pairs": 60, "held_out_pairs": 20, "questions": QUESTIONS}
        return SqlEnv(**{**vars(card), **few, **changes})

    return make


@pytest.fixture(scope="session")
def landed(small: Callable[..., SqlEnv], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("landed")
    assert sqlenv.land(small(), "sqlenv", out, seed=3, system="") == 60 + 20 + 60 + 20 + 40 + 4 * 12
    return out


@pytest.fixture(scope="session")
def asked(landed: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((landed / "questions.json").read_text())
    return found


def demonstrations(landed: Path) -> list[dict[str, Any]]:
    return rows.read_all(landed / "rows" / "demonstrations.parquet")


def pairs(landed: Path) -> list[dict[str, Any]]:
    return rows.read_all(landed / "pairs.parquet")


def test_the_same_seed_lands_the_same_bytes(landed: Path, small: Callable[..., SqlEnv], tmp_path: Path) -> None:
    sqlenv.land(small(), "sqlenv", tmp_path / "again", seed=3, system="")
    assert hash_tree(tmp_path / "again") == hash_tree(landed)
    sqlenv.land(small(), "sqlenv", tmp_path / "other", seed=4, system="")
    other = hash_tree(tmp_path / "other")
    assert set(other) == set(hash_tree(landed))
    assert not set(other.values()) & set(hash_tree(landed).values())


def test_more_demonstrations_leave_the_first_ones_and_the_questions_alone(
    landed: Path, small: Callable[..., SqlEnv], tmp_path: Path
) -> None:
    sqlenv.land(small(demonstrations=70), "sqlenv", tmp_path, seed=3, system="")
    assert demonstrations(tmp_path)[:60] == demonstrations(landed)[:60]
    assert demonstrations(tmp_path)[70:] == demonstrations(landed)[60:]
    assert (tmp_path / "questions.json").read_bytes() == (landed / "questions.json").read_bytes()


def test_every_row_is_on_the_side_that_it_says(landed: Path, asked: list[dict[str, Any]], lexicon: Lexicon) -> None:
    sided = [(r["group"], r["split"] == "held_out") for r in demonstrations(landed) + pairs(landed)]
    sided += [(q["group"], q["split"] not in ("train", "seen_schemas")) for q in asked]
    assert len(sided) == 248
    for group, held_out in sided:
        assert {is_held_out(schema, lexicon.held_out_share) for schema in group.split()} == {held_out}, group


def test_training_and_evaluation_share_no_schema(landed: Path, asked: list[dict[str, Any]]) -> None:
    trained = [r["group"] for r in demonstrations(landed) + pairs(landed) if r["split"] == "train"]
    trained += [q["group"] for q in asked if q["split"] == "train"]
    unseen = [r["group"] for r in demonstrations(landed) + pairs(landed) if r["split"] == "held_out"]
    unseen += [q["group"] for q in asked if q["split"].startswith("unseen")]
    seen, kept_out = ({schema for group in groups for schema in group.split()} for groups in (trained, unseen))
    assert len(kept_out) > 50 and not seen & kept_out


def test_the_group_names_the_schemas_that_the_text_shows(landed: Path, asked: list[dict[str, Any]]) -> None:
    for row in demonstrations(landed) + pairs(landed):
        text = row.get("messages") or row["prompt"]
        shown = re.search(r"tables: (\w+), (\w+)", text)
        assert shown
        assert sorted(shown.groups()) == [schema.partition("(")[0] for schema in row["group"].split()]
    for question in asked:
        assert re.search(r"FROM (\w+)", question["query"])[1] in question["group"]  # type: ignore[index]


def test_seen_schemas_are_those_of_training_with_other_rows(landed: Path, asked: list[dict[str, Any]]) -> None:
    by_split = {s: {q["group"] for q in asked if q["split"] == s} for s in QUESTIONS}
    assert by_split["seen_schemas"] <= by_split["train"]
    files = hash_tree(landed / "database")
    assert len(set(files.values())) == len(files)


def test_held_out_templates_and_phrasings_are_never_trained_on(
    landed: Path, asked: list[dict[str, Any]], lexicon: Lexicon
) -> None:
    templates = {s: {q["template"] for q in asked if q["split"] == s} for s in QUESTIONS}
    assert templates["unseen_templates"] == {t.name for t in lexicon.held_out_templates}
    assert not templates["unseen_templates"] & (templates["train"] | templates["seen_schemas"] | templates["unseen_schemas"])
    text = "\n".join([r["messages"] for r in demonstrations(landed)] + [r["prompt"] + r["chosen"] for r in pairs(landed)])
    text += "\n".join(q["query"] for q in asked if q["split"] == "train")
    assert len(re.findall(r"SELECT SUM", text)) > 5
    assert not re.search(r"SUM\([^)]*\) FROM \w+ WHERE|COUNT\( \* \) FROM \w+ WHERE \w+ <", text)
    held_out = [re.sub(r"\\\{\w\\\}", r"[a-z0-9]+", re.escape(p)) for t in lexicon.templates for p in t.held_out_phrasing]
    unseen = [q["question"] for q in asked if q["split"] == "unseen_phrasing"]
    assert all(any(re.fullmatch(p, question) for p in held_out) for question in unseen)
    assert not any(re.search(p, text) for p in held_out)


def test_every_question_is_loaded_with_its_gold_checked(landed: Path) -> None:
    questions = load(landed)
    assert len({q.id for q in questions}) == len(questions) == 88
    assert all(len(q.tables) == 2 for q in questions)


@pytest.fixture(scope="session")
def joined(small: Callable[..., SqlEnv], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same source with questions that need joins."""
    out = tmp_path_factory.mktemp("joined")
    sqlenv.land(small(questions=QUESTIONS | JOINED), "sqlenv", out, seed=3, system="Explore.")
    return out


def test_the_card_asks_for_joins_in_evaluation_and_for_none_in_training() -> None:
    card = read("sqlenv")
    assert isinstance(card, SqlEnv)
    assert {s: card.questions[s] for s in ("medium", "hard", "train_medium", "train_hard")} == {
        "medium": 60, "hard": 60, "train_medium": 0, "train_hard": 0,
    }  # fmt: skip


def test_no_join_asked_for_leaves_every_byte_as_it_is(landed: Path, small: Callable[..., SqlEnv], tmp_path: Path) -> None:
    sqlenv.land(small(questions=QUESTIONS | dict.fromkeys(JOINED, 0)), "sqlenv", tmp_path, seed=3, system="")
    assert hash_tree(tmp_path) == hash_tree(landed)


def test_the_easy_family_is_what_it_was_before_there_were_joins(landed: Path, asked: list[dict[str, Any]]) -> None:
    # The content, because the bytes of Parquet and SQLite files name the library's version. A change of lexicon.yaml, of
    # the generator or of what the environment says changes it: then put the new digest here.
    old = [{k: v for k, v in q.items() if k != "difficulty"} for q in asked]
    databases = []
    for path in sorted((landed / "database").glob("*/*.sqlite")):
        with closing(sqlite3.connect(path)) as connection:
            databases.append([path.stem, *connection.iterdump()])
    content = json.dumps([demonstrations(landed), pairs(landed), old, databases], sort_keys=True)
    assert hashlib.sha256(content.encode()).hexdigest() == BEFORE_JOINS


def test_joins_are_added_behind_and_change_nothing_else(small: Callable[..., SqlEnv], joined: Path, tmp_path: Path) -> None:
    sqlenv.land(small(), "sqlenv", tmp_path, seed=3, system="Explore.")
    before, after = hash_tree(tmp_path), hash_tree(joined)
    assert {k: after[k] for k in before if k != "questions.json"} == {k: v for k, v in before.items() if k != "questions.json"}
    easy, all_ = (json.loads((folder / "questions.json").read_text()) for folder in (tmp_path, joined))
    assert all_[: len(easy)] == easy
    assert {q["difficulty"] for q in easy} == {"easy"}
    assert len(all_) == len(easy) + sum(JOINED.values())


def test_questions_with_joins_are_of_their_split_and_difficulty(joined: Path) -> None:
    found = Counter((q.split, q.difficulty) for q in load(joined) if q.difficulty != "easy")
    assert found == {
        ("train", "medium"): 10, ("train", "hard"): 6, ("medium", "medium"): 9, ("hard", "hard"): 9,
        ("medium_phrasing", "medium"): 4, ("medium_templates", "medium"): 4, ("hard_phrasing", "hard"): 4, ("hard_templates", "hard"): 4,
    }  # fmt: skip
    assert all(q.messages[0] == {"role": "system", "content": "Explore."} for q in load(joined))


def test_the_mix_learns_from_the_trained_joins_only_and_keeps_groups_apart(joined: Path, lexicon: Lexicon) -> None:
    learned, evaluation = tasks.divide(joined.parent, [joined.name])
    assert Counter(q["difficulty"] for q in learned) == {"easy": 40, "medium": 10, "hard": 6}
    assert {q["split"] for q in evaluation} == {*QUESTIONS, *JOINED} - {"train", "train_medium", "train_hard"}
    sides = [{schema for q in questions for schema in q["group"].split()} for questions in (learned, tasks.unseen(evaluation))]
    for schemas, held_out in zip(sides, (False, True), strict=True):
        assert {is_held_out(schema, lexicon.held_out_share) for schema in schemas} == {held_out}
    assert len({tasks.name(q) for q in learned + evaluation}) == len(learned + evaluation)


def test_join_templates_and_phrasings_are_held_out_where_the_split_says_so(joined: Path) -> None:
    joins = Joins.read(ROOT / "data" / "sources" / "sqlenv" / "joins.yaml")
    for question in load(joined):
        if question.difficulty != "easy":
            level, split = joins.levels[question.difficulty], question.id.rsplit("-", 1)[0]
            other = split.endswith("_templates")
            templates = {t.name: t for t in (level.held_out_templates if other else level.templates)}
            texts = templates[question.template]
            of = texts.held_out_phrasing if split.endswith("_phrasing") else texts.phrasing
            assert any(re.fullmatch(re.sub(r"\\\{\w+\\\}", r"[a-z0-9]+", re.escape(p)), question.text) for p in of), question


def test_the_group_of_a_question_with_joins_names_all_its_tables(joined: Path) -> None:
    groups = {q["id"]: q["group"] for q in json.loads((joined / "questions.json").read_text())}
    for question in load(joined):
        assert sorted(question.tables) == [schema.partition("(")[0] for schema in groups[question.id].split()]


def test_every_pair_passes_the_check_of_the_mix(landed: Path) -> None:
    for place, row in rows.read(landed / "pairs.parquet"):
        assert check_pair(row, place)["broken_rule"]


def test_demonstrations_end_with_an_answer(landed: Path) -> None:
    last = [json.loads(r["messages"])[-1] for r in demonstrations(landed)]
    assert {m["role"] for m in last} == {"assistant"}
    assert all(m["content"].startswith("ANSWER: ") for m in last)


def test_the_system_message_reaches_every_kind_of_row(small: Callable[..., SqlEnv], tmp_path: Path) -> None:
    few = small(demonstrations=2, held_out_demonstrations=1, pairs=2, held_out_pairs=1, questions={"train": 2})
    sqlenv.land(few, "sqlenv", tmp_path, seed=1, system="Explore.")
    wanted = {"role": "system", "content": "Explore."}
    assert all(json.loads(r["messages"])[0] == wanted for r in demonstrations(tmp_path))
    assert all(json.loads(r["prompt"])[0] == wanted for r in pairs(tmp_path))
    assert all(q.messages[0] == wanted for q in load(tmp_path))


@pytest.mark.parametrize(
    ("questions", "said"),
    [
        ({"trian": 3}, "split 'trian': known splits are train, seen_schemas"),
        ({"seen_schemas": 3}, "for none of split 'train': add train"),
        ({"seen_schemas": 3, "train": 0}, "for none of split 'train': add train"),
    ],
)
def test_splits_that_cannot_be_made_are_refused(
    small: Callable[..., SqlEnv], tmp_path: Path, questions: dict[str, int], said: str
) -> None:
    with pytest.raises(ParamsError, match=said):
        sqlenv.land(small(questions=questions), "sqlenv", tmp_path, seed=1, system="")
