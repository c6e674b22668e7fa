"""An issuer on loopback: discovery document, keys and token endpoint, each with faults on demand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from aiohttp.abc import AbstractResolver, ResolveResult

TENANT = "853d9f4f-c71b-4420-b6ec-60e503458946"


class Part(StrEnum):
    DOCUMENT = "document"
    KEYS = "keys"
    TOKEN = "token"


class Fault(StrEnum):
    REFUSED = "connection refused"
    NAME_UNKNOWN = "a name that no server knows"
    UNTRUSTED = "a certificate that nobody trusts"
    TIMEOUT = "no answer"
    RESET = "reset in the middle of the answer"
    STATUS_500 = "500"
    STATUS_502 = "502"
    STATUS_503 = "503 with Retry-After"
    STATUS_429 = "429 with Retry-After"
    STATUS_404 = "404"
    REDIRECT = "301"
    GARBAGE = "a page of HTML with 200"
    DRIP = "16 bytes a second"
    OVERSIZED = "an answer of 200 MB"


OF_CONNECTIONS = frozenset({Fault.REFUSED, Fault.NAME_UNKNOWN, Fault.UNTRUSTED})


@dataclass
class Asked:
    part: Part
    path: str
    headers: dict[str, str]
    form: dict[str, str] = field(default_factory=dict)


Answer = tuple[int, Any]


class IssuerServer:
    """Use as an async context manager. *tls*: serve https with it."""

    def __init__(self, keys: list[Any] | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.keys: Any = {"keys": keys or []}
        self.keys_status = 200
        self.document: dict[str, Any] = {}
        self.asked: list[Asked] = []
        self.fired: Counter[tuple[Part, Fault]] = Counter()
        self.give: Callable[[dict[str, str]], Answer] = lambda form: (400, {"error": "unsupported"})
        self._tls = tls
        self._faults: dict[Part, list[Fault]] = {part: [] for part in Part}
        self._over = asyncio.Event()
        self._served: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> IssuerServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self._hole = socket.socket()
        self._hole.bind(("127.0.0.1", 0))  # bound and not listening: every connection is refused
        self.hole = f"http://127.0.0.1:{self._hole.getsockname()[1]}/issuer"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._hole.close()
        self._server.close()
        await self._server.wait_closed()
        if self._served:
            await asyncio.wait(self._served, timeout=20)
        await asyncio.sleep(0)

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def authority(self) -> str:
        return f"{self.origin}/issuer"

    @property
    def issuer(self) -> str:
        return f"{self.authority}/{TENANT}/v2.0"

    def will(self, part: Part, *faults: Fault) -> None:
        """Answer the next requests for *part* with *faults*, one each."""
        self._faults[part].extend(faults)

    def recover(self) -> None:
        for faults in self._faults.values():
            faults.clear()

    def count(self, part: Part) -> int:
        return sum(asked.part is part for asked in self.asked)

    def forms(self) -> list[dict[str, str]]:
        return [asked.form for asked in self.asked if asked.part is Part.TOKEN]

    # ---- serving

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            asked = await _read(reader)
            self.asked.append(asked)
            faults = self._faults[asked.part]
            if faults:
                fault = faults.pop(0)
                self.fired[asked.part, fault] += 1
                await _FAULTS[fault](self, writer)
            else:
                status, body = self._answer(asked)
                writer.write(message(status, body if isinstance(body, bytes) else json.dumps(body).encode()))
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def _answer(self, asked: Asked) -> Answer:
        if asked.part is Part.KEYS:
            return self.keys_status, self.keys
        if asked.part is Part.TOKEN:
            return self.give(asked.form)
        tenant = asked.path.split("/")[2]
        here = f"{self.authority}/{tenant}"
        return 200, {
            "issuer": f"https://login.microsoftonline.com/{tenant}/v2.0",
            "jwks_uri": f"{here}/discovery/v2.0/keys",
            "token_endpoint": f"{here}/oauth2/v2.0/token",
            "authorization_endpoint": f"{here}/oauth2/v2.0/authorize",
            **self.document,
        }

    async def silent(self, writer: asyncio.StreamWriter) -> None:
        await self._over.wait()

    async def reset(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await writer.drain()
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async def redirect(self, writer: asyncio.StreamWriter) -> None:
        writer.write(message(301, b"", f"Location: {self.origin}/elsewhere\r\n"))

    async def drip(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not self._over.is_set():
            writer.write(b" " * 16)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), 0.05)

    async def flood(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
        for _ in range(3000):
            writer.write(b" " * 65536)
            await writer.drain()


def _saying(status: int, body: bytes = b"", more: str = "") -> Callable[..., Awaitable[None]]:
    async def say(_: IssuerServer, writer: asyncio.StreamWriter) -> None:
        writer.write(message(status, body, more))

    return say


_FAULTS: dict[Fault, Callable[[IssuerServer, asyncio.StreamWriter], Awaitable[None]]] = {
    Fault.TIMEOUT: IssuerServer.silent,
    Fault.RESET: IssuerServer.reset,
    Fault.STATUS_500: _saying(500, b"Traceback: boom"),
    Fault.STATUS_502: _saying(502, b"<html>Bad Gateway</html>"),
    Fault.STATUS_503: _saying(503, more="Retry-After: 1\r\n"),
    Fault.STATUS_429: _saying(429, more="Retry-After: 1\r\n"),
    Fault.STATUS_404: _saying(404, b'{"error":"no such page"}'),
    Fault.REDIRECT: IssuerServer.redirect,
    Fault.GARBAGE: _saying(200, b"<html>Sign in</html>"),
    Fault.DRIP: IssuerServer.drip,
    Fault.OVERSIZED: IssuerServer.flood,
}


class NoNames(AbstractResolver):
    """A resolver that knows no name."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        raise OSError(socket.EAI_NONAME, "Name or service not known")

    async def close(self) -> None:
        return


def message(status: int, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    return head.encode() + body


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    _, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    part = Part.TOKEN if path.endswith("/token") else Part.KEYS if path.endswith("/keys") else Part.DOCUMENT
    return Asked(part, path, headers, dict(parse_qsl(body.decode())))
