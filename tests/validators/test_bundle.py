"""The bundle validator: labelled cases, hostile and slow texts, fuzz, the safe loader, references, secrets, the CLI."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aj.validators.definitions.bundle import bundle_validate_passes
from aj.validators.definitions.fields import MOST_REASONS, tables
from aj.validators.definitions.quartz import cron_error, zone_known
from aj.validators.documents import DEEPEST, YamlRefused, load, scalar
from aj.validators.score import Score
from aj.validators.secret.names import is_telling
from aj.validators.secret.values import is_credential
from tests.validators.labelled import in_time

CASES: list[dict[str, Any]] = yaml.load(
    (Path(__file__).parent / "cases" / "bundle.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
)
N = 20_000


def judge(text: str, context: dict[str, Any] | None = None) -> Score:
    return bundle_validate_passes(text, context or {})


def test_no_case_is_judged_wrongly() -> None:
    """False accepts and false rejects are both zero, and the first code is the labelled one."""
    accepts, rejects, codes = [], [], []
    for case in CASES:
        score = judge(case["text"], case.get("context"))
        if score.passed and not case["passes"]:
            accepts.append(case["id"])
        elif not score.passed and case["passes"]:
            rejects.append((case["id"], score.reasons[0]))
        elif not case["passes"] and score.codes[0] != case["code"]:
            codes.append((case["id"], case["code"], score.codes))
    assert (accepts, rejects, codes) == ([], [], [])


def test_the_cases_are_many_and_mostly_near_misses() -> None:
    assert len(CASES) >= 100 and len({case["id"] for case in CASES}) == len(CASES)
    assert sum(case["near_miss"] for case in CASES) >= len(CASES) / 2
    assert 0.35 <= sum(case["passes"] for case in CASES) / len(CASES) <= 0.65


def test_every_reason_says_who_spoke_and_never_repeats_a_secret() -> None:
    for case in CASES:
        for reason in judge(case["text"], case.get("context")).reasons:
            assert reason.detail.startswith("rules: ") and len(reason.detail) < 700
            assert "dapi0123456789abcdef" not in reason.detail if reason.code == "secret_in_clear" else True


def chain(count: int, ring: bool = False) -> str:
    tasks = [
        f"{{task_key: t{i}, run_job_task: {{job_id: 1}}, depends_on: [{{task_key: t{(i + 1) % count if ring else i + 1}}}]}}"
        for i in range(count)
    ]
    return "bundle: {name: x}\nresources: {jobs: {a: {tasks: [" + ", ".join(tasks) + "]}}}"


HOSTILE = {
    "brackets": ("[" * 5000, "yaml_too_deep"),
    "braces": ("{" * N, "yaml_key_not_scalar"),
    "json_nested": ('{"a":' * 3300 + "1" + "}" * 3300, "yaml_too_deep"),
    "json_nested_a_little": ('{"a":' * 100 + "1" + "}" * 100, "yaml_too_deep"),
    "dashes": ("- " * 10000, "yaml_too_deep"),
    "question_marks": ("? " * 9000, "yaml_key_not_scalar"),
    "laughs": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "yaml_too_many_nodes",
    ),
    "merges": (
        "a: &a {" + ",".join(f"k{i}: 1" for i in range(900)) + "}\n" + "\n".join(f"b{i}: {{<<: *a}}" for i in range(600)),
        "yaml_too_many_nodes",
    ),
    "own_anchor": ("a: &a\n  b: *a\n", "yaml_cyclic_alias"),
    "many_documents": ("---\n" * 5000, "yaml_several_documents"),
    "many_values": ("[" + "1," * 9998 + "1]", "yaml_too_many_nodes"),
    "quotes": ('"' * N, "yaml_invalid"),
    "nulls": ("\0" * 100, "yaml_invalid"),
    "surrogate": ("a: \ud800", "yaml_invalid"),
    "binary": ("bundle: {name: !!binary aGVsbG8=}", "yaml_tag"),
    "python": ("bundle: !!python/object/apply:os.system [ls]", "yaml_tag"),
    "new_lines": ("\n" * N, "yaml_empty"),
    "comment": ("#" * N, "yaml_empty"),
    "long_scalar": ("a" * N, "not_a_mapping"),
    "long_chain": (chain(230), "unresolved_depends_on"),
    "ring": (chain(230, ring=True), "dependency_cycle"),
    "unknown_sections": ("bundle: {name: x}\n" + "\n".join(f"k{i}: 1" for i in range(2000)), "unknown_top_level_key"),
    "empty_jobs": (
        "bundle: {name: x}\nresources: {jobs: {" + ",".join(f"j{i}: {{}}" for i in range(1600)) + "}}",
        "",
    ),
    "open_references": ('bundle: {name: "' + "${var." * 3300 + '"}', "malformed_reference"),
    "long_reference": ('bundle: {name: "${a' + "-" * 19000 + '"}', ""),
    "password_keys": ("{" + ",".join(f"aPassword{i}: b" for i in range(1100)) + "}", "unknown_top_level_key"),
    "token_prefixes": ('bundle: {name: "' + "sk-" * 6000 + '"}', ""),
    "addresses": ('bundle: {name: "' + "http://a:" * 2000 + '"}', ""),
    "long_include": ('bundle: {name: x}\ninclude: ["resources/' + "a/" * 9000 + '!"]', ""),
    "defaults": (
        "bundle: {name: x}\ntargets: {" + ",".join(f"t{i}: {{default: true}}" for i in range(800)) + "}",
        "several_default_targets",
    ),
    "references_of_variables": (
        "bundle: {name: x}\nvariables: {"
        + ",".join(f"v{i}: {{default: '" + f"${{var.v{i + 1}.a}}" * 9 + "'}" for i in range(110))
        + "}",
        "undeclared_variable",
    ),
    "leaves_of_a_variable": (
        "bundle: {name: x}\nvariables: {v: {default: {" + ",".join(f"k{i}: '${{var.v.k{i}.a}}'" for i in range(700)) + "}}}",
        "variable_cycle",
    ),
    "resources_and_targets": (
        "bundle: {name: x}\nresources: {models: {"
        + ",".join(f"m{i}: {{name: m}}" for i in range(500))
        + "}}\ntargets: {"
        + ",".join(f"t{i}: {{resources: {{}}}}" for i in range(400))
        + "}",
        "",
    ),
    "overrides": (
        "bundle: {name: x}\nresources: {jobs: {a: {}}}\ntargets: {"
        + ",".join(f"t{i}: {{resources: {{jobs: {{a: {{tasks: [{{task_key: x}}]}}}}}}}}" for i in range(280))
        + "}",
        "",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_judged_in_time(name: str) -> None:
    text, code = HOSTILE[name]
    score = in_time(lambda: judge(text[:N]))
    assert not code or score.codes[0] == code
    assert len(score.reasons) <= MOST_REASONS


WORDS = [
    "bundle",
    "name",
    "resources",
    "jobs",
    "tasks",
    "task_key",
    "targets",
    "dev",
    "default",
    "notebook_task",
    "depends_on",
    "pipelines",
]
WORDS += [
    "variables",
    "include",
    "run_as",
    "permissions",
    "schedule",
    "job_clusters",
    "new_cluster",
    "email_notifications",
    "for_each_task",
    "task",
]
LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(),
    st.sampled_from([*WORDS, "${var.x}", "{{input}}", "", "true"]),
    st.text(max_size=8),
)
TREE = st.recursive(
    LEAF,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=5)),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREE, st.booleans())
def test_no_shape_of_values_crashes_it(tree: Any, included: bool) -> None:
    score = judge(
        yaml.safe_dump({"bundle": {"name": "x"}, "resources": tree, "targets": tree, "variables": tree}), {"included": included}
    )
    assert all(reason.code and reason.detail for reason in score.reasons)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_edited_case_crashes_it(data: st.DataObject) -> None:
    text: str = data.draw(st.sampled_from(CASES))["text"]
    place = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 40))
    piece = data.draw(
        st.one_of(st.text(max_size=6), st.sampled_from(["\n- ", ": ", "{", "[", "&a ", "*a", "${", "<<: ", "!x ", "'", "\t"]))
    )
    judge(text[:place] + piece + text[place + cut :])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("1e-4", 0.0001),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("~", None),
        ("True", True),
        ("-.inf", float("-inf")),
        ("12", 12),
        ("1.5", 1.5),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
    ],
)
def test_plain_scalars_are_read_as_yaml_1_2(text: str, value: object) -> None:
    assert scalar(text) == value


def test_the_loader_merges_with_the_nearer_key_winning() -> None:
    assert load("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}").value["b"] == {"x": 1, "y": 3}
    assert load("a: &a {x: 1}\nb: &b {x: 2}\nc: {<<: [*a, *b]}").value["c"] == {"x": 1}


def test_the_loader_counts_levels_exactly() -> None:
    assert load("[" * DEEPEST + "]" * DEEPEST).value
    with pytest.raises(YamlRefused) as refused:
        load("a: " + "[" * DEEPEST + "]" * DEEPEST)
    assert refused.value.code == "yaml_too_deep"


@pytest.mark.parametrize(
    "name",
    [
        "db_password",
        "DB_PASSWORD",
        "apiKey",
        "spark.hadoop.fs.s3a.secret.key",
        "javax.jdo.option.ConnectionPassword",
        "client_secret",
        "access_token",
    ],
)
def test_a_key_says_that_it_holds_a_secret(name: str) -> None:
    assert is_telling(name)


@pytest.mark.parametrize(
    "name",
    [
        "secret_scope",
        "password_key",
        "max_tokens",
        "primary_key",
        "page_token",
        "token_count",
        "key",
        "task_key",
        "",
        "tokenizer",
    ],
)
def test_a_key_only_sounds_like_a_secret(name: str) -> None:
    assert not is_telling(name)


def test_a_value_is_a_secret_only_when_literal() -> None:
    assert all(is_credential(value) for value in ("hunter2", "changeme", "S3cure!pass", "12345"))
    assert not any(
        is_credential(value) for value in ("", "${var.x}", "{{secrets/a/b}}", "<token>", "db-password", "/run/secrets/x", "none")
    )


@pytest.mark.parametrize(
    "text",
    [
        "0 0 8 * * ?",
        "0 0 12 1/5 * ? *",
        "0 15 10 ? * 6L 2022-2030",
        "0 0 0 L-3 * ?",
        "0 0 12 15W * ?",
        "0 0/5 14,18 * * ?",
        "0 0 22-2 ? * SAT-MON",
        "0 0 0 ? 1/3 MON#2",
    ],
)
def test_a_quartz_expression_is_read(text: str) -> None:
    assert cron_error(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * * *",
        "0 0 8 * * *",
        "0 0 8 ? * ?",
        "0 60 8 * * ?",
        "0 0 8 32 * ?",
        "0 0 8 ? * 8",
        "0 0 8 ? * MOON",
        "0 0 8 * * ? 3000",
        "@daily",
        "0 0 8 ?/2 * MON",
        "0 - 8 * * ?",
    ],
)
def test_a_wrong_quartz_expression_is_refused(text: str) -> None:
    assert cron_error(text)


def test_time_zones_are_those_of_java() -> None:
    assert all(
        zone_known(name) for name in ("UTC", "Europe/Zurich", "US/Eastern", "Etc/GMT-3", "GMT+2", "PST", "America/Indiana/Knox")
    )
    assert not any(
        zone_known(name) for name in ("Zurich", "europe/zurich", "Europe", "../etc/passwd", "Europe/../UTC", "CET+1x", "")
    )


def test_the_tables_agree_with_each_other() -> None:
    types, enums, more = tables()
    for fields in types.values():
        for kind in fields.values():
            inner = kind.lstrip("[{")
            assert inner in {"any", "str", "int", "num", "bool"} or inner in types or inner.removeprefix("=") in enums
    assert more["required"].keys() | (more["levels"].keys() - {""}) <= types["Resources"].keys()


def command(folder: Path, script: str) -> None:
    program = folder / "databricks"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(program.stat().st_mode | stat.S_IEXEC)


@pytest.mark.parametrize(
    ("script", "codes"),
    [
        ("echo 'Name: x'", ()),
        ("echo 'Error: cannot resolve bundle auth configuration'; exit 1", ()),
        ("echo 'Error: job j has no name' >&2; exit 1", ("cli_rejects",)),
        ('test -z "$DATABRICKS_TOKEN" || echo "Error: the settings leak"; exit 1', ()),
        ("exec sleep 5", ()),
    ],
)
def test_the_cli_is_heard_where_the_context_asks_for_it(
    script: str, codes: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command(tmp_path, script)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DATABRICKS_TOKEN", "leak")
    monkeypatch.setattr("aj.validators.definitions.cli.SECONDS", 0.5)
    score = judge("bundle: {name: x}", {"cli": True})
    assert score.codes == codes and all(reason.detail.startswith("databricks CLI: ") for reason in score.reasons)
    assert judge("bundle: {name: x}").passed
    assert judge("bundle: {}", {"cli": True}).codes == ("bundle_name_missing",)


def test_the_cli_never_runs_the_code_of_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(tmp_path, "echo 'Error: it ran'; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert judge("bundle: {name: x}\npython: {resources: ['a:b']}", {"cli": True}).passed
