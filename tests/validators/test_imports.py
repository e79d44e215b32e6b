"""The validators are light: running each of them imports nothing that takes seconds, and so is ``aj validate``."""

import subprocess
import sys
from pathlib import Path

from aj.validators.registry import names

HEAVY = ["torch", "transformers", "pandas", "numpy", "pyarrow", "dvc", "trl", "datasets", "mlflow", "llama_cpp", "scipy"]
RUN = f"""
import sys
from aj.validators.registry import names, validate
for name in names():
    for text in ("SELECT a FROM t", "ls -l", "a: 1", '{{"messages": []}}', "import os\\nos.system('ls')"):
        score = validate(name, text, {{"sql": ["SELECT 1"], "complete": {{"answer": "1"}}, "schema": {{"t": {{"a": "INT"}}}}}})
        assert not score.crashed, score.reasons
print(len(names()), *[name for name in {HEAVY} if name in sys.modules])
"""


def test_running_every_validator_imports_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(names()))]


def test_aj_validate_imports_nothing_heavy_and_answers(tmp_path: Path) -> None:
    file = tmp_path / "query.sql"
    file.write_text("SELECT a FROM t")
    command = [sys.executable, "-X", "importtime", "-m", "aj.cli", "validate", "sql_compiles", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(str(file))
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if line.startswith("import time:")
    }
    assert "sqlglot" in imported and not imported & set(HEAVY)
