"""One HTTP call: sent, sent again where the server asks for patience, and a refusal made an error."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec

from weft.client.errors import ApiError, ServerUnreachable, UnreadableAnswer

T = TypeVar("T")

BUSY = frozenset({429, 503})
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """*attempts* of a call in all, where the server is busy and says when it may be called again.

    A server that asks for a longer pause than *longest_pause_seconds* is not waited for.
    """

    attempts: int = 5
    longest_pause_seconds: float = 60
    call_seconds: float = 60


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

    def __init__(self, url: str, token: str, patience: Patience) -> None:
        self.url = _base(url)
        self._token = token
        self._patience = patience
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
        again_after: Collection[int] = BUSY,
    ) -> Reply:
        """Return the answer of a success. Raises ApiError, ServerUnreachable, UnreadableAnswer.

        A call is sent again after an answer with a status of *again_after* and a Retry-After. After 429
        nothing was done; after 503 a write may have been kept: leave it out where twice does harm.
        """
        for attempts_left in reversed(range(self._patience.attempts)):
            reply = await self._send(method, path, query or {}, body)
            if reply.status < 300:
                return reply
            pause = self._pause(reply) if attempts_left and reply.status in again_after else None
            if pause is None:
                raise _refusal(reply)
            await asyncio.sleep(pause)
        raise AssertionError("unreachable: there is at least one attempt, and the last one returns or raises")

    def _pause(self, reply: Reply) -> float | None:
        pause = reply.retry_after_seconds
        return None if pause is None or pause > self._patience.longest_pause_seconds else pause

    async def _send(self, method: str, path: str, query: Mapping[str, str], body: bytes | None) -> Reply:
        url = self.url + path
        headers = {} if body is None else {"Content-Type": "application/json"}
        try:
            async with self._open().request(
                method, url, params=query, data=body, headers=headers, allow_redirects=False
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


class _Envelope(msgspec.Struct, rename="camel"):
    error_code: str
    message: str = ""
    request_id: str | None = None


def _refusal(reply: Reply) -> ApiError | UnreadableAnswer:
    try:
        said = msgspec.json.decode(reply.body, type=_Envelope)
    except UNREADABLE:
        return UnreadableAnswer(reply.url, f"status {reply.status} without an error of the contract")
    request_id = said.request_id or reply.headers.get("RequestId")
    return ApiError(reply.status, said.error_code, said.message, request_id)


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)
