"""`weft demo` as a person runs it: it ends well only if all that it shows is true."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.cli.conftest import WEFT

SECONDS = 240  # an idle machine needs about 15


def run_demo(data: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [WEFT, "demo", "--data", str(data)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, **environment},
        check=False,
    )


def test_the_demo_forecasts_cancels_and_leaves_no_process_behind(tmp_path: Path) -> None:
    data = tmp_path / "data"

    done = run_demo(data)

    assert done.returncode == 0, done.stderr + (data / "own-server.log").read_text()
    assert "Completed after" in done.stdout
    assert re.search(r"2002-12-01 +37\d\.\d\d", done.stdout)
    assert "Cancelled" in done.stdout
    (process,) = re.findall(r"process (\d+) was gone", done.stdout)
    assert not Path(f"/proc/{process}").exists()
    assert running_on(data) == []


def test_a_demo_whose_server_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "weft.db").write_bytes(b"this is no database" * 100)
    (tmp_path / "weft.db").chmod(0o600)
    tmp_path.chmod(0o700)

    done = run_demo(tmp_path)

    assert done.returncode == 1
    assert "the server did not start: " in done.stderr
    assert "cannot be read as a store" in done.stderr
    assert running_on(tmp_path) == []


def running_on(data: Path) -> list[str]:
    """Return the command lines of processes that name the data directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if str(data).encode() in line:
            found.append(line.replace(b"\0", b" ").decode())
    return found
