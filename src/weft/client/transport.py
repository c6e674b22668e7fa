"""One HTTP call: sent, sent again where the server asks for patience, and a refusal made an error."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from weft.client.errors import ApiError, ServerUnreachable, UnreadableAnswer

T = TypeVar("T")

BUSY = frozenset({429, 503})
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """*attempts* of a call in all, where the server is busy and says when it may be called again.

    A server that asks for a longer pause than *longest_pause_seconds* is not waited for. *told* hears of each
    pause, in seconds, before it begins.
    """

    attempts: int = 5
    longest_pause_seconds: float = 60
    call_seconds: float = 60
    told: Callable[[float], None] | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def read(self, type: type[T]) -> T:
        """Raises UnreadableAnswer."""
        try:
            return msgspec.json.decode(self.body, type=type)
        except UNREADABLE as fault:
            raise UnreadableAnswer(self.url, str(fault)) from None

    @property
    def retry_after_seconds(self) -> float | None:
        """The pause the server asks for, where it gives one in seconds."""
        given = self.headers.get("Retry-After", "")
        return float(given) if given.isascii() and given.isdigit() else None


class Transport:
    """Calls one server with one token, over connections that it keeps.

    Redirects are not followed and no proxy is taken from the environment: both would hand the token on.
    """

    def __init__(self, url: str, token: str, patience: Patience, certificate: Path | None = None) -> None:
        """Raises ValueError where *url* is no address, OSError where *certificate* cannot be read as PEM."""
        self.url = _base(url)
        self._token = token
        self._patience = patience
        self._trusts = None if certificate is None else ssl.create_default_context(cafile=certificate)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        again_after: Collection[int] = BUSY,
    ) -> Reply:
        """Return the answer of a success. Raises ApiError, ServerUnreachable, UnreadableAnswer.

        A call is sent again after an answer with a status of *again_after* and a Retry-After. After 429
        nothing was done; after 503 a write may have been kept: leave it out where twice does harm.
        """
        for attempts_left in reversed(range(self._patience.attempts)):
            reply = await self._send(method, path, query or {}, body, headers)
            if reply.status < 300:
                return reply
            pause = self._pause(reply) if attempts_left and reply.status in again_after else None
            if pause is None:
                raise _refusal(reply)
            if self._patience.told is not None:
                self._patience.told(pause)
            await asyncio.sleep(pause)
        raise AssertionError("unreachable: there is at least one attempt, and the last one returns or raises")

    def _pause(self, reply: Reply) -> float | None:
        pause = reply.retry_after_seconds
        return None if pause is None or pause > self._patience.longest_pause_seconds else pause

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], body: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        url = self.url + path
        sent = headers if body is None else {**headers, "Content-Type": "application/json"}
        try:
            async with self._open().request(
                method, url, params=query, data=body, headers=sent, allow_redirects=False
            ) as response:
                return Reply(url, response.status, response.headers, await response.read())
        except TimeoutError:
            reason = f"nothing within {self._patience.call_seconds:g} seconds"
            raise ServerUnreachable(self.url, reason) from None
        except (aiohttp.ClientError, OSError) as broken:
            raise ServerUnreachable(self.url, _reason(broken)) from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=True if self._trusts is None else self._trusts),
                headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"},
                timeout=aiohttp.ClientTimeout(total=self._patience.call_seconds),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session


def _base(url: str) -> str:
    """Raises ValueError where *url* is no address of a server."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no address such as http://127.0.0.1:7431")
    return url.rstrip("/")


def _reason(broken: Exception) -> str:
    if isinstance(broken, aiohttp.ClientConnectorError):
        return broken.os_error.strerror or "no connection"
    return str(broken) or type(broken).__name__


class _Said(msgspec.Struct, rename="camel"):
    """What any of the contracts says is wrong; some errors of Digital Twins have a status and no code."""

    error_code: str | None = None
    code: str | None = None
    status_code: int | None = None
    message: str = ""
    request_id: str | None = None


class _Envelope(_Said):
    error: _Said | None = None


def _refusal(reply: Reply) -> ApiError | UnreadableAnswer:
    code, said = None, None
    with contextlib.suppress(*UNREADABLE):
        said = msgspec.json.decode(reply.body, type=_Said)
        # In Core's own error, a member "error" is something else: what a workload said, for the portal.
        if said.error_code is None:
            said = msgspec.json.decode(reply.body, type=_Envelope).error or said
        code = said.error_code or said.code or (said.status_code and _phrase(said.status_code))
    if said is None or not code:
        return UnreadableAnswer(reply.url, f"status {reply.status} without an error of the contract")
    request_id = said.request_id or reply.headers.get("RequestId") or reply.headers.get("mise-correlation-id")
    return ApiError(reply.status, code, said.message, request_id)


def _phrase(status: int) -> str:
    """Return the name of a status in the manner of error codes: TooManyRequests."""
    return http.client.responses.get(status, "Error").replace(" ", "")


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)
