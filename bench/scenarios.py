"""What is measured: each scenario gets a fresh data directory and returns its figures by name."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench import servers, tokens
from bench.load import Measured, Plan
from bench.servers import Server
from bench.workload import ITEM_TYPE, NAME
from weft.examples import forecast

Figures = dict[str, Measured | dict[str, float]]

WAIT_SECONDS = 60.0
KNOWN_JOBS = 1000
JOBS_KILLED = 100
SLEEP_SECONDS = 20.0
SETTLE_SECONDS = 45.0
NOOP = {"noop": True}
CREATE = {"invokeType": "Manual", "creationPayload": NOOP}


def creates_while_pool_is_held(data: Path, seconds: float) -> Figures:
    with servers.weft(data) as server:
        host = Host(server, data)
        host.hold_pool("sleep")
        figures = {"creates, pool held by sleeping jobs": host.creates(seconds)}
        return {**figures, "memory of weft under creates, MiB": server.most_memory}


def creates_while_jobs_run(data: Path, seconds: float) -> Figures:
    with servers.weft(data) as server:
        return {"creates, no-op jobs run along": Host(server, data).creates(seconds)}


def reads(data: Path, seconds: float) -> Figures:
    with servers.weft(data) as server:
        host = Host(server, data)
        paths = host.known_jobs("Completed")
        figures: Figures = {"state GETs": host.reads(paths, seconds)}
        host.hold_pool("spin")
        figures["state GETs while two CPU-bound jobs run"] = host.reads(paths, seconds)
        return figures


def noop_jobs(data: Path, seconds: float) -> Figures:
    with servers.weft(data) as server:
        figures = {"no-op jobs, host create to Completed": Host(server, data).jobs(seconds)}
        return {**figures, "memory of weft under jobs, MiB": server.most_memory}


def core_runs(data: Path, seconds: float) -> Figures:
    with servers.weft(data) as server:
        headers = tokens.core_headers(data)
        item = _new_item(server, headers)
        plan = Plan(
            kind="jobs",
            port=server.port,
            method="POST",
            path=f"{item}/jobs/{forecast.JOB_TYPE}/instances",
            status_path=f"{item}/jobs/instances/{{id}}",
            headers=headers,
            body=json.dumps({"executionData": NOOP}),
            expect=202,
            warm_seconds=3.0,
            seconds=seconds,
        )
        return {"Core runs, run to Completed": server.load(plan)}


def fastapi(data: Path, seconds: float) -> Figures:
    data.mkdir(mode=0o700)
    with servers.fastapi_app(data) as server:
        host = Host(server, data)
        figures: Figures = {"creates, FastAPI app": host.creates(seconds)}
        figures["state GETs, FastAPI app"] = host.reads(host.known_jobs("NotStarted"), seconds)
        return {**figures, "memory of the FastAPI app, MiB": server.most_memory}


def sample(data: Path, seconds: float) -> Figures:
    figures: Figures = {}
    for remembers, how in ((False, "sample backend"), (True, "sample backend that remembers tokens")):
        folder = data / how.replace(" ", "-")
        folder.mkdir(mode=0o700, parents=True)
        with servers.sample_backend(folder, remembers_tokens=remembers) as server:
            host = Host(server, folder)
            figures[f"creates, {how}"] = host.creates(seconds)
            figures[f"state GETs, {how}"] = host.reads(host.known_jobs("Completed"), seconds)
            figures[f"memory of the {how}, MiB"] = server.most_memory
    return figures


def left_after_kill(data: Path, _seconds: float) -> Figures:
    """Kill -9 each server while 100 jobs run, start it again, and see what its jobs have come to."""
    data.mkdir(mode=0o700)
    names = {
        "jobs of weft, resumable, after kill -9": (_weft_with_room, "resumable"),
        "jobs of weft after kill -9": (_weft_with_room, "sleep"),
        "jobs of the sample backend after kill -9": (servers.sample_backend, None),
    }
    figures: Figures = {}
    for number, (name, (serve, job_type)) in enumerate(names.items()):
        folder = data / str(number)
        folder.mkdir(mode=0o700)
        figures[name] = _left(folder, serve, job_type)
    return figures


def _weft_with_room(data: Path) -> AbstractContextManager[Server]:
    """Serve weft with a process for each of the jobs."""
    (data / "weft.toml").write_text(f"[runner]\nprocesses = {JOBS_KILLED}\n")
    return servers.weft(data)


def _left(
    data: Path, serve: Callable[[Path], AbstractContextManager[Server]], job_type: str | None
) -> dict[str, float]:
    with serve(data) as server:
        host = Host(server, data)
        paths = host.running_jobs(job_type)
    with serve(data) as server:
        time.sleep(SETTLE_SECONDS)  # then what is said of a job is what it has come to, or stays so
        states = Counter(Host(server, data).state(path, of=job_type) for path in paths)
    return {state: states[state] for state in ("Completed", "Failed", "InProgress", "NotStarted", "unknown")}


def starts(data: Path, _seconds: float) -> Figures:
    with servers.weft(data) as server:
        first = server.ready_seconds
    with servers.weft(data) as server:
        return {"weft ready, seconds": {"first": first, "second": server.ready_seconds}}


ALL: tuple[Callable[[Path, float], Figures], ...] = (
    creates_while_pool_is_held,
    fastapi,
    sample,
    creates_while_jobs_run,
    reads,
    noop_jobs,
    core_runs,
    starts,
)

ONCE: tuple[Callable[[Path, float], Figures], ...] = (left_after_kill,)
"""What is counted, not timed: done in the first run only."""


class Host:
    """Calls of a control plane to a server's Workload face."""

    def __init__(self, server: Server, data: Path) -> None:
        self._server = server
        self._headers = tokens.host_headers(data, forecast.workload.name)
        self._own_headers = tokens.host_headers(data, NAME)
        self._instances = _instances(forecast.ITEM_TYPE, forecast.JOB_TYPE)

    def creates(self, seconds: float) -> Measured:
        return self._server.load(self._create_plan("requests", seconds))

    def jobs(self, seconds: float) -> Measured:
        return self._server.load(self._create_plan("jobs", seconds))

    def reads(self, paths: list[str], seconds: float) -> Measured:
        plan = Plan(
            kind="requests",
            port=self._server.port,
            method="GET",
            paths=paths,
            headers=self._headers,
            expect=200,
            seconds=seconds,
        )
        return self._server.load(plan)

    def known_jobs(self, settled: str) -> list[str]:
        """Create no-op jobs and return where their states are read, once all are *settled*."""
        paths = [self._instances.replace("{id}", str(uuid4())) for _ in range(KNOWN_JOBS)]
        for path in paths:
            status, _, content = self._server.call("POST", path, self._headers, CREATE)
            if status != 202:
                raise RuntimeError(f"create answered {status} {content}")
        for path in paths:
            _until(partial(self._is, settled, path, self._headers), f"a job is {settled}")
        return paths

    def running_jobs(self, job_type: str | None) -> list[str]:
        """Begin jobs that take a while, of our item type or (None) of the sample's; return their paths."""
        headers, pattern = (
            (self._headers, self._instances)
            if job_type is None
            else (self._own_headers, _instances(ITEM_TYPE, job_type))
        )
        paths = [pattern.replace("{id}", str(uuid4())) for _ in range(JOBS_KILLED)]
        body = {"invokeType": "Manual", "creationPayload": {"seconds": SLEEP_SECONDS}}
        for path in paths:
            status, _, content = self._server.call("POST", path, headers, body)
            if status != 202:
                raise RuntimeError(f"create answered {status} {content}")
        for path in paths:
            _until(partial(self._is, "InProgress", path, headers), "all jobs run")
        return paths

    def state(self, path: str, *, of: str | None) -> str:
        headers = self._headers if of is None else self._own_headers
        status, _, content = self._server.call("GET", path, headers)
        return str(content["status"]) if status == 200 else "unknown"

    def hold_pool(self, job_type: str) -> None:
        """Occupy every process of the pool, by as many jobs as the server runs at once."""
        for _ in range(max(2, os.cpu_count() or 2)):
            path = _instances(ITEM_TYPE, job_type).replace("{id}", str(uuid4()))
            status, _, content = self._server.call("POST", path, self._own_headers, {"invokeType": "Manual"})
            if status != 202:
                raise RuntimeError(f"create answered {status} {content}")
            _until(partial(self._is, "InProgress", path, self._own_headers), f"a {job_type} job runs")

    def _is(self, state: str, path: str, headers: Mapping[str, str]) -> bool:
        status, _, content = self._server.call("GET", path, headers)
        return status == 200 and content["status"] == state

    def _create_plan(self, kind: str, seconds: float) -> Plan:
        return Plan(
            kind="jobs" if kind == "jobs" else "requests",
            port=self._server.port,
            method="POST",
            path=self._instances,
            status_path=self._instances,
            headers=self._headers,
            body=json.dumps(CREATE),
            expect=202,
            seconds=seconds,
        )


def _instances(item_type: str, job_type: str) -> str:
    place = f"/workload/workspaces/{uuid4()}/items/{item_type}/{uuid4()}"
    return f"{place}/jobTypes/{job_type}/instances/{{id}}"


def _new_item(server: Server, headers: Mapping[str, str]) -> str:
    _, _, workspace = server.call("POST", "/v1/workspaces", headers, {"displayName": "bench"})
    items = f"/v1/workspaces/{workspace['id']}/items"
    body: dict[str, Any] = {"displayName": "bench", "type": forecast.ITEM_TYPE}
    status, _, item = server.call("POST", items, headers, body)
    if status != 201:
        raise RuntimeError(f"no item: {status} {item}")
    return f"{items}/{item['id']}"


def _until(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError(f"not within {WAIT_SECONDS} s: {what}")
        time.sleep(0.02)
