"""params.yaml: what is refused, and with which words."""

import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aj.errors import ParamsError
from aj.params import derive, load, read_yaml

ROOT = Path(__file__).parents[2]
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Path]:
    """The repository's parameters with keys changed: dotted key -> the YAML text of its value, "" to remove it."""

    def edit(**changes: str) -> Path:
        tree = read_yaml(ROOT / "params.yaml")
        for dotted in changes:
            *above, key = dotted.split(".")
            section = functools.reduce(lambda inner, name: inner[name], above, tree)
            section[key] = f"@{dotted}@"
            if not changes[dotted]:
                del section[key]
        text = json.dumps(tree)  # YAML 1.2 holds JSON
        for dotted, value in changes.items():
            text = text.replace(f'"@{dotted}@"', value)
        (tmp_path / "params.yaml").write_text(text)
        return tmp_path / "params.yaml"

    return edit


def problems(path: Path) -> list[str]:
    with pytest.raises(ParamsError) as caught:
        load(path)
    return [line.removeprefix(f"{path}: ") for line in str(caught.value).splitlines()]


@pytest.mark.parametrize("path", [ROOT / "params.yaml", *PROFILES], ids=lambda p: p.name)
def test_the_parameter_files_of_the_repository_load(path: Path) -> None:
    params = load(path)
    assert params.sft.steps > 0
    assert sum(s.share for s in params.sources.values()) == pytest.approx(1)


def test_every_key_has_a_place_in_the_file_and_every_section_a_docstring() -> None:
    params = load(ROOT / "params.yaml")
    assert set(read_yaml(ROOT / "params.yaml")) == {f.name for f in dataclasses.fields(params)}


def test_an_unknown_key_names_the_nearest_one(edited: Callable[..., Path]) -> None:
    assert problems(edited(lora_alfa="32")) == ["unknown key 'lora_alfa' (value 32): did you mean 'lora_alpha'?"]
    assert problems(edited(lora_alpha="", lora_alfa="32")) == ["unknown key 'lora_alfa' (value 32): did you mean 'lora_alpha'?"]


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("grpo.group_sizes", "grpo.group_size"),
        ("grpo.weights.progres", "grpo.weights.progress"),
        ("sources.sqlenv.shares", "sources.sqlenv.share"),
        ("pretrain.vocabulary_size", "pretrain.vocab_size"),
        ("sft.num_steps", "sft.steps"),
    ],
)
def test_an_unknown_key_in_a_section_is_named_with_its_path(edited: Callable[..., Path], key: str, near: str) -> None:
    assert problems(edited(**{key: "5"})) == [f"unknown key {key!r} (value 5): did you mean {near!r}?"]


def test_a_key_like_no_other_gets_the_list(edited: Callable[..., Path]) -> None:
    [said] = problems(edited(zzzzqqq="1"))
    assert said.startswith("unknown key 'zzzzqqq' (value 1): known keys: code, version, seed")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("lora_r", "abc", "lora_r is 'abc': it must be a valid integer."),
        ("lora_r", "true", "lora_r is True: it must be a valid integer."),
        ("lora_r", "1.0", "lora_r is 1.0: it must be a valid integer."),
        ("lora_r", "0", "lora_r is 0: it must be greater than or equal to 1."),
        ("lora_r", "", "lora_r is missing: add it (see profiles/tiny.yaml for a complete file)."),
        ("lora_dropout", "true", "lora_dropout is True: it must be a valid number."),
        ("merge.tolerance", ".nan", "merge.tolerance is nan: it must be a finite number."),
        ("sft.packing", "0", "sft.packing is 0: it must be a valid boolean."),
        ("version", "1.1", "version is 1.1: it must be a valid string."),
        ("mix.shortage", "borrow", "mix.shortage is 'borrow': it must be 'cap', 'repeat' or 'fail'."),
        ("grpo.group_size", "1", "grpo.group_size is 1: it must be greater than or equal to 2."),
    ],
)
def test_a_wrong_value_is_named_with_its_key(edited: Callable[..., Path], key: str, value: str, said: str) -> None:
    assert problems(edited(**{key: value})) == [said]


def test_a_version_of_two_numbers_is_refused_also_as_text(edited: Callable[..., Path]) -> None:
    assert problems(edited(version='"1.1"')) == [
        "version '1.1' is not major.minor.patch: write three numbers, for example 0.1.0."
    ]


def test_exponents_are_numbers(edited: Callable[..., Path]) -> None:
    params = load(edited(**{"dpo.beta": "1e-4", "sft.learning_rate": "3e-05"}))
    assert (params.dpo.beta, params.sft.learning_rate) == (0.0001, 0.00003)
    assert isinstance(params.dpo.beta, float)


def test_the_shares_must_add_up_to_one(edited: Callable[..., Path]) -> None:
    assert problems(edited(sources="{sqlenv: {share: 0.9}, agent: {share: 0.03}}")) == [
        "the shares of sources add up to 0.93: make them add up to 1."
    ]
    assert problems(edited(sources="{}")) == ["sources is empty: name at least one folder of data/sources/."]


def test_several_problems_are_reported_together(edited: Callable[..., Path]) -> None:
    said = problems(edited(lora_alpha="", lora_alfa="32", lora_r="abc", lora_dropout="2.0"))
    assert [s.split(" is ")[0] for s in said] == [
        "unknown key 'lora_alfa' (value 32): did you mean 'lora_alpha'?", "lora_r", "lora_dropout",
    ]  # fmt: skip
    said = problems(
        edited(code="Tiny.SQL", sources="{sqlenv: {share: 0.5}}", **{"pretrain.hidden_size": "200", "pretrain.heads": "7"})
    )
    assert len(said) == 4


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("base.origin", "hub", "base.id"),
        ("base", "{origin: hub, id: a/b, revision: main, licence: MIT, chat_template: tokenizer}", "base.revision"),
        ("pretrain.heads", "7", "pretrain.heads"),
        ("pretrain.kv_heads", "3", "pretrain.heads"),
        ("sft.eval_steps", "1000000", "sft.eval_steps"),
        ("dpo.warmup_steps", "1000000", "dpo.warmup_steps"),
        ("pretrain.context_length", "20", "mix.max_length"),
        ("grpo.weights.correctness", "0.0", "grpo.weights.correctness"),
        ("grpo.batch_size", "1000003", "grpo.batch_size"),
        ("pretrain", "null", "base.origin"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(edited: Callable[..., Path], key: str, value: str, named: str) -> None:
    assert problems(edited(**{key: value}))[0].startswith(f"{named} is ")


def test_a_file_that_is_missing_broken_or_empty_gives_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="does not exist: create it"):
        load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1\n")
    with pytest.raises(ParamsError, match="is not valid YAML"):
        load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("code: A\ncode: B\n")
    with pytest.raises(ParamsError, match="duplicate key"):
        load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("")
    with pytest.raises(ParamsError, match="holds no mapping of keys"):
        load(tmp_path / "params.yaml")


def test_a_derived_seed_is_stable_and_differs_by_purpose() -> None:
    assert (derive(17, "mix"), derive(17, "tokenizer"), derive(18, "mix")) == (412989626, 1019002375, 1129512440)
    purposes = ["mix", "tokenizer", "corpus", "weights", "batches", "demonstrations train", "questions train"]
    seeds = [derive(17, purpose) for purpose in purposes]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)
