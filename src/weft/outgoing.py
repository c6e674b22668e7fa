"""Requests to other servers: with a hard deadline, a bounded answer, and nobody in between.

No redirect is followed, no proxy of the environment used, no cookie kept, and nothing unpacked: what is sent
goes to the host of the given URL and to no other. aiohttp takes a while to load, so who may have nothing to
ask imports this late.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

ANSWER_BYTES: Final = 1024 * 1024
ANSWER_SECONDS: Final = 5.0
CONNECTIONS: Final = 16


class Unreachable(Exception):
    """There was no answer that can be used; the message says why and holds nothing that was sent."""


class BodyRefused(Exception):
    """A body that is longer than it may be, or compressed unasked."""


@dataclass(frozen=True, slots=True)
class Response:
    """*headers* are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """`start` it before the first call, and `close` it at the end.

    *tls*: what trusts the other server; None: what the machine trusts. *resolver*: looks up names.
    *answer_bytes*: the longest body that is read. *connections*: how many calls there are at once.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        seconds: float = ANSWER_SECONDS,
        answer_bytes: int = ANSWER_BYTES,
        connections: int = CONNECTIONS,
    ) -> None:
        self._tls = tls
        self._resolver = resolver
        self._seconds = seconds
        self._answer_bytes = answer_bytes
        self._connections = connections
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = new_session(aiohttp.TCPConnector(limit=self._connections, resolver=self._resolver))

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the answer, of whatever status. Raises Unreachable."""
        if self._session is None:
            raise Unreachable("it is not asked before start, nor after close")
        try:
            async with (
                asyncio.timeout(self._seconds),
                request(self._session, method, url, headers=headers, data=form, tls=self._tls) as answer,
            ):
                body = await bounded(answer, self._answer_bytes)
                return Response(answer.status, answer.headers, body)
        except BodyRefused as refused:
            raise Unreachable(str(refused)) from None
        except TimeoutError:
            raise Unreachable(f"no whole answer within {self._seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"no answer: {type(error).__name__}") from None


def new_session(
    connector: aiohttp.TCPConnector, *, connect_seconds: float | None = None
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "weft"},
        auto_decompress=False,
        trust_env=False,
    )


def request(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None,
    data: bytes | Mapping[str, str] | None,
    tls: ssl.SSLContext | None,
) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    return session.request(
        method, URL(url, encoded=True), headers=headers, data=data, allow_redirects=False, ssl=tls or True
    )


async def bounded(answer: aiohttp.ClientResponse, most_bytes: int) -> bytes:
    """Return the body. Raises BodyRefused."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BodyRefused("the answer is compressed, which was not asked for")
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > most_bytes:
            raise BodyRefused(f"the answer is longer than {most_bytes} bytes")
    return bytes(content)
