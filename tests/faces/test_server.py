"""The server on real sockets: deadlines, caps and a graceful end, under clients that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from weft.auth.certificate import Certificate
from weft.faces.doors import SMALL_BODY_BYTES, Doors, Problem, RawHeaders
from weft.faces.http import Refusal, Refused, read_json
from weft.faces.server import LONGEST_HEAD_BYTES, serve
from weft.settings import Limits, Settings

LIMITS = Limits(
    body_bytes=100_000,
    envelope_bytes=0,
    header_seconds=0.3,
    body_seconds=0.3,
    connections=8,
    requests_at_once=100,
)
PATIENCE_SECONDS = 10.0
STATUSES = {Refusal.BODY_TOO_LARGE: 413, Refusal.BODY_TOO_SLOW: 408, Refusal.MEDIA_TYPE: 415}
HUGE = 5_000_000
CUT_OFF = (ConnectionError, ssl.SSLError)


class Echo:
    """Answers with the size of the JSON body.

    `/hold` waits first, `/big` answers much, `/deaf` reads no body, `/gulp` reads on without a limit, and
    `/v1/who` and `/workload/who` answer 401 to a request without `Authorization`.
    """

    def __init__(self) -> None:
        self.held = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.gulped: queue.Queue[int] = queue.Queue()
        self._go: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if scope["path"] == "/hold":
            await self._hold()
        if scope["path"] == "/gulp":
            return await self._gulp(receive)
        status, body = 200, b"x" * HUGE
        if scope["path"].endswith("/who") and "authorization" not in request.headers:
            status, body = 401, b"who?"
        elif scope["path"] not in ("/big", "/deaf"):
            status, body = await self._read(request)
        elif scope["path"] == "/deaf":
            body = b"deaf"
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": status, "headers": [length]})
        await send({"type": "http.response.body", "body": body})
        return None

    def let_go(self) -> None:
        assert self._loop is not None
        assert self._go is not None
        self._loop.call_soon_threadsafe(self._go.set)

    async def _hold(self) -> None:
        self._loop, self._go = asyncio.get_running_loop(), asyncio.Event()
        self.held.release()
        try:
            await self._go.wait()
        finally:
            self.left.release()

    async def _gulp(self, receive: Receive) -> None:
        size = 0
        while (message := await receive())["type"] == "http.request":
            size += len(message["body"])
        self.gulped.put(size)

    async def _read(self, request: Request) -> tuple[int, bytes]:
        try:
            raw = await read_json(request, limit_bytes=LIMITS.body_bytes, seconds=LIMITS.body_seconds)
        except Refused as refused:
            return STATUSES.get(refused.kind, 400), refused.message.encode()
        return 200, b"%d bytes" % len(raw)


def envelope(problem: Problem, message: str, request_id: str) -> tuple[RawHeaders, bytes]:
    return [], f"{problem}: {message}".encode()


@dataclass
class Running:
    port: int
    echo: Echo
    stop: Callable[[], None]
    ended: threading.Event
    trusts: ssl.SSLContext | None = None

    def connect(self) -> socket.socket:
        return self.secured(self.connect_plain())

    def connect_plain(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_SECONDS)

    def secured(self, plain: socket.socket) -> socket.socket:
        """Return the connection as the server wants it: encrypted, or as it is."""
        if self.trusts is None:
            return plain
        return self.trusts.wrap_socket(plain, server_hostname="127.0.0.1")

    def ask(self, raw: bytes) -> bytes:
        """Return all that comes back until the server closes."""
        with self.connect() as client:
            client.sendall(raw)
            return everything(client)


@contextlib.contextmanager
def running(data: Path, *, tls: bool = False, **changed: Any) -> Iterator[Running]:
    """A server in a thread of its own, on uvloop, as in production."""
    echo = Echo()
    secured, trusts = contexts(data) if tls else (None, None)
    settings = Settings(**{"data": data, "port": 0, "limits": LIMITS, **changed})
    most = settings.limits.requests_at_once
    app = Doors(echo, default=envelope, envelopes={}, requests_at_once=most)
    started: queue.Queue[tuple[int, Callable[[], None]]] = queue.Queue()
    ended = threading.Event()

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def stop_soon() -> None:
            loop.call_soon_threadsafe(stop.set)

        await serve(app, settings, ready=lambda port: started.put((port, stop_soon)), stop=stop, tls=secured)
        ended.set()

    thread = threading.Thread(target=lambda: uvloop.run(main()))
    thread.start()
    port, stop = started.get(timeout=PATIENCE_SECONDS)
    try:
        yield Running(port, echo, stop, ended, trusts)
    finally:
        if not ended.is_set():
            stop()
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()


def contexts(data: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return what the server, and what a client that trusts it, encrypts with."""
    certificate = Certificate.open(data / "private", host="127.0.0.1", now=datetime.now(UTC))
    return certificate.server_context(), ssl.create_default_context(cafile=certificate.chain)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "tls"])
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), tls=request.param) as it:
        yield it


def head(path: str = "/", method: str = "POST", *lines: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *lines, "", "")).encode()


def everything(client: socket.socket) -> bytes:
    parts = []
    with contextlib.suppress(*CUT_OFF):
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


def one_answer(client: socket.socket) -> tuple[int, bytes]:
    """Return status and body of the next answer, which announces its length."""
    text = b""
    while b"\r\n\r\n" not in text:
        part = client.recv(65536)
        assert part, f"closed after {text!r}"
        text += part
    first, _, body = text.partition(b"\r\n\r\n")
    length = int(first.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    return int(first.split()[1]), body


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def is_served(server: Running) -> bool:
    return status(server.ask(head("/", "GET", "Connection: close"))) == 200


def closes_within(client: socket.socket, seconds: float) -> bytes:
    begin = time.monotonic()
    answer = everything(client)
    assert time.monotonic() - begin < seconds
    return answer


# What is right


def test_a_request_is_answered_with_a_date_and_no_banner(server: Running) -> None:
    answer = server.ask(head("/", "POST", "Content-Length: 4", "Connection: close") + b"[12]")

    assert status(answer) == 200
    assert answer.endswith(b"4 bytes")
    assert b"\r\ndate: " in answer
    assert b"server:" not in answer.lower()
    assert b"uvicorn" not in answer.lower()


def test_a_connection_serves_one_request_after_another(server: Running) -> None:
    with server.connect() as client:
        for _ in range(3):
            client.sendall(head("/", "POST", "Content-Length: 2") + b"[]")
            assert one_answer(client) == (200, b"2 bytes")


def test_requests_sent_at_once_are_answered_in_order(server: Running) -> None:
    texts = [b"[" + b"1," * n + b"1]" for n in range(5)]
    requests = [head("/", "POST", f"Content-Length: {len(text)}") + text for text in texts]

    answers = server.ask(b"".join(requests) + head("/deaf", "GET", "Connection: close"))

    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers.split(b"HTTP/1.1 200 OK")[1:]]
    assert bodies == [*(b"%d bytes" % len(text) for text in texts), b"deaf"]


def test_a_body_in_chunks_is_read(server: Running) -> None:
    answer = server.ask(
        head("/", "POST", "Transfer-Encoding: chunked", "Connection: close")
        + b"2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n"
    )

    assert answer.endswith(b"3 bytes")


def test_a_body_is_asked_for_only_when_it_is_wanted(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/", "POST", "Content-Length: 2", "Expect: 100-continue"))
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"[]")
        assert one_answer(client) == (200, b"2 bytes")
    with server.connect() as client:
        client.sendall(head("/", "POST", "Content-Length: 100001", "Expect: 100-continue"))
        assert one_answer(client)[0] == 413


def test_a_small_body_that_nobody_reads_does_not_end_the_connection(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/deaf", "POST", "Content-Length: 4"))
        assert one_answer(client) == (200, b"deaf")
        client.sendall(b"late" + head("/deaf", "GET"))
        assert one_answer(client) == (200, b"deaf")


# Smuggling and broken requests (S57)


@pytest.mark.parametrize(
    "raw",
    [
        head("/", "POST", "Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        head("/", "POST", "Transfer-Encoding: chunked", "Content-Length: 4") + b"0\r\n\r\n",
        head("/", "POST", "Content-Length: 4", "Content-Length: 5") + b"[12] ",
        head("/", "POST", "Content-Length: 4", "Content-Length: 4") + b"[12]",
        head("/", "POST", "Content-Length: 4, 4") + b"[12]",
        head("/", "POST", "Content-Length: -1"),
        head("/", "POST", "Content-Length: +4") + b"[12]",
        head("/", "POST", "Content-Length: 0x4") + b"[12]",
        head("/", "POST", "Content-Length: 99999999999999999999"),
        head("/", "POST", "Content-Length:"),
        head("/", "POST", "Transfer-Encoding: chunked, identity") + b"0\r\n\r\n",
        head("/", "POST", "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
        head("/", "POST", "Transfer-Encoding : chunked") + b"0\r\n\r\n",
        head("/", "POST", "Transfer-Encoding: chunked") + b"zz\r\n",
        head("/", "POST", "Transfer-Encoding: chunked") + b"-1\r\n",
        head("/", "POST", "Transfer-Encoding: chunked") + b"ffffffffffffffffff\r\n",
        head("/", "POST", "Content-Length: 2", "Connection: upgrade", "Upgrade: h2c") + b"[]",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n X: folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
)
def test_what_two_servers_could_read_differently_is_refused_and_closed(server: Running, raw: bytes) -> None:
    with server.connect() as client:
        client.sendall(raw)
        answer = closes_within(client, 5)

    assert status(answer) == 400
    assert answer.count(b"HTTP/1.1 ") == 1
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["errorCode"] == "InvalidRequest"


def test_a_smuggled_request_is_never_run(server: Running) -> None:
    inner = head("/deaf", "GET")
    answer = server.ask(
        head("/", "POST", f"Content-Length: {len(inner) + 5}", "Transfer-Encoding: chunked")
        + b"0\r\n\r\n"
        + inner
    )

    assert b"deaf" not in answer


def test_a_broken_request_after_a_good_one_takes_nothing_from_it(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/", "POST", "Content-Length: 2") + b"[]" + b"nonsense\r\n\r\n")
        answer = closes_within(client, 5)

    assert status(answer) == 200
    assert b"connection: close" in answer
    assert answer.endswith(b"2 bytes")


def test_a_broken_body_behind_a_request_that_waits_gets_no_answer_of_its_own(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/hold", "GET") + head("/", "POST", "Transfer-Encoding: chunked") + b"zz\r\n")
        assert closes_within(client, 5) == b""

    assert server.echo.held.acquire(timeout=PATIENCE_SECONDS)
    server.echo.let_go()
    assert server.echo.left.acquire(timeout=PATIENCE_SECONDS)


def test_an_upgrade_is_not_offered_and_ends_the_connection(server: Running) -> None:
    upgrade = head("/deaf", "GET", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")

    answer = server.ask(upgrade)

    assert status(answer) == 200
    assert b"connection: close" in answer


# A whole URL as target


@pytest.mark.parametrize(
    ("target", "host", "expected"),
    [
        ("http://evil.example/deaf", "localhost", 421),
        ("HTTP://evil.example/deaf", "localhost", 421),
        ("http://evil.example:80/deaf?x=1", "localhost", 421),
        ("http://localhost@evil.example/deaf", "localhost", 421),
        ("http://evil.example@localhost/deaf", "localhost", 421),
        ("http://localhost/deaf", "localhost", 200),
        ("http://127.0.0.1:80/deaf?x=1", "evil.example", 200),
        ("http://[::1]/deaf", "localhost", 200),
        ("//evil.example/deaf", "localhost", 404),
    ],
)
def test_the_host_of_a_whole_url_counts_and_not_the_header(
    server: Running, target: str, host: str, expected: int
) -> None:
    answer = server.ask(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())

    assert status(answer) == expected


@pytest.mark.parametrize("hosts", ["", "Host: localhost\r\nHost: localhost\r\n"])
def test_a_whole_url_replaces_no_missing_or_doubled_host(server: Running, hosts: str) -> None:
    answer = server.ask(f"GET http://localhost/deaf HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n".encode())

    assert status(answer) == 400


# Trailers and chunk extensions


@pytest.mark.parametrize("path", ["/v1/who", "/workload/who"])
def test_a_trailer_is_no_header(server: Running, path: str) -> None:
    credentials = b"Authorization: Bearer of-someone\r\n"
    chunked = head(path, "POST", "Transfer-Encoding: chunked")

    with server.connect() as client:
        client.sendall(chunked + b"2\r\n[]\r\n0\r\n" + credentials + b"\r\n")
        assert one_answer(client) == (401, b"who?")
        client.sendall(head(path, "GET"))
        assert one_answer(client) == (401, b"who?")
        client.sendall(chunked.replace(b"\r\n\r\n", b"\r\n" + credentials + b"\r\n") + b"0\r\n\r\n")
        assert one_answer(client) == (200, b"0 bytes")


ENDLESS_FRAMING = [
    (b"0\r\n", b"X: y\r\n"),
    (b"0\r\nX: ", b"y"),
    (b"2\r\n[]\r\n0\r\n", b"X: y\r\n"),
    (b"2;", b"x"),
    (b"2;x=", b"y"),
    (b"8000\r\n" + b" " * 0x8000 + b"\r\n1;", b"x"),
    (b"", b"1;" + b"x" * 1000 + b"\r\n \r\n"),
]


@pytest.mark.parametrize(("begin", "more"), ENDLESS_FRAMING)
def test_endless_trailers_and_chunk_extensions_are_refused(
    server: Running, begin: bytes, more: bytes
) -> None:
    with server.connect() as client:
        client.sendall(head("/gulp", "POST", "Transfer-Encoding: chunked") + begin)
        send_much(client, more)
        answer = closes_within(client, 3)

    assert status(answer) == 400
    assert b"too long" in answer
    assert server.echo.gulped.get(timeout=PATIENCE_SECONDS) <= 0x8000 + 1000


@pytest.mark.parametrize(("begin", "more"), ENDLESS_FRAMING)
def test_endless_trailers_and_chunk_extensions_of_an_answered_request_are_cut_off(
    server: Running, begin: bytes, more: bytes
) -> None:
    with server.connect() as client:
        client.sendall(head("/deaf", "POST", "Transfer-Encoding: chunked"))
        assert one_answer(client) == (200, b"deaf")
        client.sendall(begin)
        send_much(client, more)

        assert closes_within(client, 3) == b""


def send_much(client: socket.socket, part: bytes) -> None:
    """Send the part again and again, 2 MB in all, or until the server closes."""
    block = part * (20_000 // len(part))
    with contextlib.suppress(*CUT_OFF):
        for _ in range(100):
            client.sendall(block)


def test_a_body_in_chunks_of_one_byte_may_have_more_framing_than_body(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/deaf", "POST", "Transfer-Encoding: chunked"))
        assert one_answer(client) == (200, b"deaf")

        client.sendall(b"1\r\nx\r\n" * 90_000 + b"0\r\n\r\n" + head("/deaf", "GET"))
        assert one_answer(client) == (200, b"deaf")


# Sizes (S56 to S58)


def test_an_announced_body_over_the_cap_is_answered_unread(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/", "POST", "Content-Length: 100001"))
        answer = closes_within(client, 5)

    assert status(answer) == 413
    assert b"connection: close" in answer


def test_an_answer_to_a_body_over_the_cap_reaches_a_client_that_reads_late(server: Running) -> None:
    plain = socket.socket()
    plain.settimeout(PATIENCE_SECONDS)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32_768)  # the kernel cannot swallow the body
    plain.connect(("127.0.0.1", server.port))
    with server.secured(plain) as client:
        client.sendall(head("/", "POST", "Content-Length: 3500000") + b" " * 3_500_000)

        assert one_answer(client)[0] == 413


def test_an_announced_body_over_the_cap_ends_the_connection_though_nobody_reads_it(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/deaf", "POST", "Content-Length: 100001"))
        answer = closes_within(client, 5)

    assert answer.endswith(b"deaf")
    assert b"connection: close" in answer


def test_nothing_behind_a_body_over_the_cap_is_run(server: Running) -> None:
    size = LIMITS.body_bytes
    with server.connect() as client:
        client.sendall(head("/", "POST", "Transfer-Encoding: chunked"))
        client.sendall(b"%x\r\n" % size + b" " * size + b"\r\n")
        client.sendall(b"1\r\n \r\n0\r\n\r\n" + head("/hold", "GET"))
        answer = everything(client)

    assert status(answer) == 413
    assert answer.count(b"HTTP/1.1 ") == 1
    assert not server.echo.held.acquire(blocking=False)


def test_a_face_without_a_limit_gets_no_more_than_the_cap(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/gulp", "POST", "Transfer-Encoding: chunked"))
        for _ in range(60):
            client.sendall(b"2000\r\n" + b" " * 0x2000 + b"\r\n")

    assert server.echo.gulped.get(timeout=PATIENCE_SECONDS) < LIMITS.body_bytes + 0x2000


def test_an_endless_body_is_answered_at_the_cap_and_closed(server: Running) -> None:
    chunk = b"2000\r\n" + b" " * 0x2000 + b"\r\n"
    with server.connect() as client:
        client.sendall(head("/", "POST", "Transfer-Encoding: chunked"))
        sent = 0
        with contextlib.suppress(*CUT_OFF):
            while sent < 400_000:
                client.sendall(chunk)
                sent += len(chunk)
        answer = one_answer(client)

    assert answer[0] == 413
    assert is_served(server)


def test_a_client_that_never_stops_sending_is_cut_off(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/", "POST", "Content-Length: 10000000000"))
        sent = 0
        with contextlib.suppress(*CUT_OFF):
            while sent < 500_000_000:
                sent += client.send(b" " * 65536)

    assert sent < 500_000_000
    assert is_served(server)


def test_an_endless_body_that_nobody_reads_is_closed_too(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/deaf", "POST", "Transfer-Encoding: chunked"))
        assert one_answer(client) == (200, b"deaf")
        with contextlib.suppress(*CUT_OFF):
            for _ in range(40):
                client.sendall(b"2000\r\n" + b" " * 0x2000 + b"\r\n")
        assert closes_within(client, 5) == b""


def test_a_compressed_bomb_is_not_unpacked(server: Running) -> None:
    bomb = gzip.compress(b"0" * 20_000_000)

    answer = server.ask(
        head("/", "POST", f"Content-Length: {len(bomb)}", "Content-Encoding: gzip", "Connection: close")
        + bomb
    )

    assert status(answer) == 415


def test_a_head_over_the_limit_is_refused_whole_or_in_parts(server: Running) -> None:
    whole = server.ask(head("/", "GET", "X: " + "a" * 40_000, "Connection: close"))
    with server.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ")
        with contextlib.suppress(*CUT_OFF):
            for _ in range(LONGEST_HEAD_BYTES // 1000 + 2):
                client.sendall(b"a" * 1000)
        endless = one_answer(client)

    assert status(whole) == 431
    assert endless[0] == 431


# Slowness (S66)


@pytest.mark.parametrize("first", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: loc", b"\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(server: Running, first: bytes) -> None:
    with server.connect() as client:
        client.sendall(first)

        assert closes_within(client, 3) == b""


def test_a_head_that_trickles_has_one_deadline(server: Running) -> None:
    begin = time.monotonic()
    with server.connect() as client, pytest.raises(CUT_OFF):  # noqa: PT012  # until it is closed
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        while time.monotonic() - begin < PATIENCE_SECONDS:
            client.sendall(b"X: y\r\n")
            client.settimeout(0.02)
            with contextlib.suppress(TimeoutError):
                if not client.recv(1):
                    raise ConnectionError

    assert time.monotonic() - begin < 3


def test_the_second_head_has_a_deadline_too(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/", "GET"))
        one_answer(client)
        client.sendall(b"GET / HT")

        assert closes_within(client, 3) == b""


def test_a_connection_between_requests_outlives_the_head_s_deadline(server: Running) -> None:
    with server.connect() as client, server.connect() as other:
        client.sendall(head("/", "GET"))
        one_answer(client)
        closes_within(other, 3)  # a younger connection has met its deadline

        client.sendall(head("/", "GET"))
        assert one_answer(client)[0] == 200


def test_a_body_that_does_not_come_is_answered_and_not_waited_for(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/", "POST", "Content-Length: 10") + b"[1")
        answer = closes_within(client, 3)

    assert status(answer) == 408
    assert b"connection: close" in answer


def test_a_client_that_reads_no_answer_is_closed(server: Running) -> None:
    with server.connect() as client:
        client.sendall(head("/big", "GET") * 3)
        begin = time.monotonic()
        while is_open_at(server, client):
            assert is_served(server)
            assert time.monotonic() - begin < PATIENCE_SECONDS


def is_open_at(server: Running, client: socket.socket) -> bool:
    """Return whether the server still holds its end of the client's connection, as the kernel sees it."""
    here = client.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        ports = int(local.split(":")[1], 16), int(remote.split(":")[1], 16)
        if ports == (server.port, here) and state == "01":
            return True
    return False


# Before the encryption (S66)


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x02", head("/", "GET")])
def test_a_handshake_that_does_not_come_is_not_waited_for(tmp_path: Path, first: bytes) -> None:
    with running(tmp_path, tls=True) as server, server.connect_plain() as client:
        client.sendall(first)

        assert b"HTTP" not in closes_within(client, 3)


def test_a_handshake_that_trickles_has_one_deadline(tmp_path: Path) -> None:
    begin = time.monotonic()
    with running(tmp_path, tls=True) as server, server.connect_plain() as client:
        client.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        with contextlib.suppress(*CUT_OFF):
            while time.monotonic() - begin < PATIENCE_SECONDS:
                client.sendall(b"x")
                client.settimeout(0.02)
                with contextlib.suppress(TimeoutError):
                    if not client.recv(1):
                        break

    assert time.monotonic() - begin < 3


def test_slow_handshakes_do_not_keep_others_from_being_served(tmp_path: Path) -> None:
    roomy = Limits(connections=500, header_seconds=60)
    with running(tmp_path, tls=True, limits=roomy) as server, contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(server.connect_plain())

        assert is_served(server)


def test_handshakes_count_against_the_cap_of_connections(tmp_path: Path) -> None:
    patient = Limits(connections=1, header_seconds=60)
    with running(tmp_path, tls=True, limits=patient) as server, contextlib.ExitStack() as stack:
        held = [stack.enter_context(server.connect_plain()) for _ in range(300)]
        closes_within(held[-1], 5)  # far over the cap: dropped unheard

        with pytest.raises(OSError, match=r"reset|EOF"):
            server.connect()


def test_the_end_does_not_wait_for_a_handshake(tmp_path: Path) -> None:
    patient = Limits(header_seconds=60)
    with running(tmp_path, tls=True, limits=patient) as server, server.connect_plain() as client:
        assert is_served(server)

        server.stop()

        assert server.ended.wait(PATIENCE_SECONDS)
        assert closes_within(client, 3) == b""


# Many (S66)


def test_connections_over_the_cap_are_told_to_come_again(tmp_path: Path) -> None:
    patient = Limits(connections=4, header_seconds=60)
    with running(tmp_path, limits=patient) as server, contextlib.ExitStack() as stack:
        held = [stack.enter_context(server.connect()) for _ in range(4)]
        for client in held:
            client.sendall(head("/", "GET"))
            assert one_answer(client)[0] == 200

        over = server.ask(head("/", "GET"))
        held.pop().close()
        begin = time.monotonic()
        while status(server.ask(head("/", "GET", "Connection: close"))) != 200:
            assert time.monotonic() - begin < PATIENCE_SECONDS

    assert status(over) == 429
    assert b"retry-after: 1" in over


def test_idle_connections_do_not_keep_others_from_being_served(tmp_path: Path) -> None:
    roomy = Limits(connections=500, header_seconds=60)
    with running(tmp_path, limits=roomy) as server, contextlib.ExitStack() as stack:
        for _ in range(300):
            stack.enter_context(server.connect())

        assert is_served(server)


def begun(stack: contextlib.ExitStack, server: Running, length: int) -> socket.socket:
    """Return a connection with a request that has been let in and waits for its body."""
    client = stack.enter_context(server.connect())
    client.sendall(head("/gulp", "POST", f"Content-Length: {length}", "Expect: 100-continue"))
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    return client


def test_requests_that_wait_for_their_bodies_take_no_room(tmp_path: Path) -> None:
    with running(tmp_path, limits=Limits(requests_at_once=2)) as server, contextlib.ExitStack() as stack:
        for _ in range(5):
            begun(stack, server, 10).sendall(b"[1,")

        assert is_served(server)


def test_a_request_whose_body_comes_when_all_room_is_taken_is_told_to_come_again(tmp_path: Path) -> None:
    with running(tmp_path, limits=Limits(requests_at_once=1)) as server, contextlib.ExitStack() as stack:
        late = begun(stack, server, 2)
        held = stack.enter_context(server.connect())
        held.sendall(head("/hold", "GET"))
        assert server.echo.held.acquire(timeout=PATIENCE_SECONDS)

        late.sendall(b"[]")
        assert one_answer(late)[0] == 429
        server.echo.let_go()
        assert one_answer(held)[0] == 200
        assert is_served(server)


def test_a_request_that_holds_much_of_its_body_takes_room(tmp_path: Path) -> None:
    with running(tmp_path, limits=Limits(requests_at_once=1)) as server, contextlib.ExitStack() as stack:
        large, other = begun(stack, server, 100_000), begun(stack, server, 100_000)
        large.sendall(b" " * (SMALL_BODY_BYTES + 1))
        begin = time.monotonic()
        while is_served(server):
            assert time.monotonic() - begin < PATIENCE_SECONDS

        other.sendall(b" " * (SMALL_BODY_BYTES + 1))
        assert one_answer(other)[0] == 429
        large.close()
        while not is_served(server):
            assert time.monotonic() - begin < PATIENCE_SECONDS


# The end


def test_the_end_waits_for_what_is_being_answered(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.connect() as client, server.connect() as idle:
        idle.sendall(head("/", "GET"))
        one_answer(idle)
        client.sendall(head("/hold", "GET"))
        assert server.echo.held.acquire(timeout=PATIENCE_SECONDS)

        server.stop()
        closes_within(idle, 5)
        assert not server.ended.is_set()
        with pytest.raises(ConnectionRefusedError):
            server.connect().close()
        server.echo.let_go()

        answer = everything(client)
        assert status(answer) == 200
        assert b"connection: close" in answer
        assert server.ended.wait(PATIENCE_SECONDS)


def test_the_end_does_not_wait_for_ever(tmp_path: Path) -> None:
    with running(tmp_path, shutdown_grace=timedelta(seconds=0.5)) as server, server.connect() as client:
        client.sendall(head("/hold", "GET"))
        assert server.echo.held.acquire(timeout=PATIENCE_SECONDS)

        server.stop()

        assert server.ended.wait(PATIENCE_SECONDS)
        assert server.echo.left.acquire(timeout=PATIENCE_SECONDS)
        everything(client)


async def test_nothing_stays_connected_after_the_end(tmp_path: Path) -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    settings = Settings(data=tmp_path, port=0, limits=LIMITS, shutdown_grace=timedelta(seconds=0.1))
    echo = Echo()
    serving = asyncio.create_task(serve(echo, settings, ready=started.set_result, stop=stop))
    reader, writer = await asyncio.open_connection("127.0.0.1", await started)
    writer.write(head("/hold", "POST", "Content-Length: 10"))
    await asyncio.to_thread(echo.held.acquire, timeout=PATIENCE_SECONDS)

    stop.set()
    await asyncio.wait_for(serving, PATIENCE_SECONDS)

    assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
    writer.close()


async def test_a_cancelled_server_is_gone_at_once(tmp_path: Path) -> None:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    settings = Settings(data=tmp_path, port=0, limits=LIMITS)
    serving = asyncio.create_task(serve(Echo(), settings, ready=started.set_result, stop=asyncio.Event()))
    port = await started
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head("/deaf", "GET"))
    await reader.readuntil(b"deaf")

    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving

    assert await asyncio.wait_for(reader.read(), PATIENCE_SECONDS) == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def test_a_taken_port_is_said_before_anything_runs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(data=tmp_path, port=taken.getsockname()[1])

        async def main() -> None:
            await serve(Echo(), settings, ready=lambda port: None, stop=asyncio.Event())

        with pytest.raises(OSError, match="in use"):
            uvloop.run(main())
