"""The plots of dvc.yaml as one HTML page that opens without a network: pictures, no script, nothing to load.

DVC's own page (`dvc plots show`) loads three scripts from a network. The charts are DVC's, drawn here (vl-convert) instead of in the
browser: what is lost is the tooltip, the zoom and the smoothing. PNG, not SVG: in an SVG the reader's fonts, wider than those that
the chart was laid out with, run over each other and over the edge.
"""

import base64
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VEGA_LITE = "5.21"
"""DVC's templates are written for version 5."""
SHARPNESS = 2
"""Pixels of the picture for one of the page."""
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }}
h2 {{ font-size: 1rem; }}
figure {{ margin: 0 0 2.5rem; overflow-x: auto; }}
img {{ zoom: 0.5; }}
.error {{ color: #a00; }}
</style>
</head>
<body>
<h1>{title}</h1>
{plots}
</body>
</html>
"""


@dataclass(frozen=True)
class Drawn:
    """A plot: its name, its picture where it could be drawn, and what went wrong with parts of it."""

    name: str
    png: bytes
    problems: tuple[str, ...] = ()


def draw(repo: Any, revisions: Sequence[str]) -> list[Drawn]:
    """The plots that dvc.yaml declares, in its order; revisions are drawn over each other. `workspace` is what lies here."""
    import vl_convert
    from dvc.render.match import match_defs_renderers

    data = repo.plots.show(revs=list(revisions))
    drawn = []
    for renderer, sources, definitions in match_defs_renderers(data=data, templates_dir=repo.plots.templates_dir):
        problems = [f"{rev}: {file}: {error}" for rev, files in sorted(sources.items()) for file, error in sorted(files.items())]
        problems += [f"{rev}: {error}" for rev, error in sorted(definitions.items())]
        png = b""
        if renderer.datapoints and renderer.TYPE == "vega":
            png = vl_convert.vegalite_to_png(readable(renderer.get_filled_template()), vl_version=VEGA_LITE, scale=SHARPNESS)
        elif not problems:
            problems.append(f"nothing to draw, or no chart (a plot of type {renderer.TYPE})")
        drawn.append(Drawn(str(renderer.name), png, tuple(problems)))
    return drawn


def readable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """DVC's chart (Vega-Lite) for paper: no label cut, a line for each category, five small charts at most in a row.

    The title goes: it stands over the picture already, and a long one is cut at the picture's edge.
    """
    chart = {key: value for key, value in spec.items() if key != "title"}
    unlimited = {"labelLimit": 0}
    chart["config"] = {**chart.get("config", {}), "legend": unlimited, "axis": unlimited}
    encoding = dict(chart.get("encoding", {}))
    if encoding.get("y", {}).get("type") == "nominal":
        chart["height"] = {"step": 14}
    if (column := encoding.pop("column", {})).get("field"):
        encoding["facet"] = {**column, "columns": 5}
        chart["width"] = 140
    if "strokeDash" in encoding:  # a stretch of the line itself, where DVC's legend has circles
        legend = {"symbolType": "stroke", "symbolSize": 600, "symbolFillColor": "transparent", "symbolStrokeColor": "grey"}
        encoding["strokeDash"] = {**encoding["strokeDash"], "legend": legend}
    chart["encoding"] = encoding
    return chart


def write(drawn: Sequence[Drawn], title: str, folder: Path) -> Path:
    """The page, in one file."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "index.html"
    page.write_text(PAGE.format(title=html.escape(title), plots="\n".join(_figures(drawn))), encoding="utf-8")
    return page


def _figures(drawn: Sequence[Drawn]) -> Iterator[str]:
    if not drawn:
        yield '<p class="error">dvc.yaml declares no plots.</p>'
    for plot in drawn:
        name, problems = (
            html.escape(plot.name),
            "".join(f'<p class="error">{html.escape(problem)}</p>' for problem in plot.problems),
        )
        picture = f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(plot.png).decode()}">' if plot.png else ""
        yield f"<figure><h2>{name}</h2>{picture}{problems}</figure>"
