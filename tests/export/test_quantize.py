"""Quantizing: close to the original, the same bytes each time, nothing lost; and how close is measured."""

import math

import gguf
import numpy as np
import pytest

from aj.errors import ExportError
from aj.evaluation.llama_engine import LlamaEngine
from aj.export.gguf import read_metadata, write_gguf
from aj.export.gguf_file import tensor_hash
from aj.export.parity import Parity, compare, kl_divergence, top1_agreement
from aj.export.quantize import FLAVOURS, fallbacks, quantize


@pytest.fixture(scope="module")
def quantized(gguf_file, tmp_path_factory):
    """Flavour -> (file, counts of tensor types)."""
    folder = tmp_path_factory.mktemp("quantized")
    files = {flavour: folder / f"{flavour}.gguf" for flavour in FLAVOURS}
    return {flavour: (file, quantize(gguf_file, file, flavour, threads=1)) for flavour, file in files.items()}


def parity_of(reference, candidate, rows):
    with LlamaEngine(reference, threads=1) as left, LlamaEngine(candidate, threads=1) as right:
        return compare(left.logits(rows), right.logits(rows))


def test_every_flavour_loads_and_more_bits_are_closer(gguf_file, quantized, token_rows):
    divergence = {name: parity_of(gguf_file, file, token_rows).mean_kl for name, (file, _) in quantized.items()}
    assert 0 < divergence["q8"] < 0.02  # random weights: far worse than a trained model's 0.001
    assert divergence["q8"] < divergence["q6k"] < divergence["q5km"] < divergence["q4km"]


def test_q8_agrees_on_nearly_all_first_choices_and_answers(gguf_file, quantized, token_rows):
    parity = parity_of(gguf_file, quantized["q8"][0], token_rows)
    assert parity.top1 > 0.85
    assert parity.positions == sum(map(len, token_rows))
    with LlamaEngine(quantized["q4km"][0], threads=1) as engine:
        assert all(engine.generate(token_rows[:3], 5))


def test_types_are_counted_as_they_are_in_the_file(quantized):
    for flavour, (file, counts) in quantized.items():
        found = [tensor.tensor_type.name for tensor in gguf.GGUFReader(file).tensors]
        assert counts == {name: found.count(name) for name in sorted(set(found))}
        assert fallbacks(counts, flavour) == {}
    assert quantized["q4km"][1].keys() == {"F32", "Q4_K", "Q6_K"}
    assert quantized["q8"][1].keys() == {"F32", "Q8_0"}


def test_rows_that_no_k_quant_can_hold_are_reported(make_base, tmp_path):
    write_gguf(make_base(hidden=192), tmp_path / "odd.gguf", metadata={})
    counts = quantize(tmp_path / "odd.gguf", tmp_path / "odd-q4km.gguf", "q4km", threads=1)
    assert set(fallbacks(counts, "q4km")) == {"Q5_0", "Q8_0"}


def test_custom_metadata_and_the_template_survive(gguf_file, quantized):
    before, after = read_metadata(gguf_file), read_metadata(quantized["q4km"][0])
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed == {"general.file_type", "general.quantization_version"}
    assert after["aj.lineage"] == '{"parent": null}'


@pytest.mark.parametrize("flavour", ["q8", "q4km"])
def test_one_and_two_threads_give_the_same_bytes(gguf_file, quantized, tmp_path, flavour):
    quantize(gguf_file, tmp_path / "two.gguf", flavour, threads=2)
    assert (tmp_path / "two.gguf").read_bytes() == quantized[flavour][0].read_bytes()


def test_the_tensor_hash_ignores_metadata_and_sees_a_flipped_byte(qwen, tmp_path):
    files = [tmp_path / "a.gguf", tmp_path / "b.gguf"]
    for file in files:
        write_gguf(qwen, tmp_path / "f32.gguf", metadata={"general.name": file.name * 9})
        quantize(tmp_path / "f32.gguf", file, "q8", threads=1)
    assert files[0].read_bytes() != files[1].read_bytes()
    assert tensor_hash(files[0]) == tensor_hash(files[1])
    data = bytearray(files[1].read_bytes())
    data[-100] ^= 1
    files[1].write_bytes(data)
    assert tensor_hash(files[0]) != tensor_hash(files[1])


def test_an_unknown_flavour_is_an_error_that_lists_the_known_ones(gguf_file, tmp_path):
    with pytest.raises(ExportError, match=r"'q3'.*q8, q6k, q5km, q4km"):
        quantize(gguf_file, tmp_path / "out.gguf", "q3", threads=1)


def test_a_refusal_carries_llama_cpps_own_words_and_leaves_no_file(gguf_file, quantized, tmp_path, capfd):
    with pytest.raises(ExportError, match="requantizing from type q8_0 is disabled"):
        quantize(quantized["q8"][0], tmp_path / "out.gguf", "q4km", threads=1)
    with pytest.raises(ExportError, match=r"absent\.gguf"):
        quantize(tmp_path / "absent.gguf", tmp_path / "out.gguf", "q8", threads=1)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == ""


def test_divergence_is_in_nats_with_the_reference_first():
    p, q = np.array([[math.log(0.75), math.log(0.25)]]), np.array([[7.0, 7.0]])
    expected = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert kl_divergence(p, q) == pytest.approx([expected])
    assert kl_divergence(q, p) != pytest.approx([expected])
    assert kl_divergence(p, p + 1000) == pytest.approx([0.0])  # logits are only known up to a constant


def test_divergence_and_agreement_are_a_position_each_over_many_positions():
    p = np.random.default_rng(1).normal(size=(150, 20)).astype(np.float32)  # more than a block of positions
    q = p[:, ::-1]
    assert kl_divergence(p, q).shape == top1_agreement(p, q).shape == (150,)
    assert kl_divergence(p, q)[140] == pytest.approx(kl_divergence(p[140:141], q[140:141])[0])
    assert top1_agreement(p, p).all()
    assert not top1_agreement(p, q).any()


def test_a_comparison_averages_over_positions_not_over_rows():
    same, other = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]] * 3)
    parity = compare(iter([same, other]), iter([same, other[:, ::-1]]))
    each = kl_divergence(other, other[:, ::-1])[0]
    assert parity == Parity(pytest.approx(each * 0.75), pytest.approx(each), 0.25, 4, 1.0)


@pytest.mark.parametrize(
    ("candidate", "match"),
    [
        ([np.zeros((2, 6))], r"\(2, 5\) and \(2, 6\).*padding"),
        ([np.zeros((2, 5))] * 2, "differ in rows"),
        ([], "differ in rows"),
        ([np.full((2, 5), np.nan)], "not finite"),
    ],
)
def test_logits_that_cannot_be_compared_are_an_error(candidate, match):
    with pytest.raises(ExportError, match=match):
        compare([np.zeros((2, 5))], candidate)


def test_comparing_nothing_is_not_a_pass():
    with pytest.raises(ExportError, match="No position"):
        compare([], [])
