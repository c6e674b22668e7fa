"""Two ways to send a request of a test: to an ASGI app in this process, and to a server over HTTP/1.1."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.transcripts.player import Answer, Request

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class InProcess:
    """Calls the app as uvicorn does: path decoded, header names in lower case, the body in one piece."""

    def __init__(self, app: App, *, host: str = "127.0.0.1:7431") -> None:
        self._app = app
        self._host = host
        self.body_arrives = True  # False: a client that announces a body and never sends it

    async def send(self, request: Request) -> Answer:
        path, _, query = request.target.partition("?")
        headers = [(name.lower().encode("latin-1"), _bytes(value)) for name, value in request.headers]
        if request.body:
            headers.append((b"content-length", str(len(request.body)).encode()))
        scope: Message = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode("utf-8"),
            "query_string": query.encode("utf-8"),
            "root_path": "",
            "headers": [(b"host", self._host.encode()), *headers],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 7431),
            "state": {},
        }
        sent: list[Message] = []
        incoming = iter([{"type": "http.request", "body": request.body, "more_body": False}])

        async def receive() -> Message:
            if not self.body_arrives:
                await asyncio.Event().wait()
            return next(incoming, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        start, *parts = sent
        return Answer(
            start["status"],
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]],
            b"".join(part.get("body", b"") for part in parts),
        )


class OverHttp:
    """Opens a connection for each request to the server at *base_url* (`http://host:port`)."""

    def __init__(self, base_url: str, *, timeout_seconds: float = 30.0) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "", parts.port
        self._timeout_seconds = timeout_seconds

    async def send(self, request: Request) -> Answer:
        return await asyncio.to_thread(self._send, request)

    def _send(self, request: Request) -> Answer:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_seconds)
        try:
            connection.putrequest(request.method, request.target, skip_accept_encoding=True)
            for name, value in request.headers:
                connection.putheader(name, _bytes(value))
            if request.body or request.method in {"POST", "PUT", "PATCH"}:
                connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            return Answer(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()


def _bytes(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
