"""A storage account that misbehaves, and a listener that nobody may call."""

from __future__ import annotations

import asyncio
import random
import re
from asyncio import StreamReader, StreamWriter
from dataclasses import dataclass, field

_RANGE = re.compile(rb"(?im)^(?:x-ms-)?range: *bytes=(\d+)-(\d+)")
_LENGTH = re.compile(rb"(?im)^content-length: *(\d+)")


@dataclass
class Storage:
    """Serves *content* as every blob, takes every log, and now and then answers as it should not."""

    content: bytes
    chance: random.Random
    calls_forbidden: int = 0
    _servers: list[asyncio.Server] = field(default_factory=list)

    async def start(self) -> None:
        for talk in (self._serve, self._count):
            self._servers.append(await asyncio.start_server(talk, "127.0.0.1", 0))

    async def close(self) -> None:
        for server in self._servers:
            server.close()

    @property
    def url(self) -> str:
        return f"http://{_address(self._servers[0])}/account"

    @property
    def forbidden(self) -> str:
        return _address(self._servers[1])

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                writer.write(self._answer(head))
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has heard enough
        finally:
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        dice = self.chance.random()
        if dice < 0.15:
            return _said(self.chance.choice((403, 404, 409, 412, 416)), b"<Error/>")
        if dice < 0.2:
            return _said(302, b"", f"Location: http://{self.forbidden}/c/b")
        if dice < 0.22:
            return b"no HTTP at all\r\n\r\n"
        return _said(201, b"", 'ETag: "1"') if head.startswith(b"PUT") else self._blob(head)

    def _blob(self, head: bytes) -> bytes:
        named = 'ETag: "1"\r\nx-ms-blob-type: BlockBlob'
        found = _RANGE.search(head)
        if found is None:
            said = _said(200, self.content, named)
            return said.removesuffix(self.content) if head.startswith(b"HEAD") else said
        start, last = int(found[1]), int(found[2])
        part = self.content[start : last + 1]
        place = f"Content-Range: bytes {start}-{start + len(part) - 1}/{len(self.content)}"
        return _said(206, part, f"{named}\r\n{place}")

    async def _count(self, _: StreamReader, writer: StreamWriter) -> None:
        self.calls_forbidden += 1
        writer.close()


def _said(status: int, body: bytes, *headers: str) -> bytes:
    lines = (f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _address(server: asyncio.Server) -> str:
    host, port = server.sockets[0].getsockname()
    return f"{host}:{port}"
