"""Verdicts as Markdown, for a pull request."""

from collections.abc import Sequence

from aj.gate.verdict import Verdict

MOST_FLIPS = 10
WORDS = 80  # characters of what was asked


def markdown(verdicts: Sequence[Verdict], candidate: str, baseline: str, level: float) -> str:
    """What was decided, the table of all rules, the reasons, and the items whose value changed, the lost ones first."""
    failed = [v for v in verdicts if v.status == "fail"]
    compared = sum(v.adjusted is not None for v in verdicts)
    lines = [
        f"## Gate: {'fails' if failed else 'passes'}",
        "",
        f"{candidate} against {baseline}: {len(verdicts)} rules, {len(failed)} failed. Over its {compared} comparisons, the gate fails by "
        f"chance in at most {level:.0%} of the cases where nothing has changed.",
        "",
        "| | form | metric | against | before | now | n | p | rule |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {v.status} | {v.form} | {v.metric} ({v.direction} is better) | {v.against} | {_number(v.before)} | {_number(v.after)} | "
        f"{v.n if v.n is not None else '-'} | {_number(v.adjusted)} | {v.asked} |"
        for v in verdicts
    ]
    if said := [v for v in verdicts if v.reason]:
        lines += ["", *(f"- **{v.status}** {v.form}, {v.metric}{f' ({v.bucket})' if v.bucket else ''}: {v.reason}" for v in said)]
    for v in verdicts:
        lines += _flipped(v)
    return "\n".join(lines)


def _flipped(v: Verdict) -> list[str]:
    if not v.flips:
        return []
    sign = 1 if v.direction == "higher" else -1
    lost = [f for f in v.flips if sign * (f.after - f.before) < 0]
    won = [f for f in v.flips if sign * (f.after - f.before) > 0]
    title = f"{v.form}, {v.metric} against {v.against}: {len(lost)} items lost, {len(won)} won"
    rows = [f"| {f.name} | {_cell(f.asked)} | {f.before:.3g} | {f.after:.3g} |" for f in (*lost, *won)[:MOST_FLIPS]]
    more = [f"| … | {len(v.flips) - MOST_FLIPS} more (`aj gate --json` lists all) | | |"] if len(v.flips) > MOST_FLIPS else []
    return [
        "",
        f"<details><summary>{title}</summary>",
        "",
        "| item | asked | before | now |",
        "|---|---|---|---|",
        *rows,
        *more,
        "",
        "</details>",
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _cell(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
    return line if len(line) <= WORDS else f"{line[:WORDS]}…"
