"""The gate's verdict, where there are rules for one and the evaluated episodes are here."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aj.gate.rules import RULES


@dataclass(frozen=True)
class Gate:
    """``status`` is one of pass, fail, no gate, not judged; ``page`` is what there is to read."""

    status: str
    page: str


def judge(against: str, episodes: Path = Path("metrics/transcripts")) -> Gate:
    """Run `aj gate` here. What it could not judge is not a pass."""
    if not RULES.is_file():
        return Gate("no gate", f"There are no rules in {RULES}.")
    if not episodes.is_dir():
        return Gate("not judged", f"The gate compares episodes, and {episodes} is not here: `uv run dvc pull {episodes}`.")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "gate.md"
        command = [sys.executable, "-m", "aj.cli", "gate", "--against", against, "--markdown", str(page)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if page.is_file():
            return Gate("pass" if done.returncode == 0 else "fail", page.read_text(encoding="utf-8").strip())
    return Gate("not judged", f"`aj gate` could not judge: {done.stderr.strip() or f'exit status {done.returncode}'}")
