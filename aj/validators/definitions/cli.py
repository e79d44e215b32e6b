"""What the real ``databricks`` CLI says of a bundle, where it is on the PATH and the context asks for it.

``bundle validate`` runs in a temporary folder with a home of its own and none of this machine's Databricks settings, so that no credential
can reach the host that an untrusted bundle names; it then stops at authentication at the latest, which is no verdict. A bundle that
would run code (Python resources) is not given to it.

What is not covered: checks that need a workspace; files that the bundle names.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from aj.validators.score import Reason

SECONDS = 20.0
SILENT = (
    "auth",
    "credential",
    "login",
    "no such host",
    "dial tcp",
    "connection",
    "profile",
    "token",
    "timeout",
    "no files match",
    "not found in",
    "cannot resolve bundle",
)


def ask(text: str, bundle: dict[str, Any]) -> list[Reason]:
    """The CLI's errors as reasons (cli_rejects); none where it is absent, too slow, or stops only for want of a workspace."""
    program = shutil.which("databricks")
    experimental = bundle.get("experimental")
    if program is None or bundle.get("python") or (isinstance(experimental, dict) and {"python", "pydabs"} & experimental.keys()):
        return []
    with tempfile.TemporaryDirectory(prefix="aj-bundle-") as folder:
        Path(folder, "databricks.yml").write_text(text, encoding="utf-8")
        env = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": folder,
            "DATABRICKS_CONFIG_FILE": str(Path(folder, "none")),
            "NO_COLOR": "1",
        }
        try:
            ran = subprocess.run(
                [program, "bundle", "validate"],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return []
    if ran.returncode == 0:
        return []
    errors = [line.strip() for line in (ran.stderr + "\n" + ran.stdout).splitlines() if line.startswith("Error:")]
    return [
        Reason("cli_rejects", f"databricks CLI: {line[7:300]}")
        for line in errors
        if not any(word in line.lower() for word in SILENT)
    ][:10]
