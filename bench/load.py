"""The load generator: raw HTTP/1.1 over asyncio with uvloop, in a process of its own.

Each of N connections sends its next request when the last one is answered (a closed loop, keep-alive), or a
while later, as who polls does. Run by `python -m bench`; by hand: `python -m bench.load < plan.json`. The
answer is one JSON object on stdout.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Literal, Protocol, cast
from uuid import uuid4

import msgspec
import uvloop

POLL_SECONDS = 0.05


class Plan(msgspec.Struct, kw_only=True):
    """What to send. *path* may hold `{id}`, for which each request gets a new UUID.

    *paths* are taken in turn. *rest_seconds*: how long a connection rests after each answer, and up to so
    long before its first request; 0: a closed loop. *status_path*, with `{id}`, is where the state of a job
    is read; a run through Core takes the id from `Location`.
    """

    kind: Literal["requests", "jobs"]
    port: int
    method: str
    path: str = ""
    paths: list[str] = []
    status_path: str = ""
    headers: dict[str, str]
    body: str = ""
    expect: int
    connections: int = 64
    rest_seconds: float = 0.0
    warm_seconds: float = 1.0
    seconds: float = 5.0


class Measured(msgspec.Struct, kw_only=True):
    """*per_second* counts what ended within the measured window; latencies are milliseconds."""

    per_second: float
    count: int
    p50: float
    p99: float
    most: float
    unexpected: dict[str, int]


class Tally:
    """Keeps what ended within the window."""

    def __init__(self, opens: float, closes: float) -> None:
        self._opens = opens
        self._closes = closes
        self._lengths: list[float] = []
        self._unexpected: Counter[str] = Counter()

    def ended(self, began: float, now: float) -> None:
        if self._opens <= now < self._closes:
            self._lengths.append(now - began)

    def unexpected(self, what: str) -> None:
        self._unexpected[what] += 1

    def measured(self) -> Measured:
        lengths = sorted(self._lengths) or [0.0]
        count = len(self._lengths)
        return Measured(
            per_second=count / (self._closes - self._opens),
            count=count,
            p50=1000 * lengths[len(lengths) // 2],
            p99=1000 * lengths[int(len(lengths) * 0.99)],
            most=1000 * lengths[-1],
            unexpected=dict(self._unexpected),
        )


class Script(Protocol):
    """What one connection does: bytes are sent at once, a number is a rest in seconds before `next`."""

    def next(self) -> bytes: ...

    def answered(self, status: int, head: bytes, body: bytes, now: float) -> bytes | float: ...


class Requests:
    """The same request again and again, with new ids or paths in turn."""

    def __init__(self, plan: Plan, tally: Tally, clock: Clock, paths: Iterator[str]) -> None:
        self._tally = tally
        self._expect = plan.expect
        self._clock = clock
        self._paths = paths
        self._method, self._rest = plan.method, _rest(plan.headers, plan.body)
        self._pause = plan.rest_seconds
        self._began = 0.0

    def next(self) -> bytes:
        self._began = self._clock()
        return _request(self._method, next(self._paths), self._rest)

    def answered(self, status: int, head: bytes, body: bytes, now: float) -> bytes | float:
        if status == self._expect:
            self._tally.ended(self._began, now)
        else:
            self._tally.unexpected(f"{status} {body[:200].decode(errors='replace')}")
        return self._pause or self.next()


class Jobs:
    """Create a job and read its state every POLL_SECONDS until it is Completed, then the next one."""

    def __init__(self, plan: Plan, tally: Tally, clock: Clock, paths: Iterator[str]) -> None:
        self._plan = plan
        self._tally = tally
        self._clock = clock
        self._create = _rest(plan.headers, plan.body)
        self._read = _rest(plan.headers, "")
        self._poll = b""
        self._began = 0.0
        self._id = ""

    def next(self) -> bytes:
        if self._poll:
            return self._poll
        self._id = str(uuid4())
        self._began = self._clock()
        return _request(self._plan.method, self._plan.path.replace("{id}", self._id), self._create)

    def answered(self, status: int, head: bytes, body: bytes, now: float) -> bytes | float:
        if self._poll:
            return self._state_read(status, body, now)
        if status != self._plan.expect:
            self._tally.unexpected(f"{status} {body[:200].decode(errors='replace')}")
            return POLL_SECONDS
        id = _last_segment(head) or self._id
        self._poll = _request("GET", self._plan.status_path.replace("{id}", id), self._read)
        return POLL_SECONDS

    def _state_read(self, status: int, body: bytes, now: float) -> bytes | float:
        if status == 200 and b'"Completed"' in body:
            self._tally.ended(self._began, now)
            self._poll = b""
            return self.next()
        if status != 200 or b'"Failed"' in body or b'"Cancelled"' in body:
            self._tally.unexpected(f"{status} {body[:200].decode(errors='replace')}")
            self._poll = b""
        return POLL_SECONDS


class Clock(Protocol):
    def __call__(self) -> float: ...


class Connection(asyncio.Protocol):
    """One keep-alive connection; answers carry Content-Length, as both servers send it."""

    def __init__(self, script: Script, clock: Clock, first_after: float = 0.0) -> None:
        self._script = script
        self._clock = clock
        self._first_after = first_after
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by their methods, not by their class.
        self._transport = cast(asyncio.Transport, transport)
        self._go_on(self._first_after or self._script.next())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end]
        whole = end + 4 + _length(head)
        if len(self._buffer) < whole:
            return
        body, self._buffer = self._buffer[end + 4 : whole], self._buffer[whole:]
        self._go_on(self._script.answered(int(head[9:12]), head, body, self._clock()))

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if not self.closed.done():
            self.closed.set_result(None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _go_on(self, then: bytes | float) -> None:
        if isinstance(then, bytes):
            self._send(then)
        else:
            asyncio.get_running_loop().call_later(then, lambda: self._send(self._script.next()))

    def _send(self, request: bytes) -> None:
        if self._transport is not None:
            self._transport.write(request)


async def run(plan: Plan) -> Measured:
    opens = time.monotonic() + plan.warm_seconds
    tally = Tally(opens, opens + plan.seconds)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_keep_connected(plan, tally, number)) for number in range(plan.connections)
        ]
        await asyncio.sleep(plan.warm_seconds + plan.seconds)
        for task in tasks:
            task.cancel()
    return tally.measured()


async def _keep_connected(plan: Plan, tally: Tally, number: int) -> None:
    """Send what one connection is to send, over another one where the server has closed it."""
    paths = _paths(plan, number)
    kind = Jobs if plan.kind == "jobs" else Requests
    first_after = plan.rest_seconds * number / plan.connections
    while True:
        connection = Connection(kind(plan, tally, time.monotonic, paths), time.monotonic, first_after)
        try:
            await asyncio.get_running_loop().create_connection(
                partial(_same, connection), "127.0.0.1", plan.port
            )
            await connection.closed
        finally:
            connection.close()
        tally.unexpected("a connection closed by the server")


def _same(connection: Connection) -> Connection:
    return connection


def _paths(plan: Plan, number: int) -> Iterator[str]:
    if plan.paths:
        start = number * len(plan.paths) // plan.connections
        return itertools.cycle(plan.paths[start:] + plan.paths[:start])
    if "{id}" not in plan.path:
        return itertools.repeat(plan.path)
    before, _, after = plan.path.partition("{id}")
    return (f"{before}{uuid4()}{after}" for _ in itertools.count())


def _rest(headers: Mapping[str, str], body: str) -> bytes:
    """Return all of a request that follows its first line."""
    content = body.encode()
    lines = [f"{name}: {value}" for name, value in {"Host": "127.0.0.1", **headers}.items()]
    if content:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def _request(method: str, path: str, rest: bytes) -> bytes:
    return f"{method} {path} HTTP/1.1\r\n".encode() + rest


def _length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError(f"an answer without Content-Length: {head!r}")
    return int(lower[at + 17 :].split(b"\r\n", 1)[0])


def _last_segment(head: bytes) -> str:
    """Return the last segment of `Location`, or nothing where there is none."""
    at = head.lower().find(b"\r\nlocation:")
    return head[at + 11 :].split(b"\r\n", 1)[0].strip().rpartition(b"/")[2].decode() if at >= 0 else ""


if __name__ == "__main__":
    wanted = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(wanted))))
