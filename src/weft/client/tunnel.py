"""The proxy of `weft exec`: brings calls to Fabric's hosts to the local one, and decides about all others.

It passes bytes on and reads none of them: TLS is between the command and the server. It answers CONNECT only.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from weft.catalog.addresses import is_loopback
from weft.contracts.hosts import ANSWERED_HOSTS, is_kept_away

HOST: Final = "127.0.0.1"
HTTPS: Final = 443
CHUNK_BYTES: Final = 64 * 1024
LINGER_BYTES: Final = 1024 * 1024
LINGER_SECONDS: Final = 2.0

_HEAD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^ \r\n]+) HTTP/1\.[01]\r\n")
_TARGET = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z_-][0-9A-Za-z._-]{0,252}):([0-9]{1,5})")
_REASONS: Final = {400: "Bad Request", 405: "Method Not Allowed", 408: "Request Timeout", 431: "Too Large"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelLimits:
    connections: int = 512
    head_bytes: int = 16 * 1024
    head_seconds: float = 10.0
    connect_seconds: float = 15.0
    idle_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Target:
    """*host* in lower case, without brackets and without a dot at its end, where a name may have one."""

    host: str
    port: int


class TunnelRefused(Exception):
    """A call that is not passed on. The reason is one line for whoever reads the client's error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Tunnel:
    """Use it as an asynchronous context; within it *url* is its address.

    *fabric* tells the port of the local Fabric, None where none runs. It may block, and is asked anew for
    each call: a server that was restarted has another port.
    """

    def __init__(
        self,
        fabric: Callable[[], int | None],
        *,
        allows_other_hosts: bool = False,
        limits: TunnelLimits | None = None,
    ) -> None:
        self._fabric = fabric
        self._allows_other_hosts = allows_other_hosts
        self._limits = limits or TunnelLimits()
        self.url = ""
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, 0, limit=self._limits.head_bytes)
        self.url = f"http://{HOST}:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.get_running_loop().create_task(self._serve(reader, writer), name="tunnel")
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._pass_on(reader, writer)
        except TunnelRefused as refused:
            with contextlib.suppress(OSError, TimeoutError):
                await _tell(refused, reader, writer)
        except OSError:
            pass  # one of the two went away: there is nobody to be told
        finally:
            writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Raises TunnelRefused, and OSError where a connection broke."""
        if len(self._calls) > self._limits.connections:
            raise TunnelRefused(503, f"weft exec passes on {self._limits.connections} calls at once")
        target = await self._read_target(reader)
        there, back = await self._connected(target)
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await _both_ways(reader, writer, there, back, self._limits.idle_seconds)
        finally:
            back.close()

    async def _read_target(self, reader: asyncio.StreamReader) -> Target:
        try:
            async with asyncio.timeout(self._limits.head_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            raise TunnelRefused(408, "the head of the request did not come") from None
        except asyncio.LimitOverrunError:
            raise TunnelRefused(431, "the head of the request is too long") from None
        except asyncio.IncompleteReadError:
            raise ConnectionAbortedError from None
        return target_of(head)

    async def _connected(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises TunnelRefused."""
        host, port = target.host, target.port
        if not is_loopback(host):
            if is_answered(target):
                host, port = HOST, await self._fabric_port()
            else:
                check_other(target, allowed=self._allows_other_hosts)
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                return await asyncio.open_connection(host, port, limit=CHUNK_BYTES)
        except (OSError, TimeoutError, UnicodeError) as fault:
            reason = type(fault).__name__ if isinstance(fault, TimeoutError) else str(fault)
            raise TunnelRefused(502, f"{target.host}:{target.port} cannot be reached: {reason}") from None

    async def _fabric_port(self) -> int:
        port = await asyncio.to_thread(self._fabric)
        if port is None:
            raise TunnelRefused(502, "the weft server that answers for Fabric does not run any more")
        return port


def target_of(head: bytes) -> Target:
    """Return what a request asks to be connected with. Raises TunnelRefused."""
    line = _HEAD.match(head)
    if line is None:
        raise TunnelRefused(400, "this is no HTTP request")
    if line[1] != b"CONNECT":
        raise TunnelRefused(405, "weft exec passes on https only, through CONNECT")
    found = _TARGET.fullmatch(line[2].decode("latin-1"))
    if found is None or not 0 < int(found[2]) < 65536:
        raise TunnelRefused(400, "CONNECT needs a host and a port")
    return Target(found[1].strip("[]").lower().rstrip("."), int(found[2]))


def is_answered(target: Target) -> bool:
    return target.host in ANSWERED_HOSTS and target.port == HTTPS


def check_other(target: Target, *, allowed: bool) -> None:
    """Raises TunnelRefused where a host that we do not answer for is not passed on."""
    if is_kept_away(target.host):
        raise TunnelRefused(
            403, f"{target.host}:{target.port} is Fabric's, and weft does not answer for it: nothing was sent"
        )
    if not allowed:
        raise TunnelRefused(
            403, f"{target.host} is not Fabric: weft exec --allow-other-hosts passes its calls on"
        )


async def _both_ways(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    there: asyncio.StreamReader,
    back: asyncio.StreamWriter,
    idle_seconds: float,
) -> None:
    """Copy until both sides have ended, one of them broke, or nothing was said for too long."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(idle_seconds) as patience, asyncio.TaskGroup() as both:

            def lives() -> None:
                patience.reschedule(loop.time() + idle_seconds)

            both.create_task(_copy(reader, back, lives))
            both.create_task(_copy(there, writer, lives))
    except* (OSError, TimeoutError):
        pass  # whoever is left sees its connection end, as it would without us


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lives: Callable[[], None]
) -> None:
    while chunk := await reader.read(CHUNK_BYTES):
        lives()
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


async def _tell(refused: TunnelRefused, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer, and let the client read it: a close with unread input would reset the connection."""
    writer.write(_answer(refused))
    writer.write_eof()
    async with asyncio.timeout(LINGER_SECONDS):
        await writer.drain()
        left = LINGER_BYTES
        while left > 0 and (unread := await reader.read(CHUNK_BYTES)):
            left -= len(unread)


def _answer(refused: TunnelRefused) -> bytes:
    """The reason stands in the first line too: many clients show nothing else."""
    reason = "".join(c for c in refused.reason if " " <= c <= "~")
    allow = "allow: CONNECT\r\n" if refused.status == 405 else ""
    body = f"{reason}\n".encode()
    head = (
        f"HTTP/1.1 {refused.status} {_REASONS.get(refused.status, reason)}\r\n{allow}"
        f"content-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
