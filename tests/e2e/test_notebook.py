"""The notebook, run headless from top to bottom in the clone, on the tiny default."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Clone

pytestmark = pytest.mark.e2e
NOTEBOOK = "notebooks/train_grpo.ipynb"
SHORT = {"SFT_STEPS": 60, "QUESTIONS": 200}


@pytest.fixture(scope="module")
def executed(clone: Clone) -> list[dict[str, Any]]:
    """The cells of the notebook after it has run, shorter by the first cell alone, which is there to be changed."""
    notebook = json.loads((clone.path / NOTEBOOK).read_text(encoding="utf-8"))
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    for name, value in SHORT.items():
        first["source"] = [re.sub(rf"^{name} = \d+", f"{name} = {value}", line) for line in first["source"]]
        assert any(line.startswith(f"{name} = {value}") for line in first["source"])
    short, done = (clone.path / f"notebooks/{name}.ipynb" for name in ("short", "executed"))
    short.write_text(json.dumps(notebook), encoding="utf-8")
    clone.run("uv run jupyter execute --output=executed.ipynb notebooks/short.ipynb")
    cells: list[dict[str, Any]] = json.loads(done.read_text(encoding="utf-8"))["cells"]
    short.unlink()
    done.unlink()
    return cells


def outputs(cells: list[dict[str, Any]], kind: str) -> list[str]:
    """What the cells have shown of a kind: ``text`` (printed), or a MIME type."""
    found: list[str] = []
    for output in (o for c in cells for o in c.get("outputs", ())):
        shown = output.get("text") if kind == "text" else output.get("data", {}).get(kind)
        if shown:
            found.append("".join(shown))
    return found


def test_it_learns(executed: list[dict[str, Any]]) -> None:
    printed = "".join(outputs(executed, "text"))
    rows = re.findall(r"\| unseen_schemas \| (\d+) \| (\S+) \((\S+) to (\S+)\)", printed)
    assert [int(n) for n, *_ in rows] == [SHORT["QUESTIONS"]] * 3
    base, sft, grpo = ([float(x) for x in row[1:]] for row in rows)
    assert sft[1] > base[2]  # the intervals do not meet
    assert grpo[0] > sft[0]


def test_it_shows_what_it_learned_and_keeps_the_weights(clone: Clone, executed: list[dict[str, Any]]) -> None:
    assert len(outputs(executed, "image/png")) == 2
    assert "background:#9be3a5" in "".join(outputs(executed, "text/html"))
    page = (clone.path / "models/notebook/episodes.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("random", "base", "sft", "grpo"))
    again = clone.run(
        "uv run aj evaluate --model models/notebook --episodes data/mix/eval --split unseen_schemas -n 20 --budget 6 --max-new-tokens 40 --max-length 320"
    )
    assert "unseen_schemas" in again


def test_the_committed_notebook_holds_no_outputs_and_says_nothing_of_a_machine() -> None:
    text = (Path(__file__).parents[2] / NOTEBOOK).read_text(encoding="utf-8")
    assert not any(c.get("outputs") for c in json.loads(text)["cells"])
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
