"""What is wrong with an answer on purpose, byte by byte, and requests read by hand: for servers of tests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol


class Faulty(Protocol):
    """A server; *over* is set when it ends."""

    over: asyncio.Event


Say = Callable[[Faulty, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Heard:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


async def heard(reader: asyncio.StreamReader) -> Heard:
    """Raises IncompleteReadError where the client goes away."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Heard(method, path, headers, body)


def message(status: int, body: bytes, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    return head.encode() + body


def saying(status: int, body: bytes = b"", more: str = "") -> Say:
    async def say(_: Faulty, writer: asyncio.StreamWriter) -> None:
        writer.write(message(status, body, more))
        await writer.drain()

    return say


async def stay_silent(server: Faulty, _: asyncio.StreamWriter) -> None:
    await server.over.wait()


async def reset(_: Faulty, writer: asyncio.StreamWriter) -> None:
    """Break the connection in the middle of the answer."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def drip(server: Faulty, writer: asyncio.StreamWriter) -> None:
    """Answer a little at a time, and never all."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not server.over.is_set():
        writer.write(b" " * 16)
        await writer.drain()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.over.wait(), 0.05)


async def flood(_: Faulty, writer: asyncio.StreamWriter) -> None:
    """Answer 200 MB."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000000\r\n\r\n")
    for _count in range(3000):
        writer.write(b" " * 65536)
        await writer.drain()


SERVER_ERRORS: dict[int, Say] = {
    500: saying(500, b"Traceback: boom"),
    502: saying(502, b"<html>Bad Gateway</html>"),
    503: saying(503, more="Retry-After: 1\r\n"),
    429: saying(429, more="Retry-After: 1\r\n"),
}
A_PAGE: Say = saying(200, b"<html>Sign in</html>")
