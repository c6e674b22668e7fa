"""Event streams and waits of the real server: told at once over HTTP, and ended when the server stops."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.weft_process import WeftProcess, eventually

EVENTS = "/v1/jobs/instances/events"


@contextmanager
def opened(weft: WeftProcess, path: str, headers: dict[str, str]) -> Iterator[http.client.HTTPResponse]:
    address = urlsplit(weft.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    with closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {weft.token('core')}", **headers})
        with connection.getresponse() as response:
            yield response


def status_of(weft: WeftProcess, path: str, headers: dict[str, str]) -> int:
    with opened(weft, path, headers) as response:
        response.read()
        return response.status


def test_a_stream_tells_of_a_run_and_goes_on_after_a_restart(weft: WeftProcess, notes: Path) -> None:
    item = weft.new_item()
    with opened(weft, EVENTS, {}) as stream:
        begun = [stream.readline() for _ in range(3)]
        instance = weft.run(item, "quick", file=str(notes))
        told = b""
        while b'"Completed"' not in told:
            told = stream.readline()
    position = next(line for line in reversed(begun) if line.startswith(b"id: ")).decode().strip()[4:]

    weft.kill()
    weft.start()
    with opened(weft, EVENTS, {"Last-Event-ID": position}) as stream:
        lines = [stream.readline() for _ in range(3)]

    event = json.loads(told.removeprefix(b"data: "))
    assert event["id"] == instance.rsplit("/", 1)[1]
    assert event["workspaceId"] in item
    resumed = json.loads(next(line for line in lines if line.startswith(b"data: ")).removeprefix(b"data: "))
    assert resumed["id"] == event["id"]
    assert resumed["status"] == "Completed"


def test_a_wait_is_answered_when_the_job_ends(weft: WeftProcess) -> None:
    item = weft.new_item()

    answer = weft.call(
        "POST",
        f"/v1{item}/jobs/quick/instances",
        {"Authorization": f"Bearer {weft.token('core')}", "Prefer": "wait=60, return=representation"},
    )

    assert (answer.status, answer.json["status"]) == (202, "Completed")
    assert answer.headers["preference-applied"] == "wait=60, return=representation"


def test_a_server_that_stops_keeps_nobody_waiting(weft: WeftProcess, notes: Path) -> None:
    item = weft.new_item()
    instance = weft.run(item, "steady", file=str(notes))
    with ExitStack() as opening, ThreadPoolExecutor(3) as callers:
        streams = [opening.enter_context(opened(weft, EVENTS, {})) for _ in range(3)]
        begun = [stream.readline() for stream in streams]
        waits = [callers.submit(status_of, weft, f"/v1{instance}", {"Prefer": "wait=300"}) for _ in range(3)]
        eventually(lambda: weft.status(instance) == "InProgress", 10, "the job runs, and they wait")
        weft.core("POST", f"{instance}/cancel")
        began = time.monotonic()

        code = weft.terminate()

        took = time.monotonic() - began
        statuses = [wait.result() for wait in waits]
        ends = [stream.read() for stream in streams]
    assert begun == [b"retry: 1000\n"] * 3
    assert (code, statuses) == (0, [200, 200, 200])
    assert took < 10
    assert all(end.endswith(b"\n\n") for end in ends)
