"""The connections of one client: to the server, and to its second listener, which serves several hosts."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.answers import Answer, read_answer
from tests.fuzz.message import Request
from weft.contracts.hosts import CORE_HOST

Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Places:
    """*fabric* is the port of the second listener, which *tls* trusts."""

    host: str
    port: int
    fabric: int
    tls: ssl.SSLContext

    @classmethod
    def of(cls, host: str, told: dict[str, Any], port: int, data: Path) -> Places:
        """*told* is what the server says of itself in `server.json`."""
        tls = ssl.create_default_context(cafile=data / "fabric" / "ca.pem")
        return cls(host, port, told["fabric"], tls)

    async def open(self, *, fabric: bool) -> Line:
        if not fabric:
            return await asyncio.open_connection(self.host, self.port)
        return await asyncio.open_connection(
            "127.0.0.1", self.fabric, ssl=self.tls, server_hostname=CORE_HOST
        )


@dataclass
class Lines:
    """Sends requests one after the other, over a connection to each listener, opened anew where it ended."""

    places: Places
    _open: dict[bool, Line] = field(default_factory=dict)

    async def exchange(self, request: Request) -> Answer | None:
        """Return the answer, None where there was none. Raises TimeoutError and ConnectionError."""
        line = self._open.get(request.fabric)
        if line is None:
            line = self._open[request.fabric] = await self.places.open(fabric=request.fabric)
        try:
            line[1].write(request.encoded())
            answer = await read_answer(line[0], request)
        except BaseException:
            self._drop(request)
            raise
        if answer is None or "close" in answer.headers.get("connection", ""):
            self._drop(request)
        return answer

    def close(self) -> None:
        for _, writer in self._open.values():
            writer.close()
        self._open.clear()

    def _drop(self, request: Request) -> None:
        _, writer = self._open.pop(request.fabric)
        writer.close()
