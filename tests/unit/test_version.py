"""Artifact names: the grammar, back and forth."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aj.errors import ParamsError
from aj.version import CODE, FLAVOURS, Version

CODES = st.from_regex(CODE, fullmatch=True)
NUMBERS = st.integers(0, 10**6)


@settings(deadline=None, max_examples=60)
@given(CODES, NUMBERS, NUMBERS, NUMBERS, st.sampled_from(FLAVOURS))
def test_a_name_is_read_back_as_it_was_written(code: str, major: int, minor: int, patch: int, flavour: str) -> None:
    version = Version(code, major, minor, patch, flavour)
    assert Version.parse(str(version)) == version
    assert Version.of(code, version.number, flavour) == version


def test_a_code_may_hold_hyphens_so_names_are_parsed_from_the_right() -> None:
    assert Version.parse("AJ-Llama33-70B-v3.0.0-q4km") == Version("Llama33-70B", 3, 0, 0, "q4km")
    assert Version.parse("AJ-DeepSeekR1Qwen32B-v2.0.0-q4km") == Version("DeepSeekR1Qwen32B", 2, 0, 0, "q4km")
    assert Version.parse("AJ-A-v1-v1.2.3-lora") == Version("A-v1", 1, 2, 3, "lora")


@pytest.mark.parametrize("name", ["AJ-Qwen2.5-7B-v1.0.0-lora", "AJ-Llava1.6-v1.0.0-lora"])
def test_a_code_with_a_dot_is_refused_with_a_hint(name: str) -> None:
    with pytest.raises(ParamsError, match=r"is not an artifact name: .* \(a code has no dots\)"):
        Version.parse(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "AJ-X-v1.0-lora", "AJ-X-v1.0.0", "AJ-X-v01.0.0-lora", "AJ-X-1.0.0-lora", "BJ-X-v1.0.0-lora", "AJ--v1.0.0-lora",
        "AJ-X--Y-v1.0.0-lora", "AJ-X-v1.0.0-lora\n", " AJ-X-v1.0.0-lora", "AJ-X-v1٣.0.0-lora", "aj-X-v1.0.0-lora",
    ],
)  # fmt: skip
def test_what_does_not_follow_the_grammar_is_refused(name: str) -> None:
    with pytest.raises(ParamsError, match="is not an artifact name: write AJ-Code-v1"):
        Version.parse(name)


def test_an_unknown_flavour_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParamsError, match="flavour 'q3' is unknown: use one of lora, merged"):
        Version.parse("AJ-X-v1.0.0-q3")


def test_a_bad_code_is_refused_with_a_good_one_to_copy() -> None:
    with pytest.raises(ParamsError, match=r"code 'Qwen2\.5' is not a valid name: .*'Qwen25'"):
        Version.of("Qwen2.5", "1.0.0", "lora")
    with pytest.raises(ParamsError, match=r"version '1\.0' is not major\.minor\.patch"):
        Version.of("X", "1.0", "lora")


def test_order_is_by_number_and_then_by_the_table_of_flavours() -> None:
    names = ["v0.10.0-lora", "v0.9.0-q4km", "v0.9.0-lora", "v1.0.0-lora", "v0.9.0-merged", "v0.9.0-q8"]
    versions = sorted(Version.parse(f"AJ-X-{name}") for name in names)
    assert [f"v{v.number}-{v.flavour}" for v in versions] == [
        "v0.9.0-lora", "v0.9.0-merged", "v0.9.0-q8", "v0.9.0-q4km", "v0.10.0-lora", "v1.0.0-lora",
    ]  # fmt: skip
    assert versions[-1] >= versions[0]
