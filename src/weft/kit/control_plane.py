"""A control plane for tests: a weft server with data of its own, which drives workloads as Fabric does."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import uuid4

from msgspec import UNSET

from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.client import JobDetails, JobLog, WeftClient
from weft.engine.clock import SystemClock

READY_SECONDS = 60.0
STOP_SECONDS = 45.0
CALL_SECONDS = 60.0
WAIT_SECONDS = 60.0
POLL_SECONDS = 0.1

T = TypeVar("T")


class NotServed(Exception):
    """The server did not start; the message has the end of what it said."""


@dataclass(frozen=True, slots=True)
class ItemAt:
    """An item of the control plane."""

    workspace: str
    id: str
    type: str


@dataclass(frozen=True, slots=True)
class JobAt:
    """A job of an item."""

    item: ItemAt
    id: str


class ControlPlane:
    """Creates items and runs their jobs. Its calls wait for the answer, in any test, plain or async.

    They raise what those of WeftClient do.
    """

    def __init__(self, url: str, token: str, *, directory: Path) -> None:
        self.url = url
        self.directory = directory
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="control plane", daemon=True)
        self._thread.start()
        self._client = self._call(_open(url, token))
        self._workspace = self._call(self._client.create_workspace(f"tests {uuid4()}")).id

    def create_item(self, type: str, name: str | None = None) -> ItemAt:
        """Create an item in the workspace of the tests; the workload hears of it."""
        made = self._call(self._client.create_item(self._workspace, name or f"item {uuid4()}", type))
        return ItemAt(self._workspace, made.id, made.type)

    def delete_item(self, item: ItemAt) -> None:
        """Cancel the jobs of an item and delete it; the workload hears of it."""
        self._call(self._client.delete_item(item.workspace, item.id))

    def run(self, item: ItemAt, job_type: str, payload: Any = UNSET) -> JobAt:
        """Run a job. *payload* is what its function is called with."""
        accepted = self._call(self._client.run(item.workspace, item.id, job_type, execution_data=payload))
        return JobAt(item, accepted.id)

    def look(self, job: JobAt) -> JobDetails:
        return self._call(self._client.details(job.item.workspace, job.item.id, job.id))

    def wait(self, job: JobAt, seconds: float = WAIT_SECONDS) -> JobDetails:
        """Return the job when it has ended. Raises WaitTimedOut."""
        item = job.item
        ended = self._client.wait(
            item.workspace, item.id, job.id, timeout_seconds=seconds, poll_seconds=POLL_SECONDS
        )
        return self._call(ended, seconds=seconds + CALL_SECONDS)

    def cancel(self, job: JobAt) -> None:
        """Return once the wish is durable; the job is Cancelled when its work has stopped."""
        self._call(self._client.cancel(job.item.workspace, job.item.id, job.id))

    def logs(self, job: JobAt) -> JobLog:
        return self._call(self._client.logs(job.item.workspace, job.item.id, job.id))

    def close(self) -> None:
        self._call(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _call(self, call: Coroutine[Any, Any, T], *, seconds: float = CALL_SECONDS) -> T:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(seconds)


@contextmanager
def control_plane(
    workloads: Sequence[str] = (), *, urls: Mapping[str, str] | None = None, directory: Path | None = None
) -> Iterator[ControlPlane]:
    """Give a control plane that hosts *workloads*, named as MODULE:ATTR, or calls them at *urls*.

    *urls*: for an item type the address of the backend that has its jobs, such as that of
    `weft workload serve`. Its data is made anew, in *directory* or a temporary one, and it is stopped at the
    end. The processes of jobs find the modules that this process finds. Raises NotServed.
    """
    with tempfile.TemporaryDirectory(prefix="weft-") as made:
        data = (directory or Path(made)) / "data"
        options = [f"--workload={spec}" for spec in workloads]
        options += [f"--workload-url={item_type}={url}" for item_type, url in (urls or {}).items()]
        with _served(data, options) as url, ControlPlane(url, _token(data), directory=data) as plane:
            yield plane


@contextmanager
def _served(data: Path, options: Sequence[str]) -> Iterator[str]:
    command = [sys.executable, "-m", "weft.cli.main", "up", "--data", str(data), "--port", "0", *options]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    log = data.parent / "server.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the tests: they end it in order
        )
    try:
        yield _ready(process, log)
    finally:
        _stop(process)


def _ready(process: subprocess.Popen[bytes], log: Path) -> str:
    """Return the address of the line `weft ready URL`."""
    assert process.stdout is not None  # noqa: S101 - it is piped
    line = b""
    if select.select([process.stdout], [], [], READY_SECONDS)[0]:
        line = process.stdout.readline()
    if not line.startswith(b"weft ready "):
        raise NotServed(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
    return line.split()[-1].decode()


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _token(data: Path) -> str:
    issuer = Issuer(Keys.open(data), SystemClock(), Home.open(data))
    return issuer.core_token("tester", lifetime=timedelta(hours=12))


async def _open(url: str, token: str) -> WeftClient:
    """A client belongs to the loop in which it is made."""
    return WeftClient(url, token)
