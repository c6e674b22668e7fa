"""The doors: what is turned away before a face sees it, and the net below the faces."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.faces.doors import LONGEST_HEAD_BYTES, STATUS, Doors, Problem, RawHeaders

HOST = (b"host", b"127.0.0.1:7431")


@dataclass
class Answer:
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


class Face:
    """The application behind the doors; it counts who gets in."""

    def __init__(self, fault: Exception | None = None, *, status: int = 200, starts: bool = True) -> None:
        self.seen: list[str] = []
        self._fault = fault
        self._status = status
        self._starts = starts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append(scope["path"])
        if self._starts:
            await send({"type": "http.response.start", "status": self._status, "headers": []})
        if self._fault:
            raise self._fault
        await send({"type": "http.response.body", "body": b"in"})


def worded(contract: str) -> Any:
    def envelope(problem: Problem, message: str, request_id: str) -> tuple[RawHeaders, bytes]:
        return [(b"x-contract", contract.encode()), (b"requestid", request_id.encode())], (
            f"{contract}|{problem}|{message}".encode()
        )

    return envelope


def doors(app: ASGIApp, *, hosts: tuple[str, ...] = (), requests_at_once: int = 10) -> Doors:
    return Doors(
        app,
        default=worded("core"),
        envelopes={"/workload": worded("workload")},
        hosts=hosts,
        requests_at_once=requests_at_once,
    )


def scope(
    path: str = "/v1/workspaces",
    *,
    raw_path: bytes | None = None,
    method: str = "GET",
    headers: RawHeaders = (HOST,),
    **more: Any,
) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode() if raw_path is None else raw_path,
        "query_string": b"",
        "scheme": "http",
        "headers": list(headers),
        **more,
    }


async def call(app: ASGIApp, given: Mapping[str, Any]) -> Answer:
    answer = Answer()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = dict(message["headers"])
        else:
            answer.body += message.get("body", b"")

    await app(dict(given), receive, send)
    return answer


async def turned(given: Mapping[str, Any], problem: Problem, *, hosts: tuple[str, ...] = ()) -> Answer:
    """Return the answer, having checked that the face was not reached."""
    face = Face()
    answer = await call(doors(face, hosts=hosts), given)
    assert face.seen == []
    assert answer.status == STATUS[problem]
    assert answer.body.split(b"|")[1] == problem.encode()
    assert answer.headers[b"content-length"] == str(len(answer.body)).encode()
    return answer


async def enters(given: Mapping[str, Any], *, hosts: tuple[str, ...] = ()) -> bool:
    face = Face()
    answer = await call(doors(face, hosts=hosts), given)
    return len(face.seen) == 1 and answer.status == 200


# Host (S86)


@pytest.mark.parametrize(
    "host",
    [
        b"127.0.0.1",
        b"127.0.0.1:7431",
        b"127.0.0.1:1",
        b"localhost",
        b"LocalHost:8080",
        b"[::1]",
        b"[::1]:7431",
        b"weft.internal:443",
    ],
)
async def test_our_own_hosts_are_served_on_any_port(host: bytes) -> None:
    assert await enters(scope(headers=[(b"host", host)]), hosts=("weft.internal",))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "HEAD"])
@pytest.mark.parametrize(
    "host",
    [
        b"evil.tld",
        b"evil.tld:7431",
        b"127.0.0.1.evil.tld",
        b"localhost.evil.tld",
        b"evil.tld@127.0.0.1",
        b"127.0.0.1:7431@evil.tld",
        b"127.0.0.2",
        b"0.0.0.0",
        b"localhost.",
        b"[::ffff:127.0.0.1]",
        b"::1",
        b"127.0.0.1:",
        b"127.0.0.1:port",
        b"127.0.0.1:999999",
        b"127.0.0.1 ",
        b"127.0.0.1,evil.tld",
        b"localhost\x00",
        b"",
        b"\xff",
    ],
)
async def test_another_host_is_not_served(host: bytes, method: str) -> None:
    await turned(scope(method=method, headers=[(b"host", host)]), Problem.WRONG_HOST)


async def test_a_request_names_one_host() -> None:
    await turned(scope(headers=[]), Problem.BAD_REQUEST)
    await turned(scope(headers=[HOST, HOST]), Problem.BAD_REQUEST)
    await turned(scope(headers=[HOST, (b"host", b"evil.tld")]), Problem.BAD_REQUEST)


async def test_a_forwarded_host_is_not_believed() -> None:
    forwarded = (b"x-forwarded-host", b"127.0.0.1")

    await turned(scope(headers=[(b"host", b"evil.tld"), forwarded]), Problem.WRONG_HOST)


# Origin (S87, S88)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "origin",
    [
        b"https://evil",
        b"null",
        b"",
        b"https://127.0.0.1:7431",
        b"http://127.0.0.1:7432",
        b"http://127.0.0.1",
        b"http://localhost:7431",
        b"http://127.0.0.1:7431.evil",
    ],
)
async def test_a_page_of_another_origin_may_not_call(origin: bytes, method: str) -> None:
    answer = await turned(scope(method=method, headers=[HOST, (b"origin", origin)]), Problem.FOREIGN_ORIGIN)

    assert not any(name.startswith(b"access-control-allow") for name in answer.headers)


async def test_our_own_pages_may_call() -> None:
    assert await enters(scope(method="POST", headers=[HOST, (b"origin", b"http://127.0.0.1:7431")]))


# Head and method


async def test_a_head_over_the_limit_is_turned_away() -> None:
    most = LONGEST_HEAD_BYTES - 200

    assert await enters(scope(headers=[HOST, (b"x", b"a" * most)]))
    await turned(scope(headers=[HOST, (b"x", b"a" * LONGEST_HEAD_BYTES)]), Problem.HEAD_TOO_LARGE)
    await turned(scope(headers=[HOST, *[(b"x", b"")] * 10_000]), Problem.HEAD_TOO_LARGE)
    await turned(scope(query_string=b"a" * LONGEST_HEAD_BYTES), Problem.HEAD_TOO_LARGE)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "get", "M-SEARCH"])
async def test_an_unknown_method_is_turned_away(method: str) -> None:
    answer = await turned(scope(method=method), Problem.BAD_METHOD)

    assert b"GET" in answer.headers[b"allow"]


# Paths (S93)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/workspaces/",
        "/v1/workspaces/5b218778-e7a5-4d73-8187-f10824047715/items",
        "/workload/workspaces/w/items/Contoso.X.Y/i/jobTypes/a%20b/instances/j",
        "/v1/%C3%A9",
        "/v1/a%25b",
        "/v1/...",
        "/v1/a..b/.c",
        "/v1/x;y=1",
    ],
)
async def test_a_sane_path_gets_in(path: str) -> None:
    assert await enters(scope(raw_path=path.encode()))


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/%00",
        b"/v1/a%0d%0ab",
        b"/v1/%ff",
        b"/v1/%c3",
        b"/v1/%ed%a0%80",
        b"/v1/a%2Fb",
        b"/v1/a%2fb",
        b"/v1/a%5cb",
        b"/v1/a\\b",
        b"/v1/%",
        b"/v1/%zz",
        b"/v1/%7f",
        b"/v1/\xff",
        b"/v1/\x01",
    ],
)
async def test_a_path_with_unfit_characters_is_turned_away(path: bytes) -> None:
    await turned(scope(raw_path=path), Problem.BAD_PATH)


@pytest.mark.parametrize(
    "path",
    [
        b"//v1",
        b"/v1//workspaces",
        b"/v1/../livez",
        b"/v1/%2e%2e/livez",
        b"/v1/%2E./livez",
        b"/v1/.",
        b"/v1/..",
        b"/./v1",
        b"/v1/workspaces//",
        b"*",
        b"v1/workspaces",
    ],
)
async def test_a_path_that_readers_resolve_differently_is_unknown(path: bytes) -> None:
    await turned(scope(raw_path=path), Problem.UNKNOWN_PATH)


# Envelopes


@pytest.mark.parametrize(
    ("path", "contract"),
    [
        ("/v1/workspaces", b"core"),
        ("/", b"core"),
        ("/workload", b"workload"),
        ("/workload/x", b"workload"),
        ("/Workload/x", b"workload"),
        ("/workloads", b"core"),
    ],
)
async def test_each_path_is_answered_in_the_words_of_its_contract(path: str, contract: bytes) -> None:
    answer = await turned(scope(path, headers=[(b"host", b"evil.tld")]), Problem.WRONG_HOST)

    assert answer.headers[b"x-contract"] == contract


async def test_what_is_told_back_is_short_and_printable() -> None:
    answer = await turned(scope(raw_path=b"/v1/%0a\x1b" + b"x" * 5000), Problem.BAD_PATH)

    assert len(answer.body) < 250
    assert answer.body.isascii()
    assert b"\x1b" not in answer.body


# Room


class Waiting:
    """A face that answers when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.entered = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.entered.release()
        if scope["path"] == "/v1/slow":
            await self.go.wait()
        await Face()(scope, receive, send)


async def test_a_request_over_the_limit_is_told_to_come_again() -> None:
    face = Waiting()
    house = doors(face, requests_at_once=2)
    async with asyncio.TaskGroup() as group:
        inside = [group.create_task(call(house, scope("/v1/slow"))) for _ in range(2)]
        for _ in inside:
            await face.entered.acquire()

        over = await call(house, scope("/workload/x"))
        health = await call(house, scope("/livez"))
        face.go.set()
    after = await call(house, scope())

    assert (over.status, over.headers[b"retry-after"]) == (429, b"1")
    assert over.headers[b"x-contract"] == b"workload"
    assert health.status == 200
    assert [task.result().status for task in inside] == [200, 200]
    assert after.status == 200


async def test_a_failed_request_gives_its_room_back() -> None:
    house = doors(Face(RuntimeError("bug"), starts=False), requests_at_once=1)

    statuses = [(await call(house, scope())).status for _ in range(3)]

    assert statuses == [500, 500, 500]


# The last net (S78)


async def test_a_bug_is_logged_whole_and_told_in_no_detail(caplog: pytest.LogCaptureFixture) -> None:
    house = doors(Face(RuntimeError("SELECT secret FROM /var/lib"), starts=False))

    with caplog.at_level(logging.ERROR, logger="weft"):
        answer = await call(house, scope("/workload/x"))

    assert (answer.status, answer.headers[b"x-contract"]) == (500, b"workload")
    assert b"SELECT" not in answer.body
    assert b"RuntimeError" not in answer.body
    assert "SELECT secret" in caplog.text
    assert "Traceback" in caplog.text
    assert answer.headers[b"requestid"].decode() in caplog.text


async def test_a_bug_after_the_answer_began_adds_nothing_to_it(caplog: pytest.LogCaptureFixture) -> None:
    house = doors(Face(RuntimeError("late")))

    answer = await call(house, scope())

    assert (answer.status, answer.body) == (200, b"")
    assert "late" in caplog.text


async def test_a_client_that_goes_away_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    await call(doors(Face(ClientDisconnect(), starts=False)), scope())

    assert caplog.text == ""


@pytest.mark.parametrize(("status", "header"), [(413, b"close"), (408, b"close"), (404, None)])
async def test_the_connection_closes_when_a_body_is_not_read_to_its_end(
    status: int, header: bytes | None
) -> None:
    answer = await call(doors(Face(status=status)), scope())

    assert answer.headers.get(b"connection") == header


# What is not HTTP


async def test_a_web_socket_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    face = Face()
    await doors(face)({**scope(), "type": "websocket"}, receive, send)

    assert [message["type"] for message in sent] == ["websocket.close"]
    assert face.seen == []


async def test_the_application_s_start_and_end_pass() -> None:
    passed: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        passed.append(scope["type"])

    async def nothing(*_: Any) -> Any:
        return {}

    await doors(app)({"type": "lifespan"}, nothing, nothing)

    assert passed == ["lifespan"]
