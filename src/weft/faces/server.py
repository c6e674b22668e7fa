"""The HTTP server: uvicorn on uvloop and httptools, with the deadlines and caps that it lacks.

A client that is slow, endless or many is closed at its deadline or cap, while the others are served:
promises.md S56 to S58 and S66.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import os
import re
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import Any, Final

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from weft.settings import Limits, Settings

IDLE_SECONDS: Final = 75
LINGER_SECONDS: Final = 2.0
LINGER_BYTES: Final = 4 * 1024 * 1024
TLS_LINGER_SECONDS: Final = 0.2
LONGEST_HEAD_BYTES: Final = 64 * 1024
LONGEST_FRAMING_BYTES: Final = 32 * 1024
FRAMING_PER_BODY_BYTE: Final = 8  # a chunk of one byte takes five more: its size and the two ends of line
BACKLOG: Final = 2048

_BODY_GRACE_SECONDS: Final = 5.0  # so that a face that watches the time itself can still answer
_REFUSED_AT_ONCE: Final = 256  # connections over the cap that are told so, before more are dropped unheard
_ABSOLUTE_FORM = re.compile(rb"[A-Za-z]+://([^/?#]*)")
_OWN_FILES: Final = 256  # open files beside connections: store, job processes, outgoing calls

_log = logging.getLogger(__name__)


async def serve(
    app: ASGIApp,
    settings: Settings,
    *,
    ready: Callable[[int], None],
    stop: asyncio.Event,
    tls: ssl.SSLContext | None = None,
    body_bytes: int | None = None,
) -> None:
    """Serve *app* until *stop* is set, then finish what is being answered, at most for the shutdown grace.

    *ready* is called with the port, once, when requests are served. With *tls* all is encrypted.
    *body_bytes*: the longest body of a request, None: that of the limits. Cancelling ends it at once. Raises
    OSError where the address cannot be had.
    """
    listener = _bound(settings.host, settings.port)
    _make_room(settings.limits.connections)
    server = _Server(_Config(app, settings, tls, body_bytes), ready, stop)
    try:
        await server.serve(sockets=[listener])
    finally:
        server.drop()
        listener.close()


def _bound(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    listener.setblocking(False)
    return listener


def _make_room(connections: int) -> None:
    """Raise this process's soft limit of open files, as far as it may, to what the connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _REFUSED_AT_ONCE + _OWN_FILES
    possible = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < possible:
        resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    if possible < needed:
        _log.warning("the limit of open files, %d, is below the %d that %d connections need",
                     possible, needed, connections)  # fmt: skip


class _Config(uvicorn.Config):
    def __init__(
        self, app: ASGIApp, settings: Settings, tls: ssl.SSLContext | None, body_bytes: int | None
    ) -> None:
        super().__init__(
            app,
            http=_Connection if tls is None else partial(_Handshake, tls),  # type: ignore[arg-type]  # is called only
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_grace.total_seconds()),
        )
        self.limits = settings.limits
        self.body_bytes = settings.limits.hosted_body_bytes if body_bytes is None else body_bytes
        self.handshakes: set[asyncio.Task[None]] = set()


class _Server(uvicorn.Server):
    """uvicorn's server, stopped by an event: signals belong to the caller."""

    config: _Config

    def __init__(self, config: _Config, ready: Callable[[int], None], stop: asyncio.Event) -> None:
        super().__init__(config)
        self.servers: list[asyncio.base_events.Server] = []
        self._ready = ready
        self._stop = stop

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._ready(self.servers[0].sockets[0].getsockname()[1])
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):  # the Date header is made anew each second
                    await self._stop.wait()
            await self.on_tick(0)
        self._drop_handshakes()

    def drop(self) -> None:
        """End at once what is left: nothing after a graceful end, all where the caller was cancelled."""
        for server in self.servers:
            server.close()
        self._drop_handshakes()
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def _drop_handshakes(self) -> None:
        for handshake in list(self.config.handshakes):
            handshake.cancel()


class _Phase(StrEnum):
    BETWEEN = "between"
    HEAD = "head"
    BODY = "body"


class _Connection(HttpToolsProtocol):
    """One connection, with deadlines for head, body and the reading of answers, and caps for sizes."""

    config: _Config

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._limits: Limits = self.config.limits
        self._phase = _Phase.BETWEEN
        self._messages = 0
        self._head_bytes = 0
        self._body_bytes = 0
        self._watched_body_bytes = 0
        self._framing_bytes: int | None = None
        self._fault = "the request is not HTTP/1.1"
        self._wants_no_more = False
        self._lingered_bytes: int | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._deadline_of: tuple[_Phase, int] | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        over = len(self.connections) - self._limits.connections
        if over > _REFUSED_AT_ONCE:
            transport.abort()
        elif over > 0:
            self._refuse(429, "TooManyRequests", "too many connections; try again later")
        else:
            self._expect(_Phase.HEAD, self._limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._deadline, self._unread, self._end, self.timeout_keep_alive_task):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._lingered_bytes is not None:
            self._discard(len(data))
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._wants_no_more = True  # what follows is no request of ours
        except httptools.HttpParserError:
            self._refuse_message()
            return
        self._watch(len(data))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase = _Phase.HEAD
        self._messages += 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, but no trailer: that is no header (RFC 9110 6.5.1), and could come for ever."""
        if self._phase is not _Phase.BODY:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if not self._wants_no_more:
            self._begin_request()
        self._phase = _Phase.BODY
        self._body_bytes = self._watched_body_bytes = 0
        self._framing_bytes = None

    def _begin_request(self) -> None:
        length = _body_length(self.headers)
        if self.parser.should_upgrade() and length != 0:
            # llhttp takes what follows such a head for another protocol: the body would be lost unseen.
            self._fault = "a request with a body cannot ask for an upgrade"
            raise ValueError(self._fault)
        absolute = _ABSOLUTE_FORM.match(self.url)
        if absolute is not None:
            _set_host(self.headers, absolute[1])
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False
        if length is not None and length > self.config.body_bytes:
            self._want_no_more()

    def on_body(self, body: bytes) -> None:
        was_enough = self._wants_no_more and self._body_bytes > self.config.body_bytes
        self._body_bytes += len(body)
        if was_enough:
            return
        super().on_body(body)
        if self._body_bytes > self.config.body_bytes and not self._wants_no_more:
            self._want_no_more()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._phase = _Phase.BETWEEN

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._end = self.loop.call_later(self._limits.body_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = self.loop.call_later(self._limits.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()  # a close would wait for a client that never read its answer

    def shutdown(self) -> None:
        if self._lingered_bytes is not None:
            self.transport.abort()
        else:
            super().shutdown()

    def linger(self) -> None:
        """Close, but first let the client read the answer: a close with unread input would reset it."""
        if self._lingered_bytes is not None or self.transport.is_closing():
            return
        self._lingered_bytes = 0
        self._drop_deadline()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self._end = self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        else:  # TLS: once it is told to close it reads on by itself, however much comes
            self._end = self.loop.call_later(TLS_LINGER_SECONDS, self._close_or_abort)

    def _close_or_abort(self) -> None:
        if self._lingered_bytes:
            self.transport.abort()
        else:
            self.transport.close()

    def _discard(self, count: int) -> None:
        self._lingered_bytes = (self._lingered_bytes or 0) + count
        if self._lingered_bytes > LINGER_BYTES:
            self.transport.abort()

    def _watch(self, received: int) -> None:
        """Set the deadline of what is awaited now; a request that is whole, as most are, needs none."""
        self._head_bytes = self._head_bytes + received if self._phase is _Phase.HEAD else 0
        if self._head_bytes > LONGEST_HEAD_BYTES:
            self._refuse(431, "RequestHeaderFieldsTooLarge", "the head of the request is too long")
        elif self._phase is _Phase.BODY:
            self._expect(_Phase.BODY, self._limits.body_seconds + _BODY_GRACE_SECONDS)
            self._watch_framing(received)
        elif self._phase is _Phase.HEAD or self._answers_nothing:
            self._expect(_Phase.HEAD, self._limits.header_seconds)
        elif self._deadline is not None:
            self._drop_deadline()

    def _watch_framing(self, received: int) -> None:
        """Refuse a body of which more and more comes that is no body: chunk extensions or trailers.

        What small chunks need is allowed in proportion, at once and not saved up for later: so that the rest
        never exceeds its limit by more than one read. The read that also held the head is not counted.
        """
        body = self._body_bytes - self._watched_body_bytes
        self._watched_body_bytes = self._body_bytes
        if self._framing_bytes is None:
            self._framing_bytes = 0
            return
        self._framing_bytes = max(0, self._framing_bytes + received - body * (1 + FRAMING_PER_BODY_BYTE))
        if self._framing_bytes > LONGEST_FRAMING_BYTES:
            self._fault = "the extensions of the chunks, or the trailers, are too long"
            self._refuse_message()

    @property
    def _answers_nothing(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None until a first head is complete
        return cycle is None or cycle.response_complete

    def _expect(self, phase: _Phase, seconds: float) -> None:
        if self._deadline_of == (phase, self._messages):
            return  # set once for a head or body, however slowly it trickles in
        self._drop_deadline()
        self._deadline_of = (phase, self._messages)
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _drop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None
        self._deadline_of = None

    def _want_no_more(self) -> None:
        """Let the application answer a body that is too long, then close."""
        self._wants_no_more = True
        self.cycle.keep_alive = False
        self.cycle.transport = _LingeringTransport(self)  # type: ignore[assignment]  # the part that is used
        if self.cycle.response_complete:
            self.linger()

    def _refuse_message(self) -> None:
        in_body = self._phase is _Phase.BODY
        if in_body and self._answers_nothing:
            self.linger()  # the request has its answer
        elif self._answers_nothing or (in_body and not self.cycle.response_started and not self.pipeline):
            self._refuse(400, "InvalidRequest", self._fault)
        elif in_body:
            self.transport.abort()
        else:
            self._wants_no_more = True  # an earlier request is being answered: that answer is the last
            self.cycle.keep_alive = False

    def _refuse(self, status: int, code: str, message: str) -> None:
        self.transport.write(_plain_answer(status, code, message))
        if not self._answers_nothing:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.linger()


class _Handshake(asyncio.Protocol):
    """A connection before it is encrypted, for at most as long as a head may take.

    It counts against the cap. The loop's own TLS server tells nobody of a connection before its handshake is
    over, and leaves a minute for that.
    """

    def __init__(
        self, tls: ssl.SSLContext, *, config: _Config, server_state: ServerState, **named: Any
    ) -> None:
        self._tls = tls
        self._config = config
        self._connections = server_state.connections
        self._makes_connection = partial(_Connection, config=config, server_state=server_state, **named)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        under_way = self._config.handshakes
        over = len(self._connections) + len(under_way) - self._config.limits.connections
        if over <= _REFUSED_AT_ONCE:
            # Taken away from this transport, which would read what belongs to the handshake.
            plain = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))
            task = asyncio.get_running_loop().create_task(self._secure(plain))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        transport.abort()

    async def _secure(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.get_running_loop().connect_accepted_socket(
                self._makes_connection,
                plain,
                ssl=self._tls,
                ssl_handshake_timeout=self._config.limits.header_seconds,
                ssl_shutdown_timeout=LINGER_SECONDS,
            )


class _LingeringTransport:
    """What the answer to an unwanted body is written to: closing it leaves the client time to read."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection
        self._closes = False

    def write(self, data: bytes) -> None:
        self._connection.transport.write(data)

    def is_closing(self) -> bool:
        return self._closes or self._connection.transport.is_closing()

    def close(self) -> None:
        self._closes = True
        self._connection.linger()


def _body_length(headers: list[tuple[bytes, bytes]]) -> int | None:
    """Return the announced length of a body, None where it comes in chunks."""
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            length = int(value)
    return length


def _set_host(headers: list[tuple[bytes, bytes]], host: bytes) -> None:
    """Let the host of a whole URL that is asked for replace what `Host` says: RFC 9112 3.2.2."""
    headers[:] = [(name, host if name == b"host" else value) for name, value in headers]


def _plain_answer(status: int, code: str, message: str) -> bytes:
    """Return an answer to what never became a request, so that no contract is known.

    Its members are those that the envelopes of all contracts share.
    """
    reason = {400: "Bad Request", 429: "Too Many Requests", 431: "Request Header Fields Too Large"}[status]
    error = {"errorCode": code, "message": message, "source": "System", "isPermanent": status != 429}
    body = json.dumps(error).encode()
    retry = "retry-after: 1\r\n" if status == 429 else ""
    head = (
        f"HTTP/1.1 {status} {reason}\r\n{retry}content-type: application/json; charset=utf-8\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
