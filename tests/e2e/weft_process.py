"""The real server as a process that tests start, kill and restart, and calls to it over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from tests.conftest import ROOT
from tests.e2e.workload import ITEM_TYPE
from tests.torture.processes import Process, alive, descendants, started
from weft.auth.home import Home
from weft.auth.issuer import Issuer
from weft.auth.keys import Keys
from weft.engine.clock import SystemClock

WEFT = str(Path(sys.executable).parent / "weft")
WORKLOAD = "tests.e2e.workload:workload"
T = TypeVar("T")
FINAL = ("Completed", "Failed", "Cancelled", "Deduped")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class WeftProcess:
    """One data directory and, between `start` and an end, the server on it."""

    def __init__(
        self, data: Path, *, port: int = 0, options: tuple[str, ...] = ("--workload", WORKLOAD)
    ) -> None:
        self.data = data
        self.port = port
        self.options = options
        self.url = ""
        self.ready_seconds = 0.0
        self._process: subprocess.Popen[str] | None = None
        self._tokens: dict[str, str] = {}

    def start(self) -> WeftProcess:
        began = time.monotonic()
        with (self.data.parent / "weft.log").open("a") as log:
            self._process = subprocess.Popen(
                self._command, stdout=subprocess.PIPE, stderr=log, env=self._environment, text=True
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith(f"weft ready {self.scheme}://127.0.0.1:"), (line, self.log())
        self.ready_seconds = time.monotonic() - began
        self.url = line.split()[-1]
        return self

    @property
    def scheme(self) -> str:
        return "https" if "--tls" in self.options else "http"

    @property
    def certificate(self) -> Path:
        return self.data / "tls" / "cert.pem"

    def try_start(self) -> subprocess.CompletedProcess[str]:
        """Run the command of a server that is expected not to start."""
        return subprocess.run(
            self._command, env=self._environment, capture_output=True, text=True, timeout=30, check=False
        )

    @property
    def _command(self) -> list[str]:
        return [WEFT, "up", "--data", str(self.data), "--port", str(self.port), *self.options]

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT)}

    def log(self) -> str:
        return (self.data.parent / "weft.log").read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """End it as a power cut of the process would: SIGKILL."""
        self._end(signal.SIGKILL)

    def has_died(self) -> bool:
        """Return whether it has ended by itself, as at a crash point; it can be started again then."""
        if self._process is None or self._process.poll() is None:
            return False
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return True

    def terminate(self, *, seconds: float = 40) -> int:
        """Send SIGTERM and return the exit code."""
        return self._end(signal.SIGTERM, seconds=seconds)

    def _end(self, number: signal.Signals, *, seconds: float = 40) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        code = self._process.wait(seconds)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    # ---- calls

    def core(self, method: str, path: str, body: object = None) -> Answer:
        return self._call(method, f"/v1{path}", {"Authorization": f"Bearer {self.token('core')}"}, body)

    def details(self, path: str) -> Answer:
        """Call weft's own additions to Core."""
        headers = {"Authorization": f"Bearer {self.token('core')}"}
        return self._call("GET", f"/weft/v1{path}", headers, None)

    def twins(self, method: str, path: str, body: object = None) -> Answer:
        mark = "&" if "?" in path else "?"
        headers = {"Authorization": f"Bearer {self.token('twins')}"}
        return self._call(method, f"{path}{mark}api-version=2023-10-31", headers, body)

    def host(self, method: str, path: str, body: object = None) -> Answer:
        headers = {
            "Authorization": self.token("workload"),
            "x-ms-client-tenant-id": self.token("tenant"),
            "ActivityId": str(uuid4()),
            "RequestId": str(uuid4()),
        }
        return self._call(method, f"/workload{path}", headers, body)

    def bare(self, method: str, path: str) -> Answer:
        """Call without a token."""
        return self.call(method, path, {})

    def call(self, method: str, path: str, headers: dict[str, str], body: object = None) -> Answer:
        return self._call(method, path, headers, body)

    def _call(self, method: str, path: str, headers: dict[str, str], body: object) -> Answer:
        address = urlsplit(self.url)
        connection = self._connection(address.hostname or "", address.port)
        try:
            text = None if body is None else json.dumps(body)
            sent = headers if text is None else {**headers, "Content-Type": "application/json"}
            connection.request(method, path, text, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def _connection(self, host: str, port: int | None) -> http.client.HTTPConnection:
        if self.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=20)
        trust = ssl.create_default_context(cafile=str(self.certificate))
        return http.client.HTTPSConnection(host, port, timeout=20, context=trust)

    def token(self, purpose: str) -> str:
        if not self._tokens:
            self._tokens = self._sign()
        return self._tokens[purpose]

    def _sign(self) -> dict[str, str]:
        home = Home.open(self.data)
        issuer = Issuer(Keys.open(self.data), SystemClock(), home)
        hour = timedelta(hours=1)
        return {
            "core": issuer.core_token(
                user="admin", tenant=home.tenant, scopes=None, app=False, lifetime=hour
            ),
            "workload": issuer.subject_and_app(workload="Contoso.Tests", user="admin", tenant=home.tenant),
            "twins": issuer.twins_token(user="admin", tenant=home.tenant, lifetime=hour),
            "tenant": home.tenant,
        }

    def processes(self) -> set[Process]:
        """Return the server and all that descends from it."""
        return {Process(self.pid, started(self.pid)), *descendants(self.pid)}

    # ---- what tests do again and again

    def new_item(self) -> str:
        """Return the path of a new item in a new workspace."""
        workspace = self.core("POST", "/workspaces", {"displayName": f"w {uuid4()}"}).json["id"]
        item = self.core(
            "POST", f"/workspaces/{workspace}/items", {"displayName": f"i {uuid4()}", "type": ITEM_TYPE}
        )
        assert item.status == 201, item
        return f"/workspaces/{workspace}/items/{item.json['id']}"

    def run(self, item: str, kind: str, **payload: object) -> str:
        """Run a job through Core and return the path of its instance."""
        answer = self.core("POST", f"{item}/jobs/{kind}/instances", {"executionData": payload})
        assert answer.status == 202, answer
        return f"{item}/jobs/instances/{answer.headers['location'].rsplit('/', 1)[1]}"

    def status(self, instance: str) -> str:
        answer = self.core("GET", instance)
        assert answer.status == 200, answer
        return str(answer.json["status"])

    def wait_for(self, instance: str, *statuses: str, seconds: float = 30) -> str:
        """Wait until an instance has one of *statuses*; return it."""
        wanted = statuses or FINAL

        def reached() -> str:
            status = self.status(instance)
            return status if status in wanted else ""

        return eventually(reached, seconds, f"{instance} {wanted}")

    def wait_for_list(self, path: str, count: int, *, seconds: float = 30) -> list[Any]:
        """Wait until the list at *path* has *count* entries; return them."""

        def reached() -> list[Any]:
            found: list[Any] = self.core("GET", path).json["value"]
            return found if len(found) >= count else []

        return eventually(reached, seconds, f"{count} entries at {path}")


def eventually(look: Callable[[], T], seconds: float, what: str) -> T:
    """Return the first true answer of *look*; fail after *seconds*."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {what}")


def all_gone(processes: set[Process], *, seconds: float = 10) -> None:
    """Wait until none of *processes* lives."""
    eventually(lambda: not any(alive(process) for process in processes), seconds, f"{processes} are gone")
