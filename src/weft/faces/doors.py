"""What every request passes before a face sees it: host, origin, size, path, method, room; and the last net.

The doors know no contract. Each path prefix has an `Envelope`, which puts a problem into the words of its
contract; the status of a problem is the same for all.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.faces.http import shown

RawHeaders = Sequence[tuple[bytes, bytes]]

LONGEST_HEAD_BYTES: Final = 32 * 1024
LOOPBACK_HOSTS: Final = ("127.0.0.1", "[::1]", "localhost")
SMALL_BODY_BYTES: Final = 64 * 1024
METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
ALWAYS_OPEN: Final = frozenset(("/livez", "/readyz"))
OUTSIDE: Final = "weft.outside"
"""The member of a request's scope that makes a context in which the request takes no room: it only waits."""

_HEADER_OVERHEAD: Final = 4  # the colon, the space and the end of the line
_CLOSES: Final = frozenset((408, 413))  # the rest of the body is not wanted
_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::[0-9]{1,5})?")
_PLAIN_PATH = re.compile(rb"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9._~!$&'()*+,;=:@-]+)*+/?")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\]")
_KNOWN_HOSTS: Final = 64

_log = logging.getLogger(__name__)


class Problem(StrEnum):
    BAD_REQUEST = "bad_request"
    BAD_PATH = "bad_path"
    UNKNOWN_PATH = "unknown_path"
    FOREIGN_ORIGIN = "foreign_origin"
    BAD_METHOD = "bad_method"
    WRONG_HOST = "wrong_host"
    OVERLOADED = "overloaded"
    HEAD_TOO_LARGE = "head_too_large"
    INTERNAL = "internal"


STATUS: Final[Mapping[Problem, int]] = {
    Problem.BAD_REQUEST: 400,
    Problem.BAD_PATH: 400,
    Problem.UNKNOWN_PATH: 404,
    Problem.FOREIGN_ORIGIN: 403,
    Problem.BAD_METHOD: 405,
    Problem.WRONG_HOST: 421,
    Problem.OVERLOADED: 429,
    Problem.HEAD_TOO_LARGE: 431,
    Problem.INTERNAL: 500,
}
_EXTRA: Final[Mapping[Problem, RawHeaders]] = {
    Problem.OVERLOADED: ((b"retry-after", b"1"),),
    Problem.BAD_METHOD: ((b"allow", ", ".join(sorted(METHODS)).encode()),),
}


class Envelope(Protocol):
    """Puts a problem into the words of one contract."""

    def __call__(self, problem: Problem, message: str, request_id: str) -> tuple[RawHeaders, bytes]:
        """Return headers (without content-length) and body. Neither may raise."""


class Turned(Exception):
    """A request that does not get past the doors."""

    def __init__(self, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.problem = problem
        self.message = message


class Doors:
    """Pure ASGI middleware around the whole application.

    *envelopes* maps a path prefix such as "/workload" to its envelope, *default* serves all other paths.
    *hosts* are names that may stand in `Host`, with any port, beside those of the loopback device.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        default: Envelope,
        envelopes: Mapping[str, Envelope] = MappingProxyType({}),
        hosts: Collection[str] = (),
        requests_at_once: int,
    ) -> None:
        self._app = app
        self._default = default
        self._envelopes = tuple(envelopes.items())
        self._hosts = frozenset(host.lower().encode() for host in (*LOOPBACK_HOSTS, *hosts))
        self._known_hosts: set[bytes] = set()
        self._most = requests_at_once
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not offered"})
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._check_head(scope)
            _check_path(scope)
            self._check_room(scope["path"])
        except Turned as turned:
            await self._answer(scope, send, turned.problem, turned.message)
            return
        self._inside += 1
        try:
            await self._inner(scope, receive, send)
        finally:
            self._inside -= 1

    async def _inner(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                if message["status"] in _CLOSES:
                    message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        try:
            scope[OUTSIDE] = self._outside
            await self._app(scope, receive if scope["method"] == "GET" else self._roomy(receive), watched)
        except ClientDisconnect:
            return  # nobody is left to be answered
        except Exception as fault:
            request_id = str(uuid.uuid4())
            turned = _turned(fault, scope, request_id)
            if not started:
                await self._answer(scope, send, turned.problem, turned.message, request_id)

    @contextmanager
    def _outside(self) -> Iterator[None]:
        self._inside -= 1
        try:
            yield
        finally:
            self._inside += 1

    def _roomy(self, receive: Receive) -> Receive:
        """Return *receive* such that a request takes no room while it waits for its body.

        So slow bodies keep nobody out. A request that holds more than a small part of its body takes room
        again: waiting requests are as many as connections, and what they hold must stay bounded.
        """
        comes, held = True, 0

        async def received() -> Message:
            nonlocal comes, held
            if not comes or held > SMALL_BODY_BYTES:
                return await receive()
            self._inside -= 1
            try:
                message = await receive()
            finally:
                self._inside += 1
            comes = message.get("more_body", False)
            held += len(message.get("body", b""))
            if self._inside > self._most and (not comes or held > SMALL_BODY_BYTES):
                raise self._overloaded()
            return message

        return received

    def _check_head(self, scope: Scope) -> None:
        if scope["method"] not in METHODS:
            raise Turned(Problem.BAD_METHOD, f"the method {shown(scope['method'])} is not offered")
        host, origin = _read_head(scope)
        if host not in self._known_hosts:
            self._learn_host(host)
        if origin is not None and origin.lower() != b"%b://%b" % (scope["scheme"].encode(), host.lower()):
            raise Turned(Problem.FOREIGN_ORIGIN, f"the origin {_text(origin)} may not call")

    def _learn_host(self, host: bytes) -> None:
        found = _HOST.fullmatch(host)
        if found is None or found[1].lower() not in self._hosts:
            raise Turned(Problem.WRONG_HOST, f"the host {_text(host)} is not served here")
        if len(self._known_hosts) < _KNOWN_HOSTS:
            self._known_hosts.add(host)

    def _check_room(self, path: str) -> None:
        if self._inside >= self._most and path not in ALWAYS_OPEN:
            raise self._overloaded()

    def _overloaded(self) -> Turned:
        return Turned(Problem.OVERLOADED, f"{self._most} requests are being served; try again later")

    async def _answer(
        self, scope: Scope, send: Send, problem: Problem, message: str, request_id: str | None = None
    ) -> None:
        envelope = self._envelope(scope["path"])
        headers, body = envelope(problem, message, request_id or str(uuid.uuid4()))
        length = (b"content-length", str(len(body)).encode())
        start = [*headers, *_EXTRA.get(problem, ()), length]
        await send({"type": "http.response.start", "status": STATUS[problem], "headers": start})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _envelope(self, path: str) -> Envelope:
        lower = path.lower()
        for prefix, envelope in self._envelopes:
            if lower == prefix or lower.startswith(f"{prefix}/"):
                return envelope
        return self._default


def _turned(fault: Exception, scope: Scope, request_id: str) -> Turned:
    """Return *fault* as what the client is told; a bug is told in no detail, and logged."""
    if isinstance(fault, Turned):
        return fault
    _log.error("request %s failed: %s %s", request_id, scope["method"], shown(scope["path"]), exc_info=fault)
    return Turned(Problem.INTERNAL, "Something went wrong inside.")


def _read_head(scope: Scope) -> tuple[bytes, bytes | None]:
    """Return `Host` and `Origin`; refuse a head that is too long, or that does not name one host."""
    size = len(scope["path"]) + len(scope["query_string"])
    hosts: list[bytes] = []
    origin: bytes | None = None
    for name, value in scope["headers"]:
        size += len(name) + len(value) + _HEADER_OVERHEAD
        if name == b"host":
            hosts.append(value)
        elif name == b"origin":
            origin = value
    if size > LONGEST_HEAD_BYTES:
        raise Turned(
            Problem.HEAD_TOO_LARGE, f"the head of the request is longer than {LONGEST_HEAD_BYTES} bytes"
        )
    if len(hosts) != 1:
        raise Turned(Problem.BAD_REQUEST, f"the request needs one header Host, not {len(hosts)}")
    return hosts[0], origin


def _check_path(scope: Scope) -> None:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    if not _PLAIN_PATH.fullmatch(raw):
        _check_odd_path(raw)


def _check_odd_path(raw: bytes) -> None:
    """Refuse paths that one reader resolves in another way than the next: promises.md S93."""
    if _BROKEN_ESCAPE.search(raw):
        raise Turned(Problem.BAD_PATH, f"the path {_text(raw)} holds a broken escape")
    try:
        path = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise Turned(Problem.BAD_PATH, f"the path {_text(raw)} is not UTF-8") from None
    if _UNFIT.search(path) or b"%2f" in raw.lower():
        raise Turned(Problem.BAD_PATH, f"the path {_text(raw)} holds a character that no path may hold")
    segments = path.split("/")
    if segments[0] or "" in segments[1:-1] or "." in segments or ".." in segments:
        raise Turned(Problem.UNKNOWN_PATH, f"nothing is served at {_text(raw)}")


def _text(value: bytes) -> str:
    return shown(value.decode("latin-1"))
