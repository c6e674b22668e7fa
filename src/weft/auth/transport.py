"""How weft asks an issuer: over one session, with a hard deadline, a bounded answer, and no redirects."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """`start` it before the first call, and `close` it at the end.

    *tls*: what trusts the issuer's certificate; None: what the machine trusts. *resolver*: looks up names.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> None:
        self._tls = tls
        self._resolver = resolver
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, resolver=self._resolver),
            timeout=aiohttp.ClientTimeout(total=None),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "weft"},
            auto_decompress=False,
            trust_env=False,
        )

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
                self._session.request(
                    method,
                    URL(url, encoded=True),
                    headers=headers,
                    data=form,
                    allow_redirects=False,
                    ssl=self._tls or True,
                ) as answer,
            ):
                return Response(answer.status, dict(answer.headers), await _bounded(answer))
        except TimeoutError:
            raise Unreachable(f"no whole answer within {self._seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unreachable(f"no answer: {type(error).__name__}") from None


async def _bounded(answer: aiohttp.ClientResponse) -> bytes:
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Unreachable("the answer is compressed, which was not asked for")
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > ANSWER_BYTES:
            raise Unreachable(f"the answer is longer than {ANSWER_BYTES} bytes")
    return bytes(content)
