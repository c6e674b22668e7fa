"""The real server as a process: started, killed with SIGKILL, started again on the same data."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from tests.conftest import ROOT
from tests.torture.workload import NAME
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock

READY_SECONDS = 30.0
DRAIN_SECONDS = 60.0


@dataclass(frozen=True)
class Credentials:
    """Header lines for the two faces, good for a day."""

    core: dict[str, str]
    host: dict[str, str]
    tenant: str

    @classmethod
    def sign(cls, data: Path) -> Credentials:
        home = Home.open(data)
        issuer = Issuer(Keys.open(data), SystemClock(), home)
        day = timedelta(days=1)
        bearer = issuer.core_token(user="admin", tenant=home.tenant, scopes=None, app=False, lifetime=day)
        pair = issuer.subject_and_app(workload=NAME, user="admin", tenant=home.tenant, lifetime=day)
        return cls(
            core={"Authorization": f"Bearer {bearer}"},
            host={
                "Authorization": pair,
                "x-ms-client-tenant-id": home.tenant,
                "ActivityId": str(uuid4()),
                "RequestId": str(uuid4()),
            },
            tenant=home.tenant,
        )


def clock_headers(data: Path) -> dict[str, str]:
    """Return the headers of who may move the clock on, good for a day."""
    issuer = Issuer(Keys.open(data), SystemClock(), Home.open(data))
    token = issuer.core_token("admin", scopes=("Clock.ReadWrite.All",), lifetime=timedelta(days=1))
    return {"Authorization": f"Bearer {token}"}


def twins_headers(data: Path) -> dict[str, str]:
    """Return the headers of a Data Owner, good for a day."""
    issuer = Issuer(Keys.open(data), SystemClock(), Home.open(data))
    return {"Authorization": f"Bearer {issuer.twins_token('admin', lifetime=timedelta(days=1))}"}


class Server:
    def __init__(self, scratch: Path, *options: str) -> None:
        self._options = options
        self.data = scratch / "data"
        self.log = scratch / "server.log"
        self.url = ""
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server runs"
        return self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def launch(self) -> None:
        """Start the process; it serves once `ready` has returned."""
        command = [str(Path(sys.executable).parent / "weft"), "up", "--data", str(self.data), "--port", "0"]
        command += ["--workload", "tests.torture.workload:workload", *self._options]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdout=PIPE, stderr=log, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
            )

    async def ready(self) -> None:
        """Wait for the line that says where it serves. Raises RuntimeError with the end of its log."""
        assert self._process is not None
        assert self._process.stdout is not None
        line = (await asyncio.wait_for(self._process.stdout.readline(), READY_SECONDS)).decode()
        if not line.startswith("weft ready "):
            raise RuntimeError(f"the server said {line!r}; its log ends with:\n{self.log_end()}")
        self.url = line.split()[-1]

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def drain(self) -> int:
        """Send SIGTERM and return the exit code."""
        return await self._end(signal.SIGTERM)

    async def close(self) -> None:
        if self._process is not None:
            await self.kill()

    def log_end(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    async def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        if process.returncode is None:
            process.send_signal(number)
        return await asyncio.wait_for(process.wait(), DRAIN_SECONDS)
