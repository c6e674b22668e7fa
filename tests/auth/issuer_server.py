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

from tests.http_faults import A_PAGE, SERVER_ERRORS, drip, flood, heard, message, reset, saying, stay_silent

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
        self.over = asyncio.Event()
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
        self.over.set()
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

    async def redirect(self, writer: asyncio.StreamWriter) -> None:
        writer.write(message(301, b"", f"Location: {self.origin}/elsewhere\r\n"))


_FAULTS: dict[Fault, Callable[[IssuerServer, asyncio.StreamWriter], Awaitable[None]]] = {
    Fault.TIMEOUT: stay_silent,
    Fault.RESET: reset,
    Fault.STATUS_500: SERVER_ERRORS[500],
    Fault.STATUS_502: SERVER_ERRORS[502],
    Fault.STATUS_503: SERVER_ERRORS[503],
    Fault.STATUS_429: SERVER_ERRORS[429],
    Fault.STATUS_404: saying(404, b'{"error":"no such page"}'),
    Fault.REDIRECT: IssuerServer.redirect,
    Fault.GARBAGE: A_PAGE,
    Fault.DRIP: drip,
    Fault.OVERSIZED: flood,
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


async def _read(reader: asyncio.StreamReader) -> Asked:
    request = await heard(reader)
    path = request.path
    part = Part.TOKEN if path.endswith("/token") else Part.KEYS if path.endswith("/keys") else Part.DOCUMENT
    return Asked(part, path, request.headers, dict(parse_qsl(request.body.decode())))
