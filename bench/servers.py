"""The two servers under measurement, each a process with a data directory of its own, and calls to them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench import machine
from bench.load import Measured, Plan

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0


@dataclass
class Server:
    port: int
    pid: int
    data: Path
    ready_seconds: float
    most_memory: dict[str, float] = field(default_factory=dict)

    def call(
        self, method: str, path: str, headers: Mapping[str, str], body: object = None
    ) -> tuple[int, Mapping[str, str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            text = None if body is None else json.dumps(body)
            kind = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, path, text, {**headers, **kind})
            answer = connection.getresponse()
            content = answer.read()
            is_json = answer.getheader("content-type", "").startswith("application/json")
            return answer.status, dict(answer.headers), json.loads(content) if is_json and content else None
        finally:
            connection.close()

    def load(self, plan: Plan) -> Measured:
        """Run the load generator in a process of its own, and watch the memory of the server meanwhile."""
        done = threading.Event()
        watcher = threading.Thread(target=self.watch_memory, args=(done,))
        watcher.start()
        try:
            run = subprocess.run(
                [sys.executable, "-m", "bench.load"],
                cwd=ROOT,
                input=msgspec.json.encode(plan),
                stdout=subprocess.PIPE,
                check=True,
                timeout=plan.warm_seconds + plan.seconds + 60,
            )
        finally:
            done.set()
            watcher.join()
        return msgspec.json.decode(run.stdout, type=Measured)

    def watch_memory(self, done: threading.Event, every_seconds: float = 1.0) -> None:
        while True:
            for name, value in machine.memory(self.pid).items():
                self.most_memory[name] = max(value, self.most_memory.get(name, 0.0))
            if done.wait(every_seconds):
                return


@contextmanager
def weft(data: Path, *options: str) -> Iterator[Server]:
    """Serve both workloads of the measurement from *data*; the server is killed at the end."""
    command = [str(Path(sys.executable).parent / "weft"), "up", "--data", str(data), "--port", "0", *options]
    command += ["--workload", "weft.examples.forecast:workload", "--workload", "bench.workload:workload"]
    began = time.monotonic()
    with started(command, data, {"PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        if not line.startswith("weft ready "):
            raise RuntimeError(f"weft said {line!r}; its log: {log_of(data).read_text()[-2000:]}")
        port = int(line.rsplit(":", 1)[1])
        yield Server(port, process.pid, data, time.monotonic() - began)


@contextmanager
def fastapi_app(data: Path) -> Iterator[Server]:
    """Serve bench/fastapi_app.py with the same HTTP server, event loop and parser as weft."""
    with _by_uvicorn("bench.fastapi_app:app", data, {}) as server:
        yield server


@contextmanager
def sample_backend(data: Path, *, remembers_tokens: bool = False) -> Iterator[Server]:
    """Serve bench/sample_backend.py likewise."""
    environment = {"BENCH_REMEMBERS": "1"} if remembers_tokens else {}
    with _by_uvicorn("bench.sample_backend:app", data, environment) as server:
        yield server


@contextmanager
def _by_uvicorn(app: str, data: Path, environment: dict[str, str]) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    began = time.monotonic()
    with started(command, data, {"BENCH_DATA": str(data), **environment}) as process:
        while not _answers(port):
            if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise RuntimeError(f"{app} does not serve; its log: {log_of(data).read_text()[-2000:]}")
            time.sleep(0.02)
        yield Server(port, process.pid, data, time.monotonic() - began)


@contextmanager
def started(command: list[str], data: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log_of(data).open("ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def log_of(data: Path) -> Path:
    return data.with_suffix(".log")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
