"""The house itself: what dvc.yaml declares is what the code imports, nothing points back up, heavy imports stay inside."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import grimp
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
STAGES = sorted(p.stem for p in (ROOT / "stages").glob("[a-z]*.py"))
LISTED = {"aj.validators.registry": "aj/validators", "aj.competencies.registry": "aj/competencies/patterns"}
"""Registry -> the folder of what it lists."""
ORDER = ["foreach", "matrix", "do", "desc", "cmd", "deps", "params", "outs", "metrics", "plots"]
LAYERS = [
    {"stages", "cli", "commands"},
    {"promotion"},
    {"gate", "lineage", "release", "remote", "review", "sweep", "tracking"},
    {"sources", "mix", "tiny", "training", "export", "evaluation"},
    {"competencies"},
    {"sqlenv", "validators"},
    {"canaries", "chat", "chat_template", "lossless", "revision", "tools", "transcript"},
    {"stage", "record", "declaration", "params", "cross_checks", "sections", "version", "exact_json", "hashing", "errors"},
]


def declared() -> dict[str, dict[str, Any]]:
    """Stage name -> its entry, the template's body where there is a foreach."""
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    return {name: entry.get("do", entry) for name, entry in stages.items()}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("aj", "stages", cache_dir=None)


def code_of(graph: grimp.ImportGraph, module: str) -> set[str]:
    """The files that a module imports, directly or not. A registry imports by name: the folder that it lists from stands whole."""
    found = {module, *graph.find_upstream_modules(module)}
    folders = {folder for registry, folder in LISTED.items() if registry in found}
    for folder in folders:
        for listed in graph.find_descendants(folder.replace("/", ".")):
            found |= {listed, *graph.find_upstream_modules(listed)}
    files = {f"{m.replace('.', '/')}.py" for m in found}
    return folders | {f for f in files if (ROOT / f).is_file() and not any(f.startswith(f"{d}/") for d in folders)}


def test_every_script_is_a_stage_of_the_same_name() -> None:
    assert sorted(declared()) == STAGES
    for name, entry in declared().items():
        assert entry["cmd"] == f"python -m stages.{name}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_exactly_the_code_that_it_imports(graph: grimp.ImportGraph, stage: str) -> None:
    deps, code = declared()[stage]["deps"], code_of(graph, f"stages.{stage}")
    assert {d for d in deps if d.startswith(("aj/", "stages/"))} == code
    assert ("data/validators" in deps) == ("aj/validators" in code)
    assert ("data/competencies.yaml" in deps) == ("aj/competencies/patterns" in code)


def test_keys_of_a_stage_stand_in_one_order() -> None:
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    for entry in [*stages.values(), *declared().values()]:
        assert list(entry) == [key for key in ORDER if key in entry]


def test_training_stages_are_tied_to_the_pins_that_decide_the_weights() -> None:
    for stage in ("download_base", "sft", "dpo", "grpo"):
        assert {"pyproject.toml": ["dependency-groups.train"]} in declared()[stage]["params"]


def test_the_gguf_writer_cannot_retrain() -> None:
    for stage in ("sft", "dpo", "grpo", "merge"):
        assert "aj/export/gguf.py" not in declared()[stage]["deps"]


def layer(module: str) -> int:
    top, *rest = module.split(".")
    name = "stages" if top == "stages" else rest[0] if rest else "errors"
    return next(i for i, names in enumerate(LAYERS) if name in names)


def test_nothing_points_back_up(graph: grimp.ImportGraph) -> None:
    wrong = [
        f"{upper} imports {lower}"
        for upper in graph.modules
        for lower in graph.find_modules_directly_imported_by(upper)
        if layer(lower) < layer(upper)
    ]
    assert not wrong


def test_no_two_modules_import_each_other(graph: grimp.ImportGraph) -> None:
    assert not [m for m in graph.modules if m in graph.find_upstream_modules(m)]


@pytest.mark.parametrize(
    "module",
    ["aj.cli", "aj.params", "aj.stage", "aj.chat", "aj.sqlenv.environment", "aj.mix.weigh", *(f"stages.{s}" for s in STAGES)],
)
def test_heavy_libraries_are_imported_only_where_they_work(module: str) -> None:
    heavy = "{'torch', 'transformers', 'trl', 'peft', 'datasets', 'llama_cpp', 'gguf'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_default_parameters_are_the_tiny_profile() -> None:
    assert (ROOT / "params.yaml").read_text() == (ROOT / "profiles/tiny.yaml").read_text()
