"""`aj plots`: the page opens without a network, and holds what dvc.yaml declares."""

import base64
import re
from pathlib import Path

import pytest

from aj.cli import main
from aj.review import plots
from tests.dvc_repository import Repository


def test_the_page_loads_nothing_and_has_a_picture_for_each_plot(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plots"]) == 0
    page = Path(capsys.readouterr().out.strip()).read_text()
    assert "<script" not in page
    assert "http" not in page
    [picture] = re.findall(r'<img alt="Loss in training" src="data:image/png;base64,([^"]+)">', page)
    assert base64.b64decode(picture).startswith(b"\x89PNG")


def test_a_review_draws_both_sides(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plots", "--out", "one"])
    repository.write(params__yaml="lora_r: 16\nseed: 17\n")
    assert repository.dvc("repro", "-q").status == 0
    capsys.readouterr()
    assert main(["review", "--plots", "both"]) == 0
    assert "1 plots: both/index.html" in capsys.readouterr().out
    assert Path("both/index.html").read_text() != Path("one/index.html").read_text()


def test_a_plot_without_its_file_is_an_error_and_says_which(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    (repository.path / "metrics/loss.csv").unlink()
    assert main(["plots"]) == 1
    assert "Loss in training: workspace: metrics/loss.csv: " in capsys.readouterr().err


def test_a_revision_that_is_not_there_is_one_sentence(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plots", "nowhere"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_chart_for_paper_cuts_no_label_and_gives_each_category_a_line() -> None:
    chart = plots.readable(
        {"title": "long", "height": 300, "encoding": {"y": {"type": "nominal"}, "column": {"field": "filename", "sort": []}}}
    )
    assert "title" not in chart
    assert chart["height"] == {"step": 14}
    assert chart["config"]["legend"]["labelLimit"] == chart["config"]["axis"]["labelLimit"] == 0
    assert chart["encoding"]["facet"] == {"field": "filename", "sort": [], "columns": 5}
