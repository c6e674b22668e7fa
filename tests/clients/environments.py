"""The clients' own environments: made once from what `locked/` says, and kept beside the source."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT

LOCKED = Path(__file__).parent / "locked"
KEPT = ROOT / ".client-envs"
SECONDS = 600
SAID_LAST = 20


class NotMade(Exception):
    """An environment could not be made; the text says why, with what uv said last."""


def made(name: str, tell: Callable[[str], None], *, kept: Path = KEPT, seconds: float = SECONDS) -> Path:
    """Return where the programs of an environment are, with exactly the versions of its lock file.

    The first time it downloads, and *tell* hears each line; later it takes a moment. Raises NotMade.
    """
    home = kept / name
    is_new = not home.exists()
    if is_new:
        tell(f"installing the clients of tests/clients/locked/{name}, once; it may take {seconds:g} s")
    said: deque[str] = deque(maxlen=SAID_LAST)
    process = subprocess.Popen(
        [_uv(), "sync", "--frozen", "--project", str(LOCKED / name)],
        env=_environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    too_late = threading.Timer(seconds, process.kill)
    too_late.start()
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if is_new:
                tell(line.rstrip())
    too_late.cancel()
    if process.returncode != 0:
        why = f"not within {seconds:g} s" if process.returncode < 0 else f"uv ended with {process.returncode}"
        raise NotMade(f"the clients of {name} are not installed: {why}. It said last:\n{''.join(said)}")
    return home / "bin"


def _uv() -> str:
    """Return the uv that runs the tests, else an installed one, else that of ./run. Raises NotMade."""
    own = ROOT / ".uv" / "bin" / "uv"
    found = os.environ.get("UV") or shutil.which("uv") or (str(own) if own.exists() else None)
    if found is None:
        raise NotMade("there is no uv: run the tests with ./run pytest, which installs it")
    return found


def _environment(home: Path) -> dict[str, str]:
    """Return ours without what would put the packages elsewhere, or the sources of weft among theirs."""
    given = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return {**given, "UV_PROJECT_ENVIRONMENT": str(home), "UV_NO_PROGRESS": "1"}
