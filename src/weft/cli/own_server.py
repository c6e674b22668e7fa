"""A server of a command's own: the one that runs on the data, else one that is started and stopped again."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from weft.cli.errors import CommandFailed
from weft.cli.server import running_server

READY_SECONDS = 60
STOP_SECONDS = 45
LOOK_SECONDS = 0.05
LOG_NAME = "own-server.log"


@dataclass(slots=True)
class Served:
    """*started*: it was not running before. *exit_code* is known once it has been stopped.

    *certificate*: what to trust, where it serves https.
    """

    url: str
    started: bool
    exit_code: int | None = None
    certificate: Path | None = None


@contextmanager
def served(data: Path) -> Iterator[Served]:
    """Yield the server on *data*; one that had to be started is stopped at the end, whatever happens.

    Raises CommandFailed where it does not start.
    """
    running = running_server(data)
    if running is not None:
        yield Served(running.url, started=False, certificate=running.trusted)
        return
    log = data / LOG_NAME
    with _pipe() as (reads, writes), log.open("w") as logged:
        process = _start(data, writes, logged)
        try:
            server = Served(_ready_url(process, reads, log), started=True)
            yield server
        except BaseException:
            _stop(process)
            raise
        server.exit_code = _stop(process)


@contextmanager
def _pipe() -> Iterator[tuple[TextIO, TextIO]]:
    reads, writes = os.pipe()
    with open(reads) as reader, open(writes, "w") as writer:  # noqa: PTH123 - descriptors, not paths
        yield reader, writer


def _start(data: Path, output: TextIO, log: TextIO) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "weft.cli.main", "up", "--data", str(data), "--port", "0"]
    # A session of its own: Ctrl-C reaches us alone, and we stop the server in order.
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=log, start_new_session=True
    )


def _ready_url(process: subprocess.Popen[bytes], output: TextIO, log: Path) -> str:
    """Return the address of the line `weft ready URL`."""
    until = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if select.select([output], [], [], LOOK_SECONDS)[0]:
            return output.readline().split()[-1]
    said = log.read_text(errors="replace").strip().splitlines()
    raise CommandFailed(f"the server did not start: {said[-1] if said else 'it said nothing'}")


def _stop(process: subprocess.Popen[bytes]) -> int:
    """Let the server end what it does, and return its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
