"""The llama.cpp engine: many at a time gives what one at a time gives, in order."""

import numpy as np
import pytest

from aj.errors import ExportError
from aj.evaluation.llama_engine import LlamaEngine


@pytest.fixture(scope="module")
def engine(gguf_file):
    with LlamaEngine(gguf_file, threads=1, max_length=96, parallel=5) as engine:
        yield engine


def test_batched_answers_are_those_of_one_at_a_time(gguf_file, engine, token_rows):
    batched = engine.generate(token_rows, 24)
    assert batched == [engine.generate([row], 24)[0] for row in token_rows]
    assert engine.generate(token_rows[::-1], 24) == batched[::-1]
    with LlamaEngine(gguf_file, threads=1, max_length=96, parallel=32) as wider:
        assert wider.generate(token_rows, 24) == batched
    lengths = {len(answer) for answer in batched}
    assert len(lengths) > 3  # slots became free at different times


def test_an_answer_ends_with_eos_where_it_is_reached_and_never_has_it_before(engine, token_rows):
    answers = engine.generate(token_rows, 24)
    ended = [answer for answer in answers if answer[-1] == engine.eos_token_id]
    assert 3 < len(ended) < len(answers)
    for answer in answers:
        assert engine.eos_token_id not in answer[:-1]
        assert answer[-1] == engine.eos_token_id or len(answer) == 24


def test_a_context_without_room_gets_an_empty_answer_and_the_others_theirs(engine, token_rows):
    full, nearly, over = [5] * 96, [5] * 95, [5] * 1000
    first, empty, one, none, last = engine.generate([token_rows[0], full, nearly, over, token_rows[1]], 24)
    assert (empty, none) == ([], [])
    assert len(one) == 1
    assert [first, last] == engine.generate(token_rows[:2], 24)


def test_generation_stops_at_the_maximum_length(engine, token_rows):
    for row, answer in zip(token_rows, engine.generate(token_rows, 500), strict=True):
        assert len(row) + len(answer) == 96 or answer[-1] == engine.eos_token_id


def test_a_long_context_is_continued_as_a_roomier_engine_would(gguf_file, engine):
    context = [3 + i % 380 for i in range(90)]
    with LlamaEngine(gguf_file, threads=1, max_length=200, parallel=1) as roomy:
        assert roomy.generate([context], 6) == engine.generate([context], 6)


def test_nothing_is_generated_for_no_context_or_no_tokens(engine, token_rows):
    assert engine.generate([], 24) == []
    assert engine.generate(token_rows[:2], 0) == [[], []]
    with pytest.raises(ValueError, match="empty"):
        engine.generate([[1], []], 24)


def test_logits_come_for_every_position_in_the_order_of_the_rows(engine, token_rows):
    together = list(engine.logits(token_rows))
    assert [rows.shape for rows in together] == [(len(row), 512) for row in token_rows]
    assert all(rows.dtype == np.float32 for rows in together)
    for row, logits in zip(token_rows, together, strict=True):
        [alone] = engine.logits([row])
        assert np.abs(alone - logits).max() < 1e-3
    first = [int(logits[-1].argmax()) for logits in together]
    assert first == [answer[0] for answer in engine.generate(token_rows, 1)]


def test_logits_given_out_stay_valid_while_the_engine_works_on(engine, token_rows):
    lazy = engine.logits(token_rows)
    head = next(lazy)
    kept = head.copy()
    engine.generate(token_rows[5:9], 8)
    rest = list(lazy)
    assert np.array_equal(head, kept)
    assert np.abs(rest[-1] - next(engine.logits(token_rows[-1:]))).max() < 1e-3


@pytest.mark.parametrize("row", [[], [5] * 97])
def test_a_row_that_does_not_fit_is_an_error(engine, row):
    with pytest.raises(ValueError, match="takes 1 to 96"):
        next(engine.logits([[1, 2], row]))


def test_tokenize_knows_special_tokens_and_adds_none(engine):
    ids = engine.tokenize("<|im_start|>user\n<|im_end|>")
    assert (ids[0], ids[-1]) == (1, 2)
    assert engine.tokenize("") == []
    assert len(engine.tokenize("a\0b")) == 3
    assert engine.eos_token_id == 2


def test_the_library_says_nothing_on_stderr(gguf_file, capfd):
    with LlamaEngine(gguf_file, threads=1, parallel=2) as engine:
        engine.generate([[1, 2, 3]], 3)
    captured = capfd.readouterr()
    assert captured.err == captured.out == ""


def test_a_file_that_is_no_model_is_an_error_with_llama_cpps_own_words(tmp_path):
    (tmp_path / "text.gguf").write_text("this is not a model")
    with pytest.raises(ExportError, match=r"text\.gguf.*magic"):
        LlamaEngine(tmp_path / "text.gguf", threads=1)


def test_an_engine_can_be_closed_twice(gguf_file):
    engine = LlamaEngine(gguf_file, threads=1, parallel=1)
    engine.close()
    engine.close()
